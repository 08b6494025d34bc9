import type { Conversation } from '../../store/log/conversation.ts'

/** A cached conversation, with sequence and time of its last event. */
export type CachedConversation = { conversation: Conversation; sequence: number; storedAt: string }

/** Limit of all conversations in bytes. The limit of one is in UTF-16 units. */
const bytesMax = 8_000_000
const oneLengthMax = 2_000_000
/** Heap bytes of a message besides its text, measured with short messages. */
const messageBytes = 600

export type Recent = ReturnType<typeof createRecent>

/**
 * Creates a cache of the conversations of turns that this node has just run, so that their next
 * turn need not read them again.
 * Contract: correct beside any work of other nodes. Events never change and sequences have no gaps;
 * the reader checks that the log still has the last cached event, and reads on from there.
 */
export function createRecent() {
  const known = new Map<string, CachedConversation & { bytes: number }>()
  let bytes = 0

  function take(sessionId: string): CachedConversation | undefined {
    const found = known.get(sessionId)
    if (!found) return undefined
    known.delete(sessionId)
    bytes -= found.bytes
    return found
  }

  return {
    /** Removes and returns a conversation: the next turn modifies it. */
    take,
    keep({ conversation, sequence, storedAt }: CachedConversation) {
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
    /** Drops all conversations after lost commits. */
    clear() {
      known.clear()
      bytes = 0
    },
  }
}
