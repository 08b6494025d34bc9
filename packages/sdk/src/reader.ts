import { whenAborted } from './abort.ts'
import { isOutlastError, OutlastError } from './error.ts'
import { backoff, type CallOptions, type Http, isTemporary, pause, type Query } from './http.ts'
import { eachOf } from './portions.ts'
import { createFrameParser, type Frame } from './sse.ts'

/** How the connections of a stream are kept up. */
export type ConnectionOptions = Pick<CallOptions, 'signal' | 'headers'> & {
  /** A connection without data for so long is dead. Servers send every 10 s. Default: 30,000. */
  silenceMs?: number
  /** How often in a row a connection may fail before the stream gives up. Default: without end. */
  retriesMax?: number
  /** Told when the connection is there, and when it was lost. */
  onConnection?: (state: { isOpen: boolean; error?: OutlastError }) => void
}

/** What is read, and how far a reader is. */
export type Source<T> = {
  path: string
  /** What the next connection asks for. */
  query: () => Query
  /** The item of a frame; undefined: none, or no news. Of stream frames only `connected`. */
  take: (frame: Frame) => T | undefined
  /** If proxies delay every connection: another way to the items. Contract: never throws. */
  otherwise: (about: CallOptions) => Promise<readonly T[]>
  /** True if the position changed after this error, so that the next connection avoids it. */
  recover?: (error: unknown) => boolean
}

const backoffMs = { first: 200, most: 10_000 }
const retryMsDefault = 100
/** A server may ask for a pause, but not for so long that the stream's state is unclear. */
const retryAfterMsMax = 60_000
/** Servers say something at once: a connection on which nothing has come by then brings nothing. */
const firstMsMax = 10_000
/** A connection that held so long has not failed, though nothing came. */
const steadyMs = 10_000

/**
 * What a source tells, through one connection after the other, without end.
 * Contract: whatever ends a connection or keeps it silent is mended by the next one. Ends only with
 * its signal (and then throws its reason), by `break`, or with an error that trying again does not
 * mend.
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

/** The items, in the chunks of the network, from one connection after the other until `over`. */
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

/** The items of frames, and the ms until a reconnect if the server closes. `connected` is none. */
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
 * What became of the connections of a stream, and when to make the next.
 * Contract: `failed` and `waitMs` throw what trying again does not mend, or what happened too often
 * in a row.
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
      if (!mayMend(caught, wasOpen)) throw caught
      error = caught
    },
    waitMs(): number {
      if (openedAt !== undefined && performance.now() - openedAt >= steadyMs) failures = 0
      const isAnnounced = retryMs !== undefined
      const why = error ?? new OutlastError('connection_failed', 'The stream ended.')
      if (failures >= retriesMax && !isAnnounced) throw why
      onConnection?.({ isOpen: false, ...(!isAnnounced && { error: why }) })
      const asked = Math.min(retryMs ?? why.retryAfterMs ?? 0, retryAfterMsMax)
      // An announced close costs what the server says, unless it is one of many in a row.
      const isCheap = isAnnounced && failures === 0
      const ms = isCheap ? asked : Math.max(asked, backoff(failures, backoffMs))
      failures += 1
      return ms
    },
  }
}

/** Where a stream once was, a page of something else is a proxy whose server is away. */
function mayMend(error: unknown, wasOpen: boolean): error is OutlastError {
  if (!(error instanceof OutlastError)) return false
  const isPage = error.code === 'not_outlast' && error.status > 0
  return isTemporary(error) || error.status >= 500 || (isPage && wasOpen)
}

/**
 * One connection. `read` gives the frames that one read brought, undefined at the end.
 * Contract: once it is closed, or `signal` is aborted, neither socket nor timer nor listener is
 * left. No generator, and as few promises as can be: a server that tells events one by one makes
 * this the most of what reading them costs.
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

  /** Contract: throws the reason for which it was closed, or an OutlastError. */
  function explain(error: unknown): never {
    isSilent = isOutlastError(closing.signal.reason ?? error, 'timeout')
    if (closing.signal.aborted) throw closing.signal.reason
    if (error instanceof OutlastError) throw error
    throw new OutlastError('connection_failed', 'The stream broke off.', { cause: error })
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
    /** Whether nothing at all came before its time was over. */
    isMute: () => isSilent && !hasSpoken,
    close() {
      unlisten()
      closing.abort()
    },
  }
}

/**
 * Closes a connection on which nothing comes, while somebody reads. It goes by two clocks: the one
 * on the wall goes on while a machine sleeps, so that a stream is back soon after it wakes; the
 * other one is never set back.
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
    // Nobody reads: nothing is to be watched, and a stream that was left lying about keeps no
    // program alive.
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

function readerOf({ headers, status, body }: Response) {
  const type = headers.get('content-type') ?? 'no content type'
  if (type.startsWith('text/event-stream') && body) return body.getReader()
  body?.cancel().catch(() => {})
  const sentence = `Something else than Outlast answered: ${status} with ${type}`
  throw new OutlastError('not_outlast', sentence, { status })
}

function retryMsOf({ data }: Frame): number {
  const { retry_ms } = parsed(data) as { retry_ms?: unknown }
  return typeof retry_ms === 'number' && retry_ms >= 0 ? retry_ms : retryMsDefault
}

/** The JSON of a frame. */
export function parsed(data: string): unknown {
  try {
    return JSON.parse(data)
  } catch (cause) {
    throw new OutlastError('not_outlast', 'The stream holds something else than events.', { cause })
  }
}
