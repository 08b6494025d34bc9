import type { Db, Statement } from '../database.ts'
import { type UserTurns, userTurns, userTurnsValues } from './user-turns.ts'

const ofUser = userTurns({
  orgId: '$1',
  user: '$7',
  channelId: '$8',
  channelKeyId: '$9',
  userTurnsMax: '$6',
})

const retry: Statement = {
  name: 'retry-turn',
  text: `
with l as materialized (
  select id from sessions
  where org_id = $1 and id = $3 and turn_id is null
    and ($5::integer is null
      or (select count(*) from (select from turns where org_id = $1 limit $5) running) < $5)
    and ($6::integer is null or ${ofUser} < $6)
  for no key update
), f as materialized (
  select id, session_id, input_message_id, input_sequence from failed_turns
  where org_id = $1 and id = $2 and retried_as is null and exists (select from l)
  for update
), s as (
  update sessions set
    status = 'active',
    finished_at = null,
    turn_id = $4,
    turn_from = f.input_sequence,
    turn_input = f.input_message_id,
    turn_attempt = 0,
    turn_tries = 0,
    turn_node = null,
    turn_cancelled = false,
    updated_at = clock_timestamp()
  from f where sessions.org_id = $1 and sessions.id = f.session_id and sessions.turn_id is null
  returning sessions.org_id, sessions.id
), r as (
  update failed_turns set retried_as = $4 where org_id = $1 and id = $2 and exists (select from s)
), t as (
  insert into turns (id, org_id, session_id) select $4, org_id, id from s
), j as (
  select start_turn(org_id, id, $4) from s
)
select id, (select count(*) from j) as jobs from s`,
}

export type Retry = {
  orgId: string
  sessionId: string
  /** The failed turn, and the turn that retries it. */
  failed: string
  turnId: string
  turnsMax: number | null
  /** The end user of the retry, whose turns are limited. */
  by?: UserTurns
}

/**
 * Begins another turn for the message of a failed one. False, with no effect, when it was retried
 * before, the session runs a turn, or the organization or the end user is at its limit of turns.
 * Locks the session before the failure, in the order of the deletion of both.
 */
export async function retryTurn(db: Db, { by, ...retried }: Retry) {
  const { orgId, sessionId, failed, turnId, turnsMax } = retried
  const { userTurnsMax, user, channelId, channelKeyId } = userTurnsValues(by)
  const whose = [userTurnsMax, user, channelId, channelKeyId]
  const begun = await db.run(retry, [orgId, failed, sessionId, turnId, turnsMax, ...whose])
  return begun.length > 0
}

const lastFailure: Statement = {
  name: 'last-failure',
  text: `
select s.turn_id, f.id as failed, f.sequence from sessions s
left join lateral (
  select id, sequence from failed_turns
  where session_id = s.id and case when s.turn_id is null then failed_at = s.finished_at else retried_as = s.turn_id end
  order by sequence desc limit 1
) f on true
where s.org_id = $1 and s.id = $2`,
}

/** The running turn of a session, and the failed turn that it retries, or that ended last. */
export type LastFailure = { turn_id: string | null } & (
  | { failed: string; sequence: number }
  | { failed: null }
)

/** Finds the failure that a session can retry or is retrying. Undefined without the session. */
export async function findLastFailure(db: Db, orgId: string, sessionId: string) {
  const [found] = await db.run<LastFailure>(lastFailure, [orgId, sessionId])
  return found
}
