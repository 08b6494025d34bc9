import { ApiError } from '../errors.ts'
import { recordChange, subjectOf } from './access/access-changes.ts'
import { deleteAnswers } from './access/idempotency-keys.ts'
import { atomically, type Db, type Statement } from './database.ts'
import { randomShard } from './shards.ts'

type DeletedRow = {
  org_id: string
  id: string
  agent_id: string
  bytes: number
  reservation: string | null
  tokens: string[]
}

const deletedColumns = `
  s.org_id, s.id, s.agent_id, s.stored_bytes + s.file_bytes as bytes, s.reservation::text,
  array(
    select t.id from session_tokens t
    where t.org_id = s.org_id and t.session_id = s.id and t.expires_at > now()
  ) as tokens`

const remove: Statement = {
  name: 'delete-session',
  text: `
delete from sessions s where org_id = $1 and id = $2 and not legal_hold
returning ${deletedColumns}`,
}

const isHeld: Statement = {
  name: 'session-is-held',
  text: 'select legal_hold from sessions where org_id = $1 and id = $2',
}

/** Deletes a session with all its data. Contract: throws 404, and 409 `legal_hold` under a hold. */
export async function deleteSession(db: Db, orgId: string, id: string): Promise<void> {
  if (await deleteSessionUnlessHeld(db, { orgId, sessionId: id })) return
  const [held] = await db.run<{ legal_hold: boolean }>(isHeld, [orgId, id])
  throw held ? new ApiError('legal_hold', id) : new ApiError('not_found', 'Session')
}

/** Deletes a session. False, with no effect, when it does not exist or is under a legal hold. */
export const deleteSessionUnlessHeld = (
  db: Db,
  { orgId, sessionId }: { orgId: string; sessionId: string },
): Promise<boolean> => deleteWhole(db, remove, [orgId, sessionId])

/**
 * SQL: retention days of sessions and failed turns of agent `a` of organization `o`; 0: forever.
 */
export const retentionDays = (setting: string) =>
  `coalesce(a.retention_days, o.retention_days, ${setting}::integer)`

/**
 * SQL: true for a session `s` that has not changed for the days of its retention, and may be
 * deleted.
 */
export const isExpired = (setting: string) => `
  ${retentionDays(setting)} > 0
  and s.updated_at < now() - ${retentionDays(setting)} * interval '1 day'
  and s.turn_id is null and not s.legal_hold`

const removeExpired: Statement = {
  name: 'delete-expired-session',
  text: `
with l as (
  select s.org_id, s.id from sessions s
    join organizations o on o.id = s.org_id
    join agents a on a.org_id = s.org_id and a.id = s.agent_id
  where s.org_id = $1 and s.id = $2 and ${isExpired('$3')}
  for update of s skip locked
)
delete from sessions s using l where s.org_id = l.org_id and s.id = l.id
returning ${deletedColumns}`,
}

/** Deletes an expired session. False, with no effect, when it is in use, held or deleted. */
export const deleteExpiredSession = (
  db: Db,
  { orgId, sessionId }: { orgId: string; sessionId: string },
  days: number,
): Promise<boolean> => deleteWhole(db, removeExpired, [orgId, sessionId, days])

/**
 * Runs a statement that deletes a session's row, then deletes all its data. The row is deleted
 * first, under its lock, so that nothing is appended afterwards. Foreign keys delete files, stored
 * values, secrets and tokens. Events come next: a long log takes many statements, and until here
 * only the session is locked. All are in one transaction, so that no client reads half of a log.
 */
async function deleteWhole(db: Db, statement: Statement, values: unknown[]): Promise<boolean> {
  return atomically(db, async (unit) => {
    const [row] = await unit.run<DeletedRow>(statement, values)
    if (!row) return false
    await deleteEvents(unit, row.id)
    await unit.run(removeTurns, [row.org_id, row.id])
    if (row.reservation) {
      await unit.run(holdBudgets, [row.org_id, row.id, row.reservation])
      await unit.run(settleBudgets, [row.org_id, row.id, row.reservation])
    }
    const budgets = await unit.run<{ id: string }>(removeBudgets, [row.org_id, row.id])
    for (const part of parts) await unit.run(part, [row.id])
    await unit.run(uncount, [row.org_id, row.agent_id, randomShard(), -row.bytes])
    if (row.tokens.length > 0) await recordChange(unit, ...row.tokens.map(subjectOf.token))
    // After the other counters: requests with an Idempotency-Key lock them in this order.
    await deleteAnswers(unit, [row.id, ...budgets.map(({ id }) => id)])
    return true
  })
}

const eventsAtOnce = 200

/**
 * Deletes the next events of a session, and the pauses of their turns. It begins after the events
 * that this transaction has deleted, which a scan from the first event would read again.
 */
const removeEvents: Statement = {
  name: 'delete-events-of-session',
  text: `
with n as materialized (
  select ctid, sequence from events where session_id = $1 and sequence > $2
  order by sequence limit ${eventsAtOnce}
), e as (
  delete from events where ctid = any(array(select ctid from n)) returning type, context
), p as (
  delete from pauses where turn_id in (
    select context->>'turn_id' from e where type = 'turn.started'
  )
)
select max(sequence) as last from n`,
}

async function deleteEvents(unit: Db, sessionId: string): Promise<void> {
  let after: number | null = 0
  while (after !== null) {
    const rows: { last: number | null }[] = await unit.run(removeEvents, [sessionId, after])
    after = rows[0]!.last
  }
}

/** A session's other rows without a foreign key. */
const parts: Statement[] = [
  {
    name: 'delete-search-due-of-session',
    text: 'delete from search_due where session_id = $1',
  },
  {
    name: 'delete-snapshot-of-session',
    text: 'delete from snapshots where session_id = $1',
  },
  {
    name: 'delete-failed-turns-of-session',
    text: 'delete from failed_turns where session_id = $1',
  },
  // The next settlement ends running executions, because their session is gone.
  {
    name: 'clear-executions-of-session',
    text: `
update schedule_executions set session_id = null, message_id = null, message_sequence = null, turn_id = null,
  error = case when error is not null then 'The session was deleted.' end
where session_id = $1 and status not in ('pending', 'running')`,
  },
]

/** Locks all budgets that are settled or deleted, each before its shards, as calls do. */
const holdBudgets: Statement = {
  name: 'hold-budgets-of-session',
  text: `
select whole_budget(b.id) from (
  select id from budgets where org_id = $1 and (
    subject_type = 'session' and subject_id = $2
    or id = any(array(select budget_id from unnest(($3::budget_reservation).parts)))
  ) order by id
) b`,
}

/**
 * A running call counts as all that it has reserved. Otherwise a caller that reads a reply and
 * deletes its session before the end would never be charged for it.
 */
const settleBudgets: Statement = {
  name: 'settle-budgets-as-reserved',
  text: `
select settle_budgets($1, $2, $3::budget_reservation, (
  select json_build_object(
    'tokens', max(case currency when 'tokens' then amount when 'credits' then amount * 1000 end),
    'dollars', max(amount) filter (where currency = 'usd')
  ) from unnest(($3::budget_reservation).parts)
), 'whole')`,
}

const removeBudgets: Statement = {
  name: 'delete-budgets-of-session',
  text: `
delete from budgets where id in (
  select id from budgets where org_id = $1 and subject_type = 'session' and subject_id = $2
  order by id for update
) returning id`,
}

const removeTurns: Statement = {
  name: 'delete-turns-of-session',
  text: 'delete from turns where org_id = $1 and session_id = $2',
}

const uncount: Statement = {
  name: 'uncount-session',
  text: `
insert into counters as c (org_id, agent_id, shard, sessions, stored_bytes)
values ($1, '', $3::integer, -1, 0), ($1, $2, $3, -1, $4)
on conflict (org_id, agent_id, shard) do update set
  sessions = c.sessions - 1, stored_bytes = c.stored_bytes + excluded.stored_bytes`,
}
