import type { Conversation } from '../../store/sessions/conversation.ts'

/** A conversation, and the event up to which it is known: its sequence, and when it was stored. */
export type Known = { conversation: Conversation; sequence: number; storedAt: string }

/** UTF-16 units, all conversations together and one alone. */
const lengthMax = 16_000_000
const oneLengthMax = 2_000_000

export type Recent = ReturnType<typeof createRecent>

/**
 * The conversations of sessions whose turns this node has just run, so that their next turn need not read them again.
 * Contract: never wrong, whatever other nodes do: events never change and sequences have no gaps, so what is known up
 * to an event stays true while the log has that event, which the reader checks, and reads on from there.
 */
export function createRecent() {
  const known = new Map<string, Known & { length: number }>()
  let length = 0

  function take(sessionId: string): Known | undefined {
    const found = known.get(sessionId)
    if (!found) return undefined
    known.delete(sessionId)
    length -= found.length
    return found
  }

  return {
    /** Gives a conversation away: it belongs to the turn that goes on with it. */
    take,
    keep({ conversation, sequence, storedAt }: Known) {
      take(conversation.sessionId)
      if (conversation.length > oneLengthMax) return
      const { length: added } = conversation
      known.set(conversation.sessionId, { conversation, sequence, storedAt, length: added })
      length += conversation.length
      for (const sessionId of known.keys()) {
        if (length <= lengthMax) return
        take(sessionId)
      }
    },
    /** Commits may be lost: what is known may never have happened. */
    clear() {
      known.clear()
      length = 0
    },
  }
}
