import type { Conversation } from '../../store/sessions/conversation.ts'

/** A conversation, and the event up to which it is known: its sequence, and when it was stored. */
export type Known = { conversation: Conversation; sequence: number; storedAt: string }

/** All conversations together. One alone has its limit in UTF-16 units. */
const bytesMax = 16_000_000
const oneLengthMax = 2_000_000
/** What a message takes on the heap beside its text, as measured with short messages. */
const messageBytes = 600

export type Recent = ReturnType<typeof createRecent>

/**
 * The conversations of sessions whose turns this node has just run, so that their next turn need
 * not read them again.
 * Contract: never wrong, whatever other nodes do: events never change and sequences have no gaps,
 * so what is known up to an event stays true while the log has that event, which the reader checks,
 * and reads on from there.
 */
export function createRecent() {
  const known = new Map<string, Known & { bytes: number }>()
  let bytes = 0

  function take(sessionId: string): Known | undefined {
    const found = known.get(sessionId)
    if (!found) return undefined
    known.delete(sessionId)
    bytes -= found.bytes
    return found
  }

  return {
    /** Gives a conversation away: it belongs to the turn that goes on with it. */
    take,
    keep({ conversation, sequence, storedAt }: Known) {
      take(conversation.sessionId)
      if (conversation.length > oneLengthMax) return
      const added = conversation.length + conversation.entries.length * messageBytes
      known.set(conversation.sessionId, { conversation, sequence, storedAt, bytes: added })
      bytes += added
      for (const sessionId of known.keys()) {
        if (bytes <= bytesMax) return
        take(sessionId)
      }
    },
    /** Commits may be lost: what is known may never have happened. */
    clear() {
      known.clear()
      bytes = 0
    },
  }
}
