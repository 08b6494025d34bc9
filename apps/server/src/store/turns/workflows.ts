import type { OmittedImage, WaitingFor, Workflow, WorkflowQuery } from '@outlast/contract'
import { cappedTotal, countedMax } from '../batches.ts'
import type { Db, Statement } from '../database.ts'
import { readableJson } from '../stored-json.ts'
import { refusedMs } from './turns.ts'

/** SQL: an open turn. It has a row in `turns`, or it is parked and only in its session. */
const open = `
  select s.turn_id, s.id as session_id, s.agent_id, s.turn_input as input_message_id,
    case when t.id is null then 'waiting' when t.node_id is null then 'queued' else 'running' end as status,
    coalesce(t.created_at, (s.waiting_for->>'since')::timestamptz)::timestamptz(3) as since,
    t.node_id as node, s.turn_attempt as attempts, s.turn_tries as tries, s.turn_cancelled as cancelled,
    null as error, null as error_code, null as retried_as`

const placed = `${open}
  from turns t join sessions s on s.org_id = t.org_id and s.id = t.session_id and s.turn_id = t.id
  where t.org_id = $1`

const parked = `${open}
  from sessions s left join turns t on t.id = s.turn_id
  where s.org_id = $1 and s.waiting_for is not null and s.turn_id is not null and t.id is null`

const failed = `
  select id as turn_id, session_id, agent_id, input_message_id, 'failed' as status, failed_at as since,
    node_id as node, attempts, 0 as tries, false as cancelled, error, error_code, retried_as
  from failed_turns where org_id = $1`

/** The columns of the filters, in the order of their parameters. */
const filterColumns = {
  status: 'status',
  session_id: 'session_id',
  agent_id: 'agent_id',
  node: 'node',
}
const failedColumns = { ...filterColumns, node: 'node_id' }
type WorkflowFilter = keyof typeof filterColumns
type Kind = 'open' | 'failed'

/** Statements for the filters of a list: each has its own, so that its index is used. */
function statementsFor(kinds: readonly Kind[], filters: readonly WorkflowFilter[]) {
  const conditions = (columns: typeof filterColumns) =>
    filters.map((filter, index) => ` and ${columns[filter]} = $${index + 3}`).join('')
  /** SQL: at most `$2` turns of each kind, the newest: ids begin with their time. */
  const parts: Record<Kind, string> = {
    open: `(select * from (${placed} union all ${parked}) o
      where true${conditions(filterColumns)} order by turn_id desc limit $2)`,
    failed: `(${failed}${conditions(failedColumns)} order by id desc limit $2)`,
  }
  const matching = kinds.map((kind) => parts[kind]).join(' union all ')
  const name = `${kinds.join('-')}-workflows-of-${filters.join('-')}`
  const at = filters.length + 3
  const page: Statement = {
    name: `list-${name}`,
    text: `select * from (${matching}) w order by turn_id desc offset $${at} limit $${at + 1}`,
  }
  const counted: Statement = {
    name: `count-${name}`,
    text: `select count(*)::int as total from (${matching}) w`,
  }
  return { page, counted }
}

function kindsOf({ status }: WorkflowQuery): Kind[] {
  if (status === undefined) return ['open', 'failed']
  return status === 'failed' ? ['failed'] : ['open']
}

/** Lists the open and failed turns of an organization, newest first. */
export async function listWorkflows(
  db: Db,
  orgId: string,
  { offset, limit, ...query }: WorkflowQuery & WorkflowRange,
) {
  const kinds = kindsOf(query)
  const given: WorkflowQuery = query.status === 'failed' ? { ...query, status: undefined } : query
  const all = Object.keys(filterColumns) as WorkflowFilter[]
  const filters = all.filter((filter) => given[filter] !== undefined)
  const values = filters.map((filter) => given[filter])
  const { page, counted } = statementsFor(kinds, filters)
  const [data, [row]] = await Promise.all([
    db.run<Workflow>(page, [orgId, offset + limit, ...values, offset, limit]),
    db.run<{ total: number }>(counted, [orgId, countedMax + 1, ...values]),
  ])
  return { data, ...cappedTotal(row!.total) }
}

type WorkflowRange = { offset: number; limit: number }

const one: Statement = {
  name: 'workflow-by-id',
  text: `
${placed} and t.id = $2 union all ${parked} and s.turn_id = $2
union all ${failed} and id = $2`,
}

/**
 * Finds an open or failed turn. Undefined for a turn that ended otherwise, of another organization,
 * or that never existed.
 */
export async function findWorkflow(db: Db, orgId: string, turnId: string) {
  const [found] = await db.run<Workflow>(one, [orgId, turnId])
  return found
}

const sequences: Statement = {
  name: 'workflow-sequences',
  text: `
with span as (
  select session_id, input_message_id, input_sequence as first, sequence as last
  from failed_turns where org_id = $1 and id = $2
  union all
  select id, turn_input, turn_from, sequence from sessions where org_id = $1 and id = $3 and turn_id = $2
)
select e.sequence from span join events e on e.session_id = span.session_id
where e.sequence between span.first and span.last and (
  e.context->>'turn_id' = $2
  or e.type = 'input.message' and ${readableJson('e.data')}->'message'->>'id' = span.input_message_id
)
order by e.sequence`,
}

/** Finds the sequences of a turn's events in its session's log, that of its message first. */
export async function findSequences(db: Db, orgId: string, { turn_id, session_id }: Workflow) {
  const rows = await db.run<{ sequence: number }>(sequences, [orgId, turn_id, session_id])
  return rows.map(({ sequence }) => sequence)
}

const facts: Statement = {
  name: 'session-facts',
  text: `
select s.id as session_id, s.turn_id, s.turn_from, s.turn_input, s.turn_cancelled, s.waiting_for,
  s.started_at, s.finished_at, s.created_at, s.updated_at, clock_timestamp()::timestamptz(3) as now,
  t.created_at as placed_at, t.node_id as node, t.missing_capabilities,
  (t.refused_at + $4 * interval '1 millisecond')::timestamptz(3) as refused_until,
  n.expires_at - $3 * interval '1 millisecond' as renewed_at,
  (select count(*) from nodes where expires_at > now())::int as living,
  (select count(*) from nodes where expires_at > now() and role <> 'api' and not draining)::int as taking,
  f.id as failed_turn, f.error, f.error_code, f.node_id as failed_on,
  p.error_code as pause_code, p.since as pause_since, p.until as pause_until,
  case when t.id is not null and t.node_id is null then (
    select count(*) from (
      select from graphile_worker.jobs b
      where b.task_identifier = 'turn' and b.locked_at is null and b.attempts < b.max_attempts and b.run_at <= now()
        and (b.priority, b.run_at, b.id) < (j.priority, j.run_at, j.id)
      limit 10000
    ) before
  )::int end as ahead
from sessions s
left join turns t on t.id = s.turn_id
left join nodes n on n.id = t.node_id
left join pauses p on p.turn_id = s.turn_id and p.until > now()
left join graphile_worker.jobs j on j.key = s.turn_id
left join lateral (
  select * from failed_turns
  where session_id = s.id and s.turn_id is null and failed_at = s.finished_at
  order by sequence desc limit 1
) f on true
where s.org_id = $1 and s.id = $2`,
}

/** The stored state of a session at one moment, for the explanation of its status. */
export type SessionFacts = {
  session_id: string
  turn_id: string | null
  turn_from: number
  turn_input: string
  turn_cancelled: boolean
  waiting_for: WaitingFor | null
  started_at: string | null
  finished_at: string | null
  created_at: string
  updated_at: string
  now: string
  /** Null while the turn is parked. */
  placed_at: string | null
  node: string | null
  /** Capabilities that nodes lacked which refused it, and the end of the wait for other nodes. */
  missing_capabilities: string[] | null
  refused_until: string | null
  /** When its node last renewed its lease; null for an unknown node. */
  renewed_at: string | null
  /** Living nodes, and those of them that take turns. */
  living: number
  taking: number
  /** The session's last turn, if that failed. */
  failed_turn: string | null
  error: string | null
  error_code: string | null
  failed_on: string | null
  pause_code: string | null
  pause_since: string | null
  pause_until: string | null
  /** Turns before it in the queue. */
  ahead: number | null
}

/** Reads the stored state of a session. Contract: undefined without the session. */
export async function findFacts(db: Db, orgId: string, sessionId: string, leaseMs: number) {
  const [found] = await db.run<SessionFacts>(facts, [orgId, sessionId, leaseMs, refusedMs])
  return found
}

const omitted: Statement = {
  name: 'omitted-images',
  text: `
select ${readableJson('data')}->'metadata'->'omitted_images' as images from events
where session_id = $1 and type = 'llm.generation' order by sequence desc limit 1`,
}

/** Returns the images that the latest finished model call of a session received as text. */
export async function findOmittedImages(db: Db, sessionId: string): Promise<OmittedImage[]> {
  const [row] = await db.run<{ images: OmittedImage[] | null }>(omitted, [sessionId])
  return row?.images ?? []
}
