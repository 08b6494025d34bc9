import type { ServerResponse } from 'node:http'
import type { Heartbeat } from './heartbeat.ts'

/** What a client has not read yet, in UTF-16 units, beyond which nothing more is written. */
const unreadLengthMax = 16 * 1024
export const reconnectMs = 100
/** Between an event and the notice: a common client drops the events that it reads with it. */
const apartMs = 100

export type FrameOptions = {
  signOfLife: 'comment' | 'event'
  heartbeat: Heartbeat
  cycleMs: number
  /** A client that takes none of what was written for so long is given up. */
  stallMs: number
}

/** What whoever fills a stream wants to know of it. */
export type FrameListener = {
  /** The client has read what there was. */
  drained: () => void
  ended: () => void
}

/** An answer made of server-sent events. */
export type Frames = {
  listen: (listener: FrameListener) => void
  /** Contract: does nothing once the stream is over. */
  write: (frame: string) => void
  /** Frames that are written in `work` go out as one piece. */
  together: (work: () => void) => void
  /** The client reads more slowly than is written: more would be a queue without end. */
  isFull: () => boolean
  isOver: () => boolean
  /** Tells the client why, and ends. */
  close: (reason: string) => void
}

const headers = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
  connection: 'keep-alive',
}

export const frameOf = (event: string, json: string) => `event: ${event}\ndata: ${json}\n\n`

/**
 * Begins to answer with server-sent events: signs of life, an end after a while, an end for whoever
 * reads nothing, and reasons for all of them but the last.
 */
export function openFrames(response: ServerResponse, options: FrameOptions): Frames {
  let listener: FrameListener | undefined
  let over = false
  /** When the latest frame went out. */
  let wroteAt = 0
  let unreadLength = 0
  let gathered: string | undefined

  const beat = options.signOfLife === 'event' ? frameOf('heartbeat', '{}') : ': heartbeat\n\n'
  // Behind what it has not read, a client needs no sign of life; it would pass for reading.
  const stopBeat = options.heartbeat.add(() => isFull() || write(beat))
  const cycle = setTimeout(() => close('connection_cycle'), options.cycleMs)

  response.writeHead(200, headers)
  write(`event: connected\nretry: ${reconnectMs}\ndata: {"status":"connected"}\n\n`)
  response.on('close', end)
  response.on('error', end)
  // Told only when nothing was written and nothing taken meanwhile: one that reads slowly is not
  // meant.
  response.setTimeout(options.stallMs, () => {
    if (over || isFull()) response.destroy()
  })

  function write(frame: string) {
    if (over) return
    if (gathered !== undefined) {
      gathered += frame
      return
    }
    wroteAt = performance.now()
    unreadLength += frame.length
    response.write(frame, () => wasRead(frame.length))
  }

  /** The connection has taken a frame, which counts as read. */
  function wasRead(length: number) {
    const wasFull = isFull()
    unreadLength -= length
    if (wasFull && !isFull() && !over) listener?.drained()
  }

  function isFull() {
    return unreadLength + (gathered?.length ?? 0) > unreadLengthMax
  }

  function together(work: () => void) {
    gathered = ''
    try {
      work()
    } finally {
      const frames = gathered
      gathered = undefined
      if (frames !== '') write(frames)
    }
  }

  function close(reason: string) {
    if (over) return
    end()
    const notice = frameOf('disconnecting', JSON.stringify({ reason, retry_ms: reconnectMs }))
    const waitMs = Math.max(0, wroteAt + apartMs - performance.now())
    setTimeout(() => response.end(notice), waitMs)
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
    isOver: () => over,
    close,
  }
}
