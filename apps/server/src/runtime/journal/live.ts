import type { Bus } from '../../store/bus/bus.ts'
import {
  isSameText,
  type LiveCall,
  type LiveKind,
  type LiveMessageAbout,
  livePauseMs,
  newLiveMessage,
  type Piece,
} from '../../store/bus/live-message.ts'

export type LiveWriter = {
  /** `call`: for arguments. */
  write: (kind: LiveKind, text: string, call?: LiveCall) => void
  /** Publishes the rest. No writes may follow. */
  flush: () => void
  /** Ends access to the text: the message is stored, or will never be finished. */
  close: () => void
}

export type LiveOptions = {
  /** False while another node may have taken over the turn: then nothing is published. */
  held: () => boolean
  /** After its abort nothing is published. */
  signal: AbortSignal
}

/**
 * Publishes the growth of a message: the first text at once, then at most every 50 ms.
 * Contract: keeps unpublished text until it may be sent; the stored message has all of it.
 */
export function openLive(
  bus: Bus,
  sessionId: string,
  about: LiveMessageAbout,
  { held, signal }: LiveOptions,
): LiveWriter {
  const message = newLiveMessage(about)
  let unpublished: Piece[] = []
  let timer: NodeJS.Timeout | undefined
  let half: Piece | undefined
  bus.beginMessage(sessionId, message, held)

  function tell() {
    timer = undefined
    if (unpublished.length === 0 || signal.aborted) return
    timer = setTimeout(tell, livePauseMs)
    publishNow()
  }

  function publishNow() {
    if (unpublished.length === 0 || signal.aborted || !held()) return
    const pieces = unpublished
    unpublished = []
    bus.appendText(sessionId, message, pieces)
  }

  return {
    write(kind, text, call) {
      const piece = { kind, ...(call && { call }) }
      const whole = isSameText(half, piece) ? half!.text + text : text
      const isHalf = /[\ud800-\udbff]$/.test(whole)
      half = isHalf ? { ...piece, text: whole.slice(-1) } : undefined
      const ready = (isHalf ? whole.slice(0, -1) : whole).toWellFormed()
      if (ready === '') return
      const last = unpublished.at(-1)
      if (last && isSameText(last, piece)) last.text += ready
      else unpublished.push({ ...piece, text: ready })
      if (!timer) tell()
    },
    flush() {
      clearTimeout(timer)
      publishNow()
    },
    close() {
      bus.endMessage(sessionId, message)
    },
  }
}
