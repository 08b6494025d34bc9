import type { ServerResponse } from 'node:http'
import type { Heartbeat } from './heartbeat.ts'

/** Limit of unread data of a client, in UTF-16 units. Above it nothing more is written. */
const unreadLengthMax = 16 * 1024
export const reconnectMs = 100
/** Pause between an event and the notice: a common client drops events that it reads with it. */
const apartMs = 100

/** Frames around the events of a stream. */
export type StreamEnvelope = {
  headers?: Record<string, string>
  /** Frames before the first event. */
  greeting: string
  /** Frames before an end that has a reason. */
  farewell: (reason: string) => string
}

export type FrameOptions = {
  signOfLife: 'comment' | 'event'
  /** Default: the events `connected` and `disconnecting`. */
  envelope?: StreamEnvelope | undefined
  heartbeat: Heartbeat
  cycleMs: number
  /** A client that reads nothing for this long is disconnected. */
  stallMs: number
}

/** Callbacks for the writer of a stream. */
export type FrameListener = {
  /** The client has read all frames. */
  drained: () => void
  ended: () => void
}

/** A response of server-sent events. */
export type Frames = {
  listen: (listener: FrameListener) => void
  /** Contract: does nothing once the stream is over. */
  write: (frame: string) => void
  /** Sends the frames that `work` writes as one piece. */
  together: (work: () => void) => void
  /** True for a client with too much unread data, so that its queue stays bounded. */
  isFull: () => boolean
  isOver: () => boolean
  /** Sends the reason to the client and ends the stream. */
  close: (reason: string) => void
  /** Ends the stream after the frames that were written. */
  finish: () => void
}

const headers = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
  connection: 'keep-alive',
}

export const frameOf = (event: string, json: string) => `event: ${event}\ndata: ${json}\n\n`

const ownEnvelope: StreamEnvelope = {
  greeting: `event: connected\nretry: ${reconnectMs}\ndata: {"status":"connected"}\n\n`,
  farewell: (reason) => frameOf('disconnecting', JSON.stringify({ reason, retry_ms: reconnectMs })),
}

/**
 * Starts a response of server-sent events with heartbeats. It ends after `cycleMs`, unless it has
 * an envelope, or when the client reads nothing; the reason is sent in every case but the last.
 */
export function openFrames(response: ServerResponse, options: FrameOptions): Frames {
  const { envelope = ownEnvelope } = options
  let listener: FrameListener | undefined
  let over = false
  /** The stream ends with the frames that are gathered. */
  let isLast = false
  const isOver = () => over || isLast
  const writer = createWriter(response, { isOver, drained: () => over || listener?.drained() })
  const { write, isFull } = writer

  const beat = options.signOfLife === 'event' ? frameOf('heartbeat', '{}') : ': heartbeat\n\n'
  // A client with unread data gets no heartbeat, which would count as progress.
  const stopBeat = options.heartbeat.add(() => isFull() || write(beat))
  // Clients of other protocols do not reconnect by themselves: their streams end with the turn.
  const cycle = options.envelope
    ? undefined
    : setTimeout(() => close('connection_cycle'), options.cycleMs)

  response.writeHead(200, { ...headers, ...envelope.headers })
  if (envelope.greeting === '') response.flushHeaders()
  else write(envelope.greeting)
  response.on('close', end)
  response.on('error', end)
  // Node calls this only if nothing was written or read for `stallMs`: slow readers are not meant.
  response.setTimeout(options.stallMs, () => {
    if (over || isFull()) response.destroy()
  })

  function together(work: () => void) {
    writer.together(work)
    if (!isLast) return
    isLast = false
    finish()
  }

  function finish() {
    if (writer.isGathering()) isLast = true
    else if (!over) {
      end()
      endResponse('')
    }
  }

  function close(reason: string) {
    if (over) return
    end()
    setTimeout(() => endResponse(envelope.farewell(reason)), writer.apartInMs())
  }

  function endResponse(last: string) {
    response.end(last)
    // A client that sends bytes without reading never times out otherwise.
    const giveUp = setTimeout(() => response.destroy(), options.cycleMs)
    response.on('close', () => clearTimeout(giveUp))
  }

  function end() {
    if (over) return
    over = true
    stopBeat()
    clearTimeout(cycle)
    listener?.ended()
  }

  return {
    listen(given) {
      listener = given
      // The client may have disconnected before a listener was added.
      if (over) given.ended()
    },
    write,
    together,
    isFull,
    isOver,
    close,
    finish,
  }
}

type WriterOptions = { isOver: () => boolean; drained: () => void }

/** Writes frames, and counts the data that the client has not read. */
function createWriter(response: ServerResponse, { isOver, drained }: WriterOptions) {
  /** Time of the latest frame. */
  let wroteAt = 0
  let unreadLength = 0
  let gathered: string | undefined

  const isFull = () => unreadLength + (gathered?.length ?? 0) > unreadLengthMax

  function write(frame: string) {
    if (isOver()) return
    if (gathered === undefined) send(frame)
    else gathered += frame
  }

  function send(frame: string) {
    wroteAt = performance.now()
    unreadLength += frame.length
    response.write(frame, () => wasRead(frame.length))
  }

  /** The connection has taken a frame, which counts as read. */
  function wasRead(length: number) {
    const wasFull = isFull()
    unreadLength -= length
    if (wasFull && !isFull()) drained()
  }

  return {
    write,
    isFull,
    together(work: () => void) {
      gathered = ''
      try {
        work()
      } finally {
        const frames = gathered
        gathered = undefined
        if (frames !== '' && !response.destroyed) send(frames)
      }
    },
    isGathering: () => gathered !== undefined,
    /** Time until a notice is apart from the latest frame, in ms. */
    apartInMs: () => Math.max(0, wroteAt + apartMs - performance.now()),
  }
}
