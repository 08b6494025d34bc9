import type { TextHint } from './hints.ts'
import { extend, type LiveMessage, newLiveMessage, piecesLength } from './live-message.ts'

/** What this node knows of a message that another one writes. */
type Copy = {
  sequence: number
  message: LiveMessage | undefined
  /** Came before what they continue. */
  kept: TextHint[]
  keptLength: number
  /** When a snapshot was last asked for; undefined: none is needed. */
  askedAt: number | undefined
}

const askAgainMs = 1_000
const keptLengthMax = 1_000_000
const keptMax = 2_000

/** What came of a hint: the message grew; a snapshot has to be asked for. */
export type CopyUpdate = { grew?: LiveMessage; ask?: number }

const newCopy = (sequence: number): Copy => ({
  sequence,
  message: undefined,
  kept: [],
  keptLength: 0,
  askedAt: undefined,
})

/**
 * Copies of the messages that other nodes write, put together from parts that may come late, twice
 * or not at all.
 * Contract: a message here never lacks a part in its middle; a session has the newest of its
 * messages only.
 */
export function createCopies(now: () => number = () => performance.now()) {
  const copies = new Map<string, Copy>()

  /** The copy of a message; undefined when a newer one is known. */
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

  /** Puts what was kept behind what has come, as far as it fits. */
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

    /** A snapshot, if it is still of use. */
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

    /** What was asked for and has not come. */
    awaited(): { session: string; sequence: number }[] {
      const waiting = [...copies].filter(([, { askedAt }]) => askedAt !== undefined)
      return waiting.map(([session, { sequence }]) => ({ session, sequence }))
    },

    /** Messages that began before `sequence` are over. */
    passed(session: string, sequence: number): void {
      const copy = copies.get(session)
      if (!copy || copy.sequence < sequence) copies.set(session, newCopy(sequence))
    },

    forget: (session: string) => void copies.delete(session),
    clear: () => copies.clear(),
  }
}
