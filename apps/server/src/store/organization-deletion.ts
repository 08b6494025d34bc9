import { ApiError } from '../errors.ts'
import { forgetCallers } from './access/access-changes.ts'
import type { Db, Statement } from './database.ts'
import type { SessionRef } from './log/publish.ts'
import { defaultOrganization } from './models/seeds.ts'
import { deleteSessionUnlessHeld } from './session-deletion.ts'

const sessionsAtOnce = 100
const rowsAtOnce = 200
/** How long an organization is deleted before the others continue, in ms. */
const partMs = 1_000

const lock: Statement = {
  name: 'lock-organization',
  text: 'select name from organizations where id = $1 and deleted_at is null for update',
}

const held: Statement = {
  name: 'held-session-of-organization',
  text: 'select id from sessions where org_id = $1 and legal_hold limit 1',
}

/** The row keeps its id only; its credentials and schedules end with this statement. */
const mark: Statement = {
  name: 'mark-organization-deleted',
  text: `
with s as (update schedules set enabled = false where org_id = $1 and enabled),
  w as (update webhooks set enabled = false, deleted_at = clock_timestamp() where org_id = $1),
  i as (delete from invitations where org_id = $1)
update organizations set deleted_at = clock_timestamp(), name = '' where id = $1`,
}

/**
 * Begins the deletion of an organization: all nodes refuse its credentials, and its schedules stop.
 * `sweepOrganizations` deletes its rows. Returns the former name.
 * Contract: `db` is a transaction; throws 404, and 409 for the default organization or while a
 * session is under a legal hold.
 */
export async function deleteOrganization(db: Db, id: string): Promise<string> {
  if (id === defaultOrganization) throw new ApiError('organization_protected')
  const [row] = await db.run<{ name: string }>(lock, [id])
  if (!row) throw new ApiError('not_found', 'Organization')
  const [session] = await db.run<{ id: string }>(held, [id])
  if (session) throw new ApiError('legal_hold', session.id)
  await db.run(mark, [id])
  await forgetCallers(db)
  return row.name
}

const marked: Statement = {
  name: 'deleted-organizations',
  text: 'select id from organizations where deleted_at is not null order by deleted_at',
}

const sessions: Record<'withTurn' | 'any', Statement> = {
  withTurn: {
    name: 'sessions-of-organization-with-turn',
    text: `
select s.id from turns t join sessions s on s.org_id = t.org_id and s.id = t.session_id
where t.org_id = $1 and not s.legal_hold limit ${sessionsAtOnce}`,
  },
  any: {
    name: 'sessions-of-organization',
    text: `select id from sessions where org_id = $1 and not legal_hold limit ${sessionsAtOnce}`,
  },
}

const deletion = (table: string, selection: string): Statement => ({
  name: `delete-${table}-of-organization`,
  text: `delete from ${table} where ctid = any(array(${selection})) returning 1`,
})

const byOrganization = (table: string) =>
  deletion(
    table,
    `select ctid from ${table} where org_id = $1 limit ${rowsAtOnce} for update skip locked`,
  )

/** Executions have no index by organization; a foreign key ensures that each has its schedule. */
const executions = deletion(
  'schedule_executions',
  `select e.ctid from schedules s join schedule_executions e on e.schedule_id = s.id
  where s.org_id = $1 limit ${rowsAtOnce} for update of e skip locked`,
)

/** Neither have entries of the ledger. */
const ledger = deletion(
  'budget_ledger',
  `select l.ctid from budgets b join budget_ledger l on l.budget_id = b.id
  where b.org_id = $1 limit ${rowsAtOnce} for update of l skip locked`,
)

/** Of an organization whose webhooks are deleted after them. */
const webhookDeliveries = deletion(
  'webhook_deliveries',
  `select d.ctid from webhooks w join webhook_deliveries d on d.webhook_id = w.id
  where w.org_id = $1 limit ${rowsAtOnce} for update of d skip locked`,
)

/**
 * Tables with an organization's rows, in order of deletion. A session's own rows are deleted with
 * it.
 */
export const tablesOfOrganization = [
  'schedule_executions',
  'schedules',
  'webhook_deliveries',
  'webhooks',
  'alerts',
  'turns',
  'failed_turns',
  'search_due',
  'api_keys',
  'members',
  'invitations',
  'idempotency_keys',
  'models',
  'providers',
  'mcp_servers',
  'texts',
  'agent_keys',
  'agent_channels',
  'budget_ledger',
  'budgets',
  'agents',
  'counters',
  'usage_days',
  'audit_log',
  'images',
  'blobs',
] as const

const indirect: Record<string, Statement> = {
  schedule_executions: executions,
  budget_ledger: ledger,
  webhook_deliveries: webhookDeliveries,
}

const deletions = tablesOfOrganization.map((table) => indirect[table] ?? byOrganization(table))

/** A node may write late, so the row stays for an hour, and each sweep deletes again. */
const finish: Statement = {
  name: 'delete-organization',
  text: `
with o as (
  delete from organizations where id = $1 and deleted_at < now() - interval '1 hour' returning id
)
delete from rate_limits where subject = $1`,
}

/** A log may be too long for one statement. */
const eventsOfSession: Statement = {
  name: 'delete-events-of-session-of-organization',
  text: `delete from events where ctid = any(array(
    select ctid from events where session_id = $1 limit ${rowsAtOnce} for update skip locked
  )) returning 1`,
}

type OrganizationSweep = {
  stopping: AbortSignal
  onDeleted: (session: SessionRef) => void
  onError: (about: { orgId: string; sessionId?: string }, error: unknown) => void
}

/**
 * Deletes the rows of deleted organizations, each session and each batch of rows in a transaction
 * of its own. Organizations take turns, and all sessions with a turn come first, so that running
 * turns end soon.
 * Contract: several nodes may sweep at once, and a killed one leaves the rest to the next sweep. A
 * failed deletion does not block the others.
 */
export async function sweepOrganizations(db: Db, sweep: OrganizationSweep): Promise<void> {
  const done = new Set<string>()
  for (;;) {
    const rows = await db.run<{ id: string }>(marked, [])
    const left = rows.map(({ id }) => id).filter((id) => !done.has(id))
    if (left.length === 0) return
    for (const id of left) await deleteSessions(db, { orgId: id, those: 'withTurn' }, sweep)
    for (const id of left) {
      const state = await deletePart(db, id, sweep)
      if (sweep.stopping.aborted) return
      if (state === 'empty') await db.run(finish, [id])
      if (state !== 'progress') done.add(id)
    }
  }
}

/**
 * Deletes a batch of sessions, or rows of the other tables if none is left, for about a second.
 * Returns `stuck` when only rows are left that cannot be deleted now.
 */
async function deletePart(db: Db, orgId: string, sweep: OrganizationSweep) {
  const { found, deleted } = await deleteSessions(db, { orgId, those: 'any' }, sweep)
  if (deleted > 0) return 'progress'
  let state: 'empty' | 'progress' | 'stuck' = found > 0 ? 'stuck' : 'empty'
  let isOver = timeLimit(sweep)
  for (const statement of deletions) {
    try {
      for (let isFull = true; isFull; ) {
        const { length } = await db.run(statement, [orgId])
        isFull = length === rowsAtOnce
        if (isFull && isOver()) return 'progress'
        if (length > 0 && state === 'empty') state = 'progress'
      }
    } catch (error) {
      state = 'stuck'
      sweep.onError({ orgId }, error)
      // A table that cannot be deleted from must not use up the time of the next ones.
      isOver = timeLimit(sweep)
    }
    if (sweep.stopping.aborted) break
  }
  return state
}

type SomeSessions = { orgId: string; those: keyof typeof sessions }

/** Deletes sessions until the time is over. `deleted` counts a part of a log too. */
async function deleteSessions(
  db: Db,
  { orgId, those }: SomeSessions,
  { stopping, onDeleted, onError }: OrganizationSweep,
) {
  const isOver = timeLimit({ stopping })
  const found = await db.run<{ id: string }>(sessions[those], [orgId])
  let deleted = 0
  for (const { id: sessionId } of found) {
    // A session that cannot be deleted must not use up the time of the next ones.
    if (stopping.aborted || (deleted > 0 && isOver())) break
    const session = { orgId, sessionId }
    try {
      while ((await db.run(eventsOfSession, [sessionId])).length > 0) {
        if (isOver()) return { found: found.length, deleted: deleted + 1 }
      }
      if (!(await deleteSessionUnlessHeld(db, session))) continue
      deleted += 1
      onDeleted(session)
    } catch (error) {
      onError(session, error)
    }
  }
  return { found: found.length, deleted }
}

function timeLimit({ stopping }: Pick<OrganizationSweep, 'stopping'>) {
  const end = performance.now() + partMs
  return () => stopping.aborted || performance.now() >= end
}
