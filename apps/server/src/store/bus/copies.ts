import type { TextHint } from './hints.ts'
import { extend, type LiveMessage, newLiveMessage, piecesLength } from './live-message.ts'

/** The local copy of a message that another node writes. */
type Copy = {
  sequence: number
  message: LiveMessage | undefined
  /** Parts that arrived before the text that they continue. */
  kept: TextHint[]
  keptLength: number
  /** When a snapshot was last requested; undefined when none is needed. */
  askedAt: number | undefined
}

const askAgainMs = 1_000
const keptLengthMax = 1_000_000
const keptMax = 2_000

/** The effect of a hint: the message grew, or a snapshot must be requested. */
export type CopyUpdate = { grew?: LiveMessage; ask?: number }

const newCopy = (sequence: number): Copy => ({
  sequence,
  message: undefined,
  kept: [],
  keptLength: 0,
  askedAt: undefined,
})

/**
 * Assembles copies of messages that other nodes write, from parts that may arrive late, twice or
 * not at all.
 * Contract: a copy never lacks a part in its middle; a session has a copy of its newest message
 * only.
 */
export function createCopies(now: () => number = () => performance.now()) {
  const copies = new Map<string, Copy>()

  /** Returns the copy of a message; undefined when a newer one is known. */
  function copyOf(session: string, sequence: number): Copy | undefined {
    const known = copies.get(session)
    if (known && known.sequence >= sequence) return known.sequence === sequence ? known : undefined
    const copy = newCopy(sequence)
    copies.set(session, copy)
    return copy
  }

  function askFor(copy: Copy): CopyUpdate {
    if (copy.askedAt !== undefined && now() - copy.askedAt < askAgainMs) return {}
    copy.askedAt = now()
    return { ask: copy.sequence }
  }

  /** Appends early parts that now continue the copy. */
  function settle(copy: Copy): CopyUpdate {
    const { message } = copy
    const kept = copy.kept.sort((a, b) => a.offset - b.offset)
    copy.kept = message ? kept.filter((hint) => !extend(message, hint.offset, hint.pieces)) : kept
    copy.keptLength = copy.kept.reduce((sum, { pieces }) => sum + piecesLength(pieces), 0)
    if (copy.kept.length === 0) copy.askedAt = undefined
    return { ...(message && { grew: message }), ...(copy.kept.length > 0 && askFor(copy)) }
  }

  function keep(copy: Copy, hint: TextHint): CopyUpdate {
    copy.kept.push(hint)
    copy.keptLength += piecesLength(hint.pieces)
    if (copy.keptLength > keptLengthMax || copy.kept.length > keptMax) {
      copy.kept = []
      copy.keptLength = 0
    }
    return askFor(copy)
  }

  return {
    find: (session: string) => copies.get(session)?.message,

    take(hint: TextHint): CopyUpdate {
      const copy = copyOf(hint.session, hint.sequence)
      if (!copy) return {}
      if (hint.offset === 0 && hint.about && !copy.message) {
        copy.message = newLiveMessage({ sequence: hint.sequence, ...hint.about })
      }
      if (!copy.message || !extend(copy.message, hint.offset, hint.pieces)) return keep(copy, hint)
      return copy.kept.length > 0 ? settle(copy) : { grew: copy.message }
    },

    /** Applies a snapshot unless the copy is already longer. */
    fill(session: string, snapshot: Omit<LiveMessage, 'texts' | 'length'>): CopyUpdate {
      const copy = copies.get(session)
      if (copy?.sequence !== snapshot.sequence) return {}
      copy.message ??= newLiveMessage(snapshot)
      extend(copy.message, 0, snapshot.pieces)
      return settle(copy)
    },

    /** True when a snapshot is needed: a follower is inside a message without a copy here. */
    needs(session: string, sequence: number): boolean {
      const copy = copyOf(session, sequence)
      return copy !== undefined && !copy.message && askFor(copy).ask !== undefined
    },

    awaits(session: string, sequence: number): boolean {
      const copy = copies.get(session)
      return copy?.sequence === sequence && copy.askedAt !== undefined
    },

    /** Lists the requested snapshots that have not arrived. */
    awaited(): { session: string; sequence: number }[] {
      const waiting = [...copies].filter(([, { askedAt }]) => askedAt !== undefined)
      return waiting.map(([session, { sequence }]) => ({ session, sequence }))
    },

    /** Removes copies of messages that began before `sequence`: these have ended. */
    passed(session: string, sequence: number): void {
      const copy = copies.get(session)
      if (!copy || copy.sequence < sequence) copies.set(session, newCopy(sequence))
    },

    forget: (session: string) => void copies.delete(session),
    clear: () => copies.clear(),
  }
}
