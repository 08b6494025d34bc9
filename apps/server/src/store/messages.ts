import type { EventMessage, Message } from '@outlast/contract'
import type { Db, Statement } from './database.ts'
import { messageOf, messageTypes, readPage } from './events.ts'

const batchSize = 500

/** A session's messages in batches, oldest first, as JSON. `upTo` is the last sequence to read. */
export async function* messageBatches(
  db: Db,
  sessionId: string,
  { upTo, offset, limit }: { upTo: number; offset: number; limit: number },
): AsyncGenerator<string[]> {
  let after = 0
  let skip = offset
  for (let left = limit; left > 0; ) {
    const size = Math.min(batchSize, left + skip)
    const read = { after, upTo, types: messageTypes, limit: size }
    const { rows, more } = await readPage(db, sessionId, read)
    const taken = rows
      .slice(skip)
      .map((row) => JSON.stringify(asMessage(sessionId, row.sequence, messageOf(sessionId, row))))
    skip = Math.max(0, skip - rows.length)
    left -= taken.length
    if (taken.length > 0) yield taken
    if (!more) return
    after = rows.at(-1)!.sequence
  }
}

/** A message of an event as the API lists it: without what only models need. */
export function asMessage(sessionId: string, sequence: number, message: EventMessage): Message {
  const { thinking: _, thinking_signature: __, ...rest } = message
  return { ...rest, session_id: sessionId, sequence }
}

const position: Statement = {
  name: 'session-sequence',
  text: 'select sequence from sessions where org_id = $1 and id = $2',
}

/** The last sequence of a session; undefined when there is no such session. */
export async function findSequence(db: Db, orgId: string, sessionId: string) {
  const [row] = await db.run<{ sequence: number }>(position, [orgId, sessionId])
  return row?.sequence
}
