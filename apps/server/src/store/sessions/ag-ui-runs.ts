import { ApiError } from '../../errors.ts'
import type { Db, Statement } from '../database.ts'
import type { SessionScope } from '../scope.ts'

/** Where a run of a client begins in the log of its session. */
export type StoredRun = {
  run_id: string
  after_sequence: number
  kind: 'message' | 'answers'
  message_id: string | null
  answered: string[]
}

export type RunOf = { orgId: string; sessionId: string; runId: string }

const fields = 'r.run_id, r.after_sequence, r.kind, r.message_id, r.answered'

const insert: Statement = {
  name: 'insert-ag-ui-run',
  text: `
with s as (
  select org_id, id from sessions where org_id = $1 and id = $2 for key share
), r as (
  insert into ag_ui_runs (org_id, session_id, run_id, after_sequence, kind, message_id, answered)
  select org_id, id, $3, $4::integer, $5, $6, $7::text[] from s on conflict do nothing
)
select id from s`,
}

/** Stores where a run begins. Contract: a repeat has no effect; throws 404. */
export async function storeRun(db: Db, { orgId, sessionId }: RunOf, run: StoredRun) {
  const { run_id, after_sequence, kind, message_id, answered } = run
  const values = [orgId, sessionId, run_id, after_sequence, kind, message_id, answered]
  const [row] = await db.run<{ id: string }>(insert, values)
  if (!row) throw new ApiError('not_found', 'Session')
}

const remove: Statement = {
  name: 'delete-ag-ui-run',
  text: 'delete from ag_ui_runs where org_id = $1 and session_id = $2 and run_id = $3',
}

export async function deleteRun(db: Db, { orgId, sessionId, runId }: RunOf): Promise<void> {
  await db.run(remove, [orgId, sessionId, runId])
}

const find: Statement = {
  name: 'ag-ui-run',
  text: `
select ${fields} from ag_ui_runs r where r.org_id = $1 and r.session_id = $2 and r.run_id = $3`,
}

export async function findRun(db: Db, { orgId, sessionId, runId }: RunOf) {
  const [row] = await db.run<StoredRun>(find, [orgId, sessionId, runId])
  return row
}

const latest: Statement = {
  name: 'latest-ag-ui-run',
  text: `
select ${fields} from ag_ui_runs r where r.org_id = $1 and r.session_id = $2
order by r.after_sequence desc, r.created_at desc limit 1`,
}

/** Finds the run of a session that began last. */
export async function findLatestRun(db: Db, { orgId, sessionId }: Omit<RunOf, 'runId'>) {
  const [row] = await db.run<StoredRun>(latest, [orgId, sessionId])
  return row
}

const byId: Statement = {
  name: 'ag-ui-run-by-id',
  text: `
select ${fields}, s.id as session_id, s.key as thread_id
from ag_ui_runs r join sessions s on s.org_id = r.org_id and s.id = r.session_id
where r.org_id = $1 and r.run_id = $2 and s.agent_id = $3 and s.channel_id is null
  and ($4::text is null or s.user_id = $4) and ($5::text is null or s.id = $5)
order by r.created_at desc limit 1`,
}

export type RunById = {
  orgId: string
  runId: string
  agentId: string
  scope?: SessionScope | undefined
  /** The session of a token. */
  sessionId?: string | undefined
}

/** Finds the newest run with an id among the sessions of an agent that the caller may read. */
export async function findRunById(db: Db, { orgId, runId, agentId, ...of }: RunById) {
  const { scope, sessionId } = of
  const values = [orgId, runId, agentId, scope?.user ?? null, sessionId ?? null]
  const [row] = await db.run<StoredRun & { session_id: string; thread_id: string | null }>(
    byId,
    values,
  )
  return row
}
