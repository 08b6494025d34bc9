import type { Rating } from '@outlast/contract'
import type { Db, Statement } from '../database.ts'
import { readEvents } from '../log/events.ts'
import { appendEvents, eventLists, listedEvents, type NewEvent } from '../log/log-sql.ts'
import type { StoredEvents } from '../log/publish.ts'
import { shardOf } from '../shards.ts'
import { statement, valuesOf } from '../statements.ts'
import { readableJson } from '../stored-json.ts'

const append = statement(
  'append-feedback',
  `
with s as (
  update sessions set
    sequence = sequence + 1,
    feedback = :inForce::text[],
    stored_bytes = stored_bytes + :bytes,
    updated_at = clock_timestamp()
  where org_id = :orgId and id = :sessionId
  returning org_id, id, agent_id, sequence, updated_at, 1 as added
), ${appendEvents(listedEvents)}, c as (
  insert into counters as c (org_id, agent_id, shard, stored_bytes) select org_id, agent_id, :shard, :bytes from s
  on conflict (org_id, agent_id, shard) do update set stored_bytes = c.stored_bytes + excluded.stored_bytes
)
select sequence, updated_at::timestamptz(3) as ts from s`,
)

type Given = {
  orgId: string
  sessionId: string
  event: NewEvent
  /** The kinds of ratings in force after the event. */
  inForce: Rating[]
}

/** Appends a rating to the log. Contract: the transaction has locked the session. */
export async function appendFeedback(db: Db, given: Given): Promise<StoredEvents> {
  const { sessionId, event, inForce } = given
  const values = valuesOf(append, {
    ...given,
    ...eventLists([event]),
    inForce: inForce.length > 0 ? inForce : null,
    bytes: event.data.length,
    shard: shardOf(sessionId),
  })
  const [row] = await db.run<{ sequence: number; ts: string }>(append, values)
  return { first: row!.sequence, ts: row!.ts, events: [event] }
}

/** Most ratings of a session, replaced ones included. Withdrawals come in addition. */
export const feedbackMax = 1_000

/** Reads the ratings of a session after an event and up to another one, in order. */
export const readFeedback = (
  db: Db,
  sessionId: string,
  { after = 0, upTo }: { after?: number; upTo?: number } = {},
) =>
  readEvents(db, sessionId, {
    after,
    ...(upTo !== undefined && { upTo }),
    types: ['feedback.given'],
    limit: 2 * feedbackMax,
  })

const begun: Statement = {
  name: 'turn-is-of-session',
  text: `
select from events
where session_id = $1 and type = 'session.activated' and ${readableJson('data')}->>'turn_id' = $2
order by sequence limit 1`,
}

/** True if the log has the beginning of the turn. */
export const hasTurn = async (db: Db, sessionId: string, turnId: string): Promise<boolean> =>
  (await db.run(begun, [sessionId, turnId])).length > 0
