import { ApiError } from '../../errors.ts'
import type { Db, Statement } from '../database.ts'
import { statement, valuesOf } from '../statements.ts'
import { runningTurns, type UserTurns, userTurns, userTurnsValues } from './user-turns.ts'

/** Bytes of the messages from that of a retry on, which its node reads. More than may wait. */
const retriedBytesMax = 96 * 1024 * 1024

const retry = statement(
  'retry-turn',
  `
with l as materialized (
  select id from sessions
  where org_id = :orgId and id = :sessionId and turn_id is null
    and (:messageId::text is null or :failed::text is null or last_turn->>'id' = :failed)
    and (:turnsMax::integer is null
      or (${runningTurns}) < :turnsMax)
    and (:userTurnsMax::integer is null or ${userTurns} < :userTurnsMax)
  for no key update
), f as materialized (
  select input_message_id, input_sequence from failed_turns
  where org_id = :orgId and id = :failed and session_id = :sessionId and retried_as is null
    and exists (select from l)
  for update
), i as (
  select * from f where :messageId::text is null
  union all select :messageId, :sequence::integer from l where :messageId is not null
), s as (
  update sessions set
    status = 'active',
    finished_at = null,
    turn_id = :turnId,
    turn_from = i.input_sequence,
    turn_input = i.input_message_id,
    turn_attempt = 0,
    turn_tries = 0,
    turn_node = null,
    turn_cancelled = false,
    updated_at = clock_timestamp()
  from i where org_id = :orgId and id = :sessionId and turn_id is null
    and not open_messages_exceed(:sessionId, i.input_sequence, ${retriedBytesMax})
  returning org_id, id
), r as (
  update failed_turns set retried_as = :turnId
  where org_id = :orgId and id = :failed and session_id = :sessionId and exists (select from s)
), t as (
  insert into turns (id, org_id, session_id) select :turnId, org_id, id from s
), j as (
  select start_turn(org_id, id, :turnId) from s
)
select id, (select count(*) from j) as jobs from s`,
)

const isLong: Statement = {
  name: 'retry-is-long',
  text: `
select from (
  select coalesce($3, (select input_sequence from failed_turns where session_id = $1 and id = $2)) as "from"
) r where open_messages_exceed($1, r."from", ${retriedBytesMax})`,
}

export type Retry = {
  orgId: string
  sessionId: string
  /** The failed turn. Absent: the turn is the first one for its message. */
  failed?: string
  /** The message, if there is no record of the failed turn, which must be the last one. */
  input?: { messageId: string; sequence: number }
  turnId: string
  turnsMax: number | null
  /** The end user of the retry, whose turns are limited. */
  by?: UserTurns
}

/**
 * Begins a turn for a stored message, such as that of a failed turn. False, with no effect, when it
 * was retried before, the session runs a turn, or the organization or the end user is at its limit
 * of turns. Throws `too_many_messages` when the messages since are too long. Locks the session
 * before the failure, in the order of the deletion of both.
 */
export async function retryTurn(db: Db, { by, input, ...retried }: Retry) {
  const { messageId = null, sequence = null } = input ?? {}
  const values = { failed: null, ...retried, ...userTurnsValues(by), messageId, sequence }
  const begun = await db.run(retry, valuesOf(retry, values))
  if (begun.length > 0) return true
  const long = await db.run(isLong, [retried.sessionId, retried.failed ?? null, sequence])
  if (long.length > 0) throw new ApiError('too_many_messages')
  return false
}

const lastFailure: Statement = {
  name: 'last-failure',
  text: `
select s.turn_id, f.id is not null as recorded, coalesce(f.sequence, s.sequence) as sequence,
  coalesce(f.id, case when s.turn_id is null and s.last_turn->>'status' = 'failed' then s.last_turn->>'id' end) as failed
from sessions s
left join lateral (
  select id, sequence from failed_turns
  where session_id = s.id and case when s.turn_id is null then failed_at = s.finished_at else retried_as = s.turn_id end
  order by sequence desc limit 1
) f on true
where s.org_id = $1 and s.id = $2`,
}

/**
 * The running turn of a session, and the failed turn that it retries, or that ended last.
 * `recorded`: false for a turn that a fork has copied, and after the retention of its record.
 */
export type LastFailure = { turn_id: string | null } & (
  | { failed: string; sequence: number; recorded: boolean }
  | { failed: null }
)

/** Finds the failure that a session can retry or is retrying. Undefined without the session. */
export async function findLastFailure(db: Db, orgId: string, sessionId: string) {
  const [found] = await db.run<LastFailure>(lastFailure, [orgId, sessionId])
  return found
}
