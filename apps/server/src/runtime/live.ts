import type { Bus, LiveKind, LiveMessage } from '../store/bus.ts'

const pauseMs = 50

export type LiveWriter = {
  write: (kind: LiveKind, text: string) => void
  /** Tells what is left to tell. */
  flush: () => void
  /** The message is stored, or nobody will finish it. */
  close: () => void
}

/** Tells followers how a message grows: the first text at once, then at most once in 50 ms. */
export function openLive(
  bus: Bus,
  sessionId: string,
  about: Pick<LiveMessage, 'sequence' | 'turnId' | 'context'>,
): LiveWriter {
  const message: LiveMessage = { ...about, pieces: [], length: 0 }
  let timer: NodeJS.Timeout | undefined
  let untold = false
  let half = ''
  bus.begin(sessionId, message)

  function tell() {
    timer = undefined
    if (!untold) return
    untold = false
    timer = setTimeout(tell, pauseMs)
    bus.grew(sessionId, message)
  }

  return {
    write(kind, text) {
      const whole = half + text
      half = /[\ud800-\udbff]$/.test(whole) ? whole.slice(-1) : ''
      const ready = (half ? whole.slice(0, -1) : whole).toWellFormed()
      if (ready === '') return
      const last = message.pieces.at(-1)
      if (last?.kind === kind) last.text += ready
      else message.pieces.push({ kind, text: ready })
      message.length += ready.length
      untold = true
      if (!timer) tell()
    },
    flush() {
      clearTimeout(timer)
      if (untold) bus.grew(sessionId, message)
      untold = false
    },
    close() {
      clearTimeout(timer)
      bus.end(sessionId, message)
    },
  }
}
