import type { Db, Statement } from './database.ts'
import { deleteExpiredSession, isExpired, retentionDays } from './session-deletion.ts'

const sessionsAtOnce = 100
const rowsAtOnce = 1_000
const batchesMax = 1_000

const expired: Statement = {
  name: 'expired-sessions',
  text: `
select e.org_id as "orgId", e.id as "sessionId"
from organizations o
  join agents a on a.org_id = o.id
  cross join lateral (
    select s.org_id, s.id from sessions s
    where s.org_id = a.org_id and s.agent_id = a.id
      and s.created_at < now() - ${retentionDays('$1')} * interval '1 day' and ${isExpired('$1')}
    order by s.created_at, s.id limit $2
  ) e
where ${retentionDays('$1')} > 0
limit $2`,
}

type Expired = { orgId: string; sessionId: string }
type SessionSweep = {
  /** RETENTION_DAYS; 0: off unless the organization or the agent sets a retention. */
  days: number
  stopping: AbortSignal
  onDeleted: (session: Expired) => void
  onError: (session: Expired, error: unknown) => void
}

/**
 * Deletes sessions that have been idle longer than their retention, each in a transaction of its
 * own.
 * Contract: several nodes may sweep at once; a session that cannot be deleted now stays for the
 * next sweep.
 */
export async function sweepSessions(
  db: Db,
  { days, stopping, onDeleted, onError }: SessionSweep,
): Promise<void> {
  for (let batch = 0; batch < batchesMax; batch += 1) {
    const due = await db.run<Expired>(expired, [days, sessionsAtOnce])
    let deleted = 0
    for (const session of due) {
      if (stopping.aborted) return
      try {
        if (!(await deleteExpiredSession(db, session, days))) continue
        deleted += 1
        onDeleted(session)
      } catch (error) {
        onError(session, error)
      }
    }
    if (due.length < sessionsAtOnce || deleted === 0) return
  }
}

const failures: Statement = {
  name: 'sweep-failed-turns',
  text: `
with kept as materialized (
  select a.org_id, a.id, now() - ${retentionDays('$1')} * interval '1 day' as since
  from agents a join organizations o on o.id = a.org_id
  where ${retentionDays('$1')} > 0
), d as (
  select f.org_id, f.id from kept k
    join failed_turns f on f.org_id = k.org_id and f.agent_id = k.id and f.failed_at < k.since
  where not exists (
    select from sessions s where s.org_id = f.org_id and s.id = f.session_id and s.legal_hold
  )
  limit ${rowsAtOnce} for update of f skip locked
)
delete from failed_turns f using d where f.org_id = d.org_id and f.id = d.id
returning 1`,
}

const auditEntries: Statement = {
  name: 'sweep-audit-log',
  text: `
select coalesce(max(delete_expired_audit_entries(id, expired_before, ${rowsAtOnce})), 0) as deleted
from organizations, lateral (
  select now() - least(
    case when coalesce(retention_days, $1::integer) > 0
      then greatest(coalesce(retention_days, $1::integer), $2::integer) end,
    nullif($3::integer, 0)
  ) * interval '1 day' as expired_before
) e
where exists (select from audit_log a where a.org_id = organizations.id and a.created_at < expired_before)`,
}

/** Deletes failed turns that are older than the retention of their agent or organization. */
export async function sweepFailedTurns(db: Db, days: number): Promise<void> {
  for (let batch = 0; batch < batchesMax; batch += 1) {
    if ((await db.run(failures, [days])).length < rowsAtOnce) return
  }
}

/** In days; 0: no limit. */
export type AuditRetention = { days: number; daysMin: number; daysMax: number }

/**
 * Deletes audit entries older than the retention of their organization: its own, else `days`, at
 * least `daysMin` and at most `daysMax`.
 */
export async function sweepAuditLog(
  db: Db,
  { days, daysMin, daysMax }: AuditRetention,
): Promise<void> {
  for (let batch = 0; batch < batchesMax; batch += 1) {
    const [row] = await db.run<{ deleted: number }>(auditEntries, [days, daysMin, daysMax])
    if (row!.deleted < rowsAtOnce) return
  }
}
