import type { Event, EventType, StreamQuery } from '@outlast/contract'
import { OutlastError } from './error.ts'
import {
  backoff,
  type CallOptions,
  type Http,
  isTemporary,
  path,
  pause,
  type Query,
} from './http.ts'
import { createFrameParser, type Frame } from './sse.ts'

export type StreamOptions = Pick<CallOptions, 'signal' | 'headers'> &
  Pick<StreamQuery, 'since_id' | 'after_sequence' | 'accumulated'> & {
    types?: readonly EventType[]
    exclude?: readonly EventType[]
    /** A connection on which nothing comes for so long is dead. Servers say something every 10 s. Default: 30,000. */
    silenceMs?: number
    /** How often in a row a connection may fail before the stream gives up. Default: without end. */
    retriesMax?: number
    /** Told when the connection is there, and when it was lost. */
    onConnection?: (state: { isOpen: boolean; error?: OutlastError }) => void
  }

const backoffMs = { first: 200, most: 10_000 }
const retryMsDefault = 100

/**
 * The events of a session, stored ones first, then as they happen, without end.
 * Contract: each event once and in order, across lost and silent connections, restarts of the server and sleep of the
 * machine. Ends only with its signal (and then throws its reason), by `break`, or with an error that trying again does
 * not mend: a wrong key, a session that does not exist. Deltas come without `accumulated` unless it is asked for.
 */
export async function* streamEvents(
  http: Http,
  sessionId: string,
  options: StreamOptions = {},
): AsyncGenerator<Event, void, undefined> {
  const { signal, onConnection, retriesMax = Infinity } = options
  const place: Place = { since_id: options.since_id, after_sequence: options.after_sequence }
  let failures = 0
  for (;;) {
    let waitMs: number | undefined
    let error: OutlastError | undefined
    try {
      for await (const frames of framesOf(http, sessionId, { options, place })) {
        for (const frame of frames) {
          if (frame.event === 'disconnecting') waitMs = retryMsOf(frame)
          if (isLifecycle(frame)) continue
          failures = 0
          const event = eventOf(frame)
          if (isNew(event, place)) yield event
        }
      }
    } catch (caught) {
      signal?.throwIfAborted()
      error = caught as OutlastError
      if (!isTemporary(error) || failures >= retriesMax) throw error
    }
    onConnection?.({ isOpen: false, ...(error && { error }) })
    waitMs ??= error?.retryAfterMs ?? backoff(failures++, backoffMs)
    await pause(waitMs, signal)
  }
}

/** How far a reader is. */
type Place = {
  since_id: string | undefined
  after_sequence: number | undefined
  sequence?: number
}

/** Moves the place on. A stored event that was there already is not new, whatever a proxy repeats. */
function isNew(event: Event, place: Place): boolean {
  const { sequence } = event
  if (sequence !== undefined && sequence <= (place.sequence ?? 0)) return false
  if (sequence !== undefined) place.sequence = sequence
  place.since_id = event.id
  place.after_sequence = undefined
  return true
}

/** The frames of one connection, in the portions in which they come. Ends when the connection does, however that is. */
async function* framesOf(
  http: Http,
  sessionId: string,
  { options, place }: { options: StreamOptions; place: Place },
): AsyncGenerator<Frame[], void, undefined> {
  const { signal, headers, silenceMs = 30_000, onConnection } = options
  const closing = new AbortController()
  const abort = () => closing.abort(signal?.reason)
  signal?.addEventListener('abort', abort)
  const watch = watchSilence(closing, silenceMs)
  try {
    const query = queryOf(options, place)
    const response = await http.open(
      'GET',
      path`/v1/sessions/${sessionId}/sse`,
      { query, accept: 'text/event-stream' },
      { signal: closing.signal, retriesMax: 0, ...(headers && { headers }) },
    )
    const reader = readerOf(response)
    closing.signal.addEventListener('abort', () => void reader.cancel().catch(() => {}))
    onConnection?.({ isOpen: true })
    const parse = createFrameParser()
    for (;;) {
      const { done, value } = await watch.during(reader.read())
      closing.signal.throwIfAborted()
      if (done) return
      yield parse(value)
    }
  } catch (error) {
    if (closing.signal.aborted) throw closing.signal.reason
    if (error instanceof OutlastError) throw error
    throw new OutlastError('connection_failed', 'The stream broke off.', { cause: error })
  } finally {
    watch.stop()
    signal?.removeEventListener('abort', abort)
    closing.abort()
  }
}

/**
 * Closes a connection on which nothing comes. It goes by the clock on the wall, which goes on while a machine sleeps, so that
 * a stream is back soon after it wakes; and only while somebody reads.
 */
function watchSilence(closing: AbortController, silenceMs: number) {
  let readingSince = 0
  const timer = setInterval(
    () => {
      if (readingSince === 0 || Date.now() - readingSince < silenceMs) return
      closing.abort(new OutlastError('timeout', `The stream was silent for ${silenceMs} ms.`))
    },
    Math.min(silenceMs / 4, 5_000),
  )
  return {
    async during<T>(reading: Promise<T>): Promise<T> {
      readingSince = Date.now()
      try {
        return await reading
      } finally {
        readingSince = 0
      }
    },
    stop: () => clearInterval(timer),
  }
}

function readerOf(response: Response) {
  const type = response.headers.get('content-type') ?? 'no content type'
  if (!type.startsWith('text/event-stream') || !response.body) {
    throw new OutlastError('not_outlast', `Something else than Outlast answered: ${type}`, {
      status: response.status,
    })
  }
  return response.body.getReader()
}

function queryOf(options: StreamOptions, { since_id, after_sequence }: Place): Query {
  const { types, exclude, accumulated = false } = options
  return { since_id, after_sequence, types, exclude, accumulated }
}

const isLifecycle = ({ event }: Frame) =>
  event === 'connected' || event === 'disconnecting' || event === 'heartbeat'

function retryMsOf({ data }: Frame): number {
  const { retry_ms } = parsed(data) as { retry_ms?: unknown }
  return typeof retry_ms === 'number' && retry_ms >= 0 ? retry_ms : retryMsDefault
}

const eventOf = ({ data }: Frame) => parsed(data) as Event

function parsed(data: string): unknown {
  try {
    return JSON.parse(data)
  } catch (cause) {
    throw new OutlastError('not_outlast', 'The stream holds something else than events.', { cause })
  }
}
