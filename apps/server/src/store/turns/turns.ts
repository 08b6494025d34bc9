import type { CapabilityUse, ClientTool, NetworkAccess, WaitingFor } from '@outlast/contract'
import type { Db, Statement } from '../database.ts'
import { appendEvents, events, type NewEvent } from '../log/log-sql.ts'
import type { ModelRoute } from '../models/models.ts'
import { statement, valuesOf } from '../statements.ts'
import type { UsageRow } from '../usage.ts'
import type { ToolRules } from './tool-rules.ts'
import { runningTurns } from './user-turns.ts'

/** One attempt at a turn. Its appends are refused once another attempt has begun. */
export type TurnRun = { orgId: string; sessionId: string; turnId: string; attempt: number | null }

/** Columns of the session `s` and its agent `a` that a turn needs. */
export const takenColumns = `
  s.sequence, s.turn_from, s.turn_input, s.turn_attempt, s.turn_tries, s.turn_cancelled,
  s.context_sequence, s.context_prompt, s.agent_id, s.user_id, s.model_id, s.capabilities, s.tools, s.tool_rules,
  s.max_iterations, s.parallel_tool_calls, s.network_access,
  a.max_iterations as agent_max_iterations, a.parallel_tool_calls as agent_parallel_tool_calls, a.network_access as agent_network_access, a.tool_rules as agent_tool_rules,
  s.input_tokens, s.output_tokens, s.cache_read_tokens, s.cache_creation_tokens, s.cost_nanos,
  s.system_prompt as session_prompt, s.locale, s.hints,
  a.name as agent_name, a.system_prompt, a.capabilities as agent_capabilities, a.tools as agent_tools, a.output_schema as agent_output_schema, a.default_model_id,
  clock_timestamp()::timestamptz(3) as now`

/**
 * Parts of a statement that resume the parked turns in the rows of `from`. The session keeps
 * `waiting_for` until they append. The statement must count `wakes`: PostgreSQL does not run a part
 * that is not read.
 */
export const wakeParked = (from: string) => `woken as (
  insert into turns (id, org_id, session_id) select turn_id, org_id, id ${from}
  on conflict do nothing
), wakes as (
  select start_turn(org_id, id, turn_id) ${from}
)`

const take: Statement = {
  name: 'take-turn',
  text: `
with before as (
  select s.sequence as rules_at, s.turn_node, t.refused_at, t.missing_capabilities, t.refused_at <= now() - $5 * interval '1 millisecond' as overdue
  from sessions s left join turns t on t.id = $3 where s.org_id = $1 and s.id = $2
), s as (
  update sessions set
    turn_attempt = turn_attempt + 1,
    turn_tries = turn_tries + 1,
    turn_node = $4
  where org_id = $1 and id = $2 and turn_id = $3
    and (waiting_for is null or exists (select from turns where turns.id = $3))
    and not exists (
      select from nodes where nodes.id = turn_node and nodes.id <> $4 and nodes.expires_at > now()
    )
  returning *
), t as (
  insert into turns (id, org_id, session_id, node_id) select turn_id, org_id, id, $4 from s
  on conflict (id) do update set
    node_id = excluded.node_id, refused_at = null, missing_capabilities = null,
    created_at = case when turns.node_id is null then turns.created_at else now() end
)
select ${takenColumns}, before.rules_at, before.turn_node <> $4 as taken_over, before.refused_at, before.missing_capabilities, before.overdue
from before, s join agents a on a.org_id = s.org_id and a.id = s.agent_id`,
}

/** Time for a node with all capabilities of a refused turn to take it, in ms. */
export const refusedMs = 60_000

export type TakenTurn = UsageRow & {
  sequence: number
  turn_from: number
  turn_input: string
  turn_attempt: number
  turn_tries: number
  turn_cancelled: boolean
  context_sequence: number
  context_prompt: string | null
  agent_id: string
  user_id: string | null
  agent_name: string
  model_id: string | null
  capabilities: CapabilityUse[]
  session_prompt: string | null
  locale: string | null
  hints: Record<string, unknown> | null
  system_prompt: string
  agent_capabilities: CapabilityUse[]
  tools: ClientTool[]
  agent_tools: ClientTool[]
  agent_output_schema: Record<string, unknown> | null
  default_model_id: string | null
  max_iterations: number | null
  parallel_tool_calls: boolean | null
  network_access: NetworkAccess | null
  agent_max_iterations: number | null
  agent_parallel_tool_calls: boolean | null
  agent_network_access: NetworkAccess | null
  now: string
  tool_rules: ToolRules | null
  agent_tool_rules: ToolRules | null
  /** Both have the rules up to this sequence. Absent: the turn has just begun. */
  rules_at?: number
  /** The model of its first call, if the statement that stored its message took the turn. */
  route?: ModelRoute | null
  /** True when its node died during the turn; a released turn has no node. */
  taken_over?: boolean | null
  /** When the first node refused it, and the capabilities that nodes lacked, until this take. */
  refused_at?: string | null
  missing_capabilities?: string[] | null
  /** True when no node that has them took it in time: it runs without them. */
  overdue?: boolean | null
}

/**
 * Assigns the turn to this node, also as a takeover from a dead node. Inserts its row in `turns`
 * again where a concurrent park has deleted it: without the row no sweep would find the turn if
 * this node dies. Undefined when the turn has ended, is parked, or belongs to another living node.
 */
export async function takeTurn(db: Db, run: Omit<TurnRun, 'attempt'>, nodeId: string) {
  const values = [run.orgId, run.sessionId, run.turnId, nodeId, refusedMs]
  const [taken] = await db.run<TakenTurn>(take, values)
  return taken
}

const countRunning = statement('running-turns', runningTurns)

/** Counts the running turns of an organization up to a limit. */
export async function countRunningTurns(db: Db, orgId: string, turnsMax: number): Promise<number> {
  const values = valuesOf(countRunning, { orgId, turnsMax })
  const [row] = await db.run<{ count: number }>(countRunning, values)
  return row!.count
}

const retake: Statement = {
  name: 'retake-turn',
  text: `
update sessions set turn_attempt = turn_attempt + 1
where org_id = $1 and id = $2 and turn_id = $3 and turn_node = $4
returning turn_attempt`,
}

/**
 * Begins another attempt on the node that has the turn. Appends of the previous attempt are refused
 * from then on. Undefined when the turn has ended or belongs to another node.
 */
export async function retakeTurn(db: Db, run: TurnRun, nodeId: string) {
  const values = [run.orgId, run.sessionId, run.turnId, nodeId]
  const [retaken] = await db.run<{ turn_attempt: number }>(retake, values)
  return retaken?.turn_attempt
}

const current: Statement = {
  name: 'current-turn',
  text: `
select sequence, turn_id, turn_from, turn_input, turn_node, turn_attempt, turn_cancelled, waiting_for,
  input_tokens, output_tokens, cache_read_tokens, cache_creation_tokens, cost_nanos,
  clock_timestamp()::timestamptz(3) as now
from sessions where org_id = $1 and id = $2`,
}

export type CurrentTurn = Pick<
  TakenTurn,
  | 'sequence'
  | 'turn_from'
  | 'turn_input'
  | 'turn_attempt'
  | 'turn_cancelled'
  | keyof UsageRow
  | 'now'
> & { turn_id: string | null; turn_node: string | null; waiting_for: WaitingFor | null }

/** Returns the turn of a session; `turn_id` is null when none runs. Undefined: no session. */
export async function findCurrentTurn(db: Db, orgId: string, sessionId: string) {
  const [found] = await db.run<CurrentTurn>(current, [orgId, sessionId])
  return found
}

const cancel = statement(
  'cancel-turn',
  `
with s as (
  update sessions set turn_cancelled = true, sequence = sequence + 1, updated_at = clock_timestamp()
  where org_id = :orgId and id = :sessionId and turn_id = :turnId and not turn_cancelled
  returning org_id, id, turn_id, sequence, updated_at, waiting_for, 1 as added
), ${appendEvents(events({ type: 'turn.cancelled', context: ':context', data: ':data' }))},
${wakeParked('from s where waiting_for is not null')}
select sequence, updated_at::timestamptz(3) as ts, (select count(*) from wakes) as jobs from s`,
)

/**
 * Cancels a turn: only its end can be appended afterwards. Undefined if there is nothing to cancel.
 */
export async function cancelTurn(db: Db, run: Omit<TurnRun, 'attempt'>, event: NewEvent) {
  const values = valuesOf(cancel, { ...run, ...event })
  const [cancelled] = await db.run<{ sequence: number; ts: string }>(cancel, values)
  return cancelled
}

const release: Statement = {
  name: 'release-turn',
  text: `
with s as (
  update sessions set turn_node = null, turn_tries = greatest(0, turn_tries - case when $5 then 0 else 1 end)
  where org_id = $1 and id = $2 and turn_id = $3 and turn_attempt = $4
  returning id, turn_id
), t as (
  update turns set node_id = null, created_at = now() where id = $3 and exists (select from s)
)
select start_turn($1, id, turn_id) from s where $6`,
}

export type Release = {
  /** True when the attempt counts as failed. */
  harmed: boolean
  /** True: enqueues the turn now. False: a sweep for turns without a node enqueues it. */
  atOnce: boolean
}

/** Releases the turn to the next node that takes it. */
export async function releaseTurn(db: Db, run: TurnRun, { harmed, atOnce }: Release) {
  const { orgId, sessionId, turnId, attempt } = run
  await db.run(release, [orgId, sessionId, turnId, attempt, harmed, atOnce])
}

/** One in so many attempts counts although its node lives: the turn may block its nodes. */
const countedEvery = 10

const forgive: Statement = {
  name: 'forgive-attempt',
  text: `
update sessions set turn_tries = greatest(0, turn_tries - 1)
where org_id = $1 and id = $2 and turn_id = $3 and turn_attempt > $4`,
}

/**
 * Stops counting an attempt that another node took over: its own node was slow, but lives. Every
 * tenth attempt counts, so that a turn that blocks each of its nodes fails as well.
 */
export async function forgiveAttempt(db: Db, run: TurnRun): Promise<void> {
  const { orgId, sessionId, turnId, attempt } = run
  if (attempt === null || attempt % countedEvery === 0) return
  await db.run(forgive, [orgId, sessionId, turnId, attempt])
}

const refusal = statement(
  'refuse-turn',
  `
with s as (
  update sessions set turn_node = null, turn_tries = greatest(0, turn_tries - 1)
  where org_id = :orgId and id = :sessionId and turn_id = :turnId and turn_attempt = :attempt
  returning org_id, id, turn_id
), t as (
  update turns set
    node_id = null, refused_at = coalesce(:since, clock_timestamp()), missing_capabilities = :missing
  where id = :turnId and exists (select from s)
)
select start_turn(org_id, id, turn_id, :missing) from s`,
)

export type TurnRefusal = {
  /** Time of the first refusal; null: now. */
  since: string | null
  missing: string[]
}

/** Returns a turn to the queue, for nodes that have the missing capabilities. */
export async function refuseTurn(db: Db, run: TurnRun, refused: TurnRefusal): Promise<void> {
  await db.run(refusal, valuesOf(refusal, { ...run, ...refused }))
}

const strayTurns: Statement = {
  name: 'sweep-stray-turns',
  text: `
delete from turns where id = any(array(
  select t.id from turns t
  where not exists (select from sessions s where s.org_id = t.org_id and s.id = t.session_id and s.turn_id = t.id)
  limit 1000
))`,
}

/** Deletes rows of turns that no session has. No session gets a turn that it does not have. */
export async function sweepStrayTurns(db: Db): Promise<void> {
  await db.run(strayTurns, [])
}
