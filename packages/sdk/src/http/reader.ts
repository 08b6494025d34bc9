import { whenAborted } from './abort.ts'
import { isOutlastError, OutlastError } from './error.ts'
import type { CallOptions, Http, Query } from './http.ts'
import { expectType, notOutlast } from './media-type.ts'
import { eachOf } from './portions.ts'
import { backoff, isTemporary, pause, retryAfterMsMax } from './retry.ts'
import { createFrameParser, type Frame } from './sse.ts'

/** Settings of the connections of a stream. */
export type ConnectionOptions = Pick<CallOptions, 'signal' | 'headers'> & {
  /** Silence in ms that replaces a connection. Default: 30,000; servers send every 10 s. */
  silenceMs?: number
  /** Consecutive failures after which the stream gives up. Default: none. */
  retriesMax?: number
  /** Called when a connection is open, and when it was lost. */
  onConnection?: (state: { isOpen: boolean; error?: OutlastError }) => void
}

/** The items of a stream, and the position of its reader. */
export type Source<T> = {
  path: string
  /** Query of the next connection. */
  query: () => Query
  /** Returns the item of a frame, or undefined. Also called for `connected`. */
  take: (frame: Frame) => T | undefined
  /** Reads items without a stream, behind a proxy that buffers streams. Contract: never throws. */
  otherwise: (about: CallOptions) => Promise<readonly T[]>
  /** Returns true if it moved the position, so that the next connection avoids the error. */
  recover?: (error: unknown) => boolean
}

const backoffMs = { first: 200, most: 10_000 }
const retryMsDefault = 100
/** Servers send `connected` at once. A connection that is silent for this time is buffered. */
const firstMsMax = 10_000
/** A connection that was open for this time does not count as a failure. */
const steadyMs = 10_000

/**
 * Reads the items of a source through one connection after another.
 * Contract: replaces connections that end or are silent. Ends only with its signal (and then throws
 * its reason), by `break`, or with an error that a retry cannot fix.
 */
export function readStream<T>(
  http: Http,
  source: Source<T>,
  options: ConnectionOptions,
): AsyncIterableIterator<T, void, undefined> {
  const over = new AbortController()
  const portions = portionsOf(http, source, { options, over })
  return eachOf(portions, { signal: options.signal, close: () => over.abort() })
}

type Streaming = { options: ConnectionOptions; over: AbortController }

/** Yields the items of each network chunk, from one connection after another until `over`. */
async function* portionsOf<T>(
  http: Http,
  source: Source<T>,
  { options, over }: Streaming,
): AsyncGenerator<readonly T[], void, undefined> {
  const { signal, headers } = options
  const about = { signal: over.signal, retriesMax: 0, ...(headers && { headers }) }
  const tries = countTries(options)
  signal?.throwIfAborted()
  const unlisten = whenAborted(signal, () => over.abort())
  try {
    for (;;) {
      tries.begin()
      const connection = createConnection(over.signal, options)
      try {
        await connection.open(http, source)
        tries.opened()
        for (;;) {
          const frames = await connection.read()
          if (!frames) break
          const { items, retryMs, isNews } = read(frames, source)
          if (retryMs !== undefined) tries.announced(retryMs)
          if (isNews) tries.moved()
          if (items.length > 0) yield items
        }
      } catch (error) {
        if (!over.signal.aborted && source.recover?.(error)) tries.announced(retryMsDefault)
        else if (!over.signal.aborted) tries.failed(error)
      } finally {
        connection.close()
      }
      const waitMs = over.signal.aborted ? 0 : tries.waitMs()
      if (connection.isMute() && !over.signal.aborted) {
        const items = await source.otherwise(about)
        if (items.length > 0) {
          tries.moved()
          yield items
        }
      }
      if (!over.signal.aborted) await pause(waitMs, over.signal).catch(() => {})
      if (signal?.aborted) throw signal.reason
      if (over.signal.aborted) return
    }
  } finally {
    unlisten()
  }
}

/** Reads the items of frames, and the delay in ms before a reconnect if the server closes. */
function read<T>(frames: readonly Frame[], source: Source<T>) {
  const items: T[] = []
  let retryMs: number | undefined
  let isNews = false
  for (const frame of frames) {
    if (frame.event === 'disconnecting') retryMs = retryMsOf(frame)
    if (frame.event === 'disconnecting' || frame.event === 'heartbeat') continue
    const item = source.take(frame)
    if (item === undefined) continue
    items.push(item)
    isNews ||= frame.event !== 'connected'
  }
  return { items, retryMs, isNews }
}

/**
 * Counts failed connections of a stream and computes the pause before the next one.
 * Contract: `failed` throws an error that a retry cannot fix, and `waitMs` one that happened too
 * often in a row.
 */
function countTries({ onConnection, retriesMax = Number.POSITIVE_INFINITY }: ConnectionOptions) {
  let failures = 0
  let wasOpen = false
  let openedAt: number | undefined
  let retryMs: number | undefined
  let error: OutlastError | undefined
  return {
    begin() {
      openedAt = undefined
      retryMs = undefined
      error = undefined
    },
    opened() {
      openedAt = performance.now()
      wasOpen = true
      onConnection?.({ isOpen: true })
    },
    announced(ms: number) {
      retryMs = ms
    },
    moved() {
      failures = 0
    },
    failed(caught: unknown) {
      if (!isRetryable(caught, wasOpen)) throw caught
      error = caught
    },
    waitMs(): number {
      if (openedAt !== undefined && performance.now() - openedAt >= steadyMs) failures = 0
      const isAnnounced = retryMs !== undefined
      const why = error ?? new OutlastError('connection_failed', 'The stream ended.')
      if (failures >= retriesMax && !isAnnounced) throw why
      onConnection?.({ isOpen: false, ...(!isAnnounced && { error: why }) })
      const asked = Math.min(retryMs ?? why.retryAfterMs ?? 0, retryAfterMsMax)
      // The server sets the pause after an announced close, unless it is one of many in a row.
      const isCheap = isAnnounced && failures === 0
      const ms = isCheap ? asked : Math.max(asked, backoff(failures, backoffMs))
      failures += 1
      return ms
    },
  }
}

/** After a working stream, a foreign page means that the server behind a proxy is down. */
function isRetryable(error: unknown, wasOpen: boolean): error is OutlastError {
  if (!(error instanceof OutlastError)) return false
  const isPage = error.code === 'not_outlast' && error.status > 0
  return isTemporary(error) || error.status >= 500 || (isPage && wasOpen)
}

/**
 * Creates one connection. `read` returns the frames of one network read, undefined at the end.
 * Contract: after `close` or an abort of `signal`, no socket, timer or listener remains. It avoids
 * generators and promises, which are most of the cost when events arrive one by one.
 */
function createConnection(signal: AbortSignal, { silenceMs = 30_000, headers }: ConnectionOptions) {
  const closing = new AbortController()
  const unlisten = whenAborted(signal, () => closing.abort(signal.reason))
  const firstMs = Math.min(silenceMs, firstMsMax)
  const watch = watchSilence(closing)
  const parse = createFrameParser()
  let hasSpoken = false
  let isSilent = false
  let reader: ReturnType<typeof readerOf>

  /** Contract: throws the reason of the close, or an OutlastError. */
  function explain(error: unknown): never {
    isSilent = isOutlastError(closing.signal.reason ?? error, 'timeout')
    if (closing.signal.aborted) throw closing.signal.reason
    if (error instanceof OutlastError) throw error
    throw new OutlastError('connection_failed', 'The stream was interrupted.', { cause: error })
  }

  return {
    async open(
      http: Http,
      { path, query }: Pick<Source<unknown>, 'path' | 'query'>,
    ): Promise<void> {
      const request = { query: query(), accept: 'text/event-stream' }
      const about = { signal: closing.signal, retriesMax: 0, timeoutMs: firstMs }
      const asked = { ...about, ...(headers && { headers }) }
      reader = readerOf(await http.open('GET', path, request, asked).catch(explain))
      whenAborted(closing.signal, () => void reader.cancel().catch(() => {}))
    },
    async read(): Promise<Frame[] | undefined> {
      closing.signal.throwIfAborted()
      watch.begin(hasSpoken ? silenceMs : firstMs)
      try {
        const { done, value } = await reader.read()
        closing.signal.throwIfAborted()
        hasSpoken = true
        return done ? undefined : parse(value)
      } catch (error) {
        return explain(error)
      } finally {
        watch.end()
      }
    },
    /** Tests whether the connection timed out without any data. */
    isMute: () => isSilent && !hasSpoken,
    close() {
      unlisten()
      closing.abort()
    },
  }
}

/**
 * Closes a silent connection while it is being read. It uses two clocks: the wall clock advances
 * while a machine sleeps, so that a stream recovers soon after it wakes; the monotonic clock is
 * never set back.
 */
function watchSilence(closing: AbortController) {
  let isReading = false
  let limitMs = 0
  let wallMs = 0
  let steadyMs = 0
  let timer: ReturnType<typeof setInterval> | undefined
  const stop = () => {
    clearInterval(timer)
    timer = undefined
  }
  const look = () => {
    // Without a reader the timer stops, so that an abandoned stream keeps no program alive.
    if (!isReading) return stop()
    const silentMs = Math.max(Date.now() - wallMs, performance.now() - steadyMs)
    if (silentMs < limitMs) return
    closing.abort(new OutlastError('timeout', `The stream was silent for ${limitMs} ms.`))
  }
  whenAborted(closing.signal, stop)
  return {
    begin(silenceMs: number) {
      isReading = true
      limitMs = silenceMs
      wallMs = Date.now()
      steadyMs = performance.now()
      timer ??= setInterval(look, Math.min(silenceMs / 4, 5_000))
    },
    end() {
      isReading = false
    },
  }
}

function readerOf(response: Response) {
  const { body } = expectType(response, 'text/event-stream')
  if (!body) throw notOutlast(response)
  return body.getReader()
}

function retryMsOf({ data }: Frame): number {
  const { retry_ms } = parsed(data) as { retry_ms?: unknown }
  return typeof retry_ms === 'number' && retry_ms >= 0 ? retry_ms : retryMsDefault
}

/** Parses the JSON of a frame. */
export function parsed(data: string): unknown {
  try {
    return JSON.parse(data)
  } catch (cause) {
    throw new OutlastError('not_outlast', 'The stream contains data that is not an event.', {
      cause,
    })
  }
}
