import type { Db, Statement } from './database.ts'
import { deleteExpiredSession, isExpired, retentionDays } from './session-deletion.ts'

const sessionsAtOnce = 1_000
const rowsAtOnce = 1_000
const batchesMax = 1_000

/** The organizations, for agents that inherit the retention, and the agents with their own. */
const retained: Statement = {
  name: 'retained-sessions',
  text: `
select o.id as "orgId", null as "agentId", coalesce(o.retention_days, $1::integer) as days
from organizations o
where coalesce(o.retention_days, $1::integer) > 0
  and exists (select from agents a where a.org_id = o.id and a.retention_days is null)
union all
select a.org_id, a.id, a.retention_days
from agents a, lateral (
  select from sessions s
  where s.org_id = a.org_id and s.agent_id = a.id
    and s.created_at < now() - a.retention_days * interval '1 day'
  order by s.created_at limit 1
) s
where a.retention_days > 0`,
}

const oldSessions = (name: string, filter: string): Statement => ({
  name,
  text: `
with s as materialized (
  select org_id, id, agent_id, created_at, updated_at, turn_id, legal_hold from sessions
  where org_id = $1 and created_at < now() - $2 * interval '1 day'
    and (created_at, id) > ($3::timestamptz, $4) ${filter}
  order by created_at, id limit ${sessionsAtOnce}
)
select s.id, s.created_at::text as "createdAt", ${isExpired('$5')} as "isExpired"
from s join organizations o on o.id = s.org_id
  join agents a on a.org_id = s.org_id and a.id = s.agent_id
order by s.created_at, s.id`,
})
const oldOfOrganization = oldSessions('old-sessions', '')
const oldOfAgent = oldSessions('old-sessions-of-agent', 'and agent_id = $6')

type Retained = { orgId: string; agentId: string | null; days: number }
type OldSession = { id: string; createdAt: string; isExpired: boolean }
type Expired = { orgId: string; sessionId: string }

type Sweep = {
  /** RETENTION_DAYS; 0: off unless the organization or the agent sets a retention. */
  days: number
  stopping: AbortSignal
}

/** Finds expired sessions of each retention, oldest first, in statements of limited time. */
async function* findExpired(db: Db, { days, stopping }: Sweep): AsyncGenerator<Expired> {
  for (const { orgId, agentId, days: kept } of await db.run<Retained>(retained, [days])) {
    const statement = agentId === null ? oldOfOrganization : oldOfAgent
    const ofAgent = agentId === null ? [] : [agentId]
    let last: Pick<OldSession, 'id' | 'createdAt'> | undefined = { createdAt: '-infinity', id: '' }
    while (last && !stopping.aborted) {
      const values = [orgId, kept, last.createdAt, last.id, days, ...ofAgent]
      const found: OldSession[] = await db.run<OldSession>(statement, values)
      for (const { id, isExpired } of found) {
        if (isExpired) yield { orgId, sessionId: id }
      }
      last = found.length < sessionsAtOnce ? undefined : found.at(-1)
    }
  }
}

type SessionSweep = Sweep & {
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
  for await (const session of findExpired(db, { days, stopping })) {
    if (stopping.aborted) return
    try {
      if (await deleteExpiredSession(db, session, days)) onDeleted(session)
    } catch (error) {
      onError(session, error)
    }
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
  select f.org_id, f.id from kept k, lateral (
    select f.org_id, f.id from failed_turns f
    where f.org_id = k.org_id and f.agent_id = k.id and f.failed_at < k.since and not exists (
      select from sessions s where s.org_id = f.org_id and s.id = f.session_id and s.legal_hold
    )
    order by f.failed_at limit ${rowsAtOnce} for update of f skip locked
  ) f limit ${rowsAtOnce}
)
delete from failed_turns f using d where f.org_id = d.org_id and f.id = d.id
returning 1`,
}

/** SQL: organizations, with the time before which entries are expired; null: none is. */
const auditExpiry = `
organizations, lateral (
  select now() - least(
    case when coalesce(retention_days, $1::integer) > 0
      then greatest(coalesce(retention_days, $1::integer), $2::integer) end,
    nullif($3::integer, 0)
  ) * interval '1 day' as expired_before
) e`

const withExpiredEntries: Statement = {
  name: 'organizations-with-expired-audit-entries',
  text: `
select id from ${auditExpiry}
where exists (select from audit_log a where a.org_id = organizations.id and a.created_at < expired_before)`,
}

const auditEntries: Statement = {
  name: 'sweep-audit-log',
  text: `
select delete_expired_audit_entries(id, expired_before, ${rowsAtOnce}) as deleted
from ${auditExpiry} where id = $4 and expired_before is not null`,
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
 * least `daysMin` and at most `daysMax`. Each statement deletes at most 1,000 of one organization.
 */
export async function sweepAuditLog(
  db: Db,
  { days, daysMin, daysMax }: AuditRetention,
): Promise<void> {
  const retention = [days, daysMin, daysMax]
  let left = await db.run<{ id: string }>(withExpiredEntries, retention)
  for (let batch = 0; batch < batchesMax && left.length > 0; batch += 1) {
    const full: typeof left = []
    for (const org of left) {
      const [row] = await db.run<{ deleted: number }>(auditEntries, [...retention, org.id])
      if (row?.deleted === rowsAtOnce) full.push(org)
    }
    left = full
  }
}
