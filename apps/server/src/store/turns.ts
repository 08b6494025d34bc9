import type {
  CapabilityUse,
  ClientTool,
  EventType,
  TokenUsage,
  WaitingFor,
} from '@outlast/contract'
import type { Db, Statement } from './database.ts'
import { eventRows, jsonList, textList, textRows } from './json-lists.ts'
import { type EventMark, hasEvent } from './lost-events.ts'
import type { ModelRoute } from './models.ts'
import { countedTexts } from './texts.ts'
import { nanosOf, type UsageRow } from './usage.ts'

/** An event that is not stored yet; context and data are JSON. */
export type NewEvent = { type: EventType; context: string; data: string }

/** One attempt at a turn. Whatever it appends is refused once another attempt has begun. */
export type TurnRun = { orgId: string; sessionId: string; turnId: string; attempt: number | null }

/** A statement spread over many rows: the counters of an organization and its agents. */
const shardCount = 16
export const randomShard = () => Math.floor(Math.random() * shardCount)

/** The same one for all that one session counts: a transaction that counts twice then waits for nobody in between. */
export const shardOf = (sessionId: string) => Number.parseInt(sessionId.slice(-1), shardCount)

/** What a turn needs to know of its session `s` and its agent `a`. */
export const takenColumns = `
  s.sequence, s.turn_from, s.turn_input, s.turn_attempt, s.turn_tries, s.turn_cancelled,
  s.context_sequence, s.context_prompt, s.agent_id, s.model_id, s.capabilities, s.tools,
  s.input_tokens, s.output_tokens, s.cache_read_tokens, s.cache_creation_tokens, s.cost_nanos,
  a.name as agent_name, a.system_prompt, a.capabilities as agent_capabilities, a.tools as agent_tools, a.default_model_id,
  clock_timestamp()::timestamptz(3) as now`

/**
 * Parts of a statement that let parked turns go on, of the rows that `from` gives. What they waited for stays in
 * the session until they append. The statement has to count `wakes`: what nobody reads is not done.
 */
export const wakeParked = (from: string) => `woken as (
  insert into turns (id, org_id, session_id) select turn_id, org_id, id ${from}
  on conflict do nothing
), wakes as (
  select graphile_worker.add_job(
    'turn',
    json_build_object('org_id', org_id, 'session_id', id, 'turn_id', turn_id),
    job_key => turn_id
  ) ${from}
)`

const take: Statement = {
  name: 'take-turn',
  text: `
with before as (
  select turn_node from sessions where org_id = $1 and id = $2
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
  on conflict (id) do update set node_id = excluded.node_id
)
select ${takenColumns}, (select turn_node <> $4 from before) as taken_over
from s join agents a on a.org_id = s.org_id and a.id = s.agent_id`,
}

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
  agent_name: string
  model_id: string | null
  capabilities: CapabilityUse[]
  system_prompt: string
  agent_capabilities: CapabilityUse[]
  tools: ClientTool[]
  agent_tools: ClientTool[]
  default_model_id: string | null
  now: string
  /** The model for its first call, when the turn was taken by the statement that stored its message. */
  route?: ModelRoute | null
  /** True when its node died with it: one that gives a turn back leaves no name behind. */
  taken_over?: boolean | null
}

/**
 * Makes this node the turn's. Its row in `turns` is made anew where a park that this statement waited for has deleted it:
 * nobody would miss the turn otherwise, should this node die. Undefined when the turn is over, parked, or another
 * living node has it.
 */
export async function takeTurn(db: Db, run: Omit<TurnRun, 'attempt'>, nodeId: string) {
  const [taken] = await db.run<TakenTurn>(take, [run.orgId, run.sessionId, run.turnId, nodeId])
  return taken
}

const runningTurns: Statement = {
  name: 'running-turns',
  text: 'select count(*) from (select from turns where org_id = $1 limit $2) running',
}

/** How many turns an organization runs, counted up to a limit. */
export async function countTurns(db: Db, orgId: string, limit: number): Promise<number> {
  const [row] = await db.run<{ count: number }>(runningTurns, [orgId, limit])
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
 * Begins another attempt on the node that has the turn: whatever the last one may still have under way is refused
 * from here on. Undefined when the turn is over or another node's.
 */
export async function retakeTurn(db: Db, run: TurnRun, nodeId: string) {
  const values = [run.orgId, run.sessionId, run.turnId, nodeId]
  const [retaken] = await db.run<{ turn_attempt: number }>(retake, values)
  return retaken?.turn_attempt
}

const appendText = (more = '') => `
with s as (
  update sessions set
    sequence = sequence + $8 + case when sequence = $9 then $10 else 0 end,
    status = case when sequence = $9 and $11::text is null then 'idle' else status end,
    finished_at = case when sequence = $9 and $11::text is null then clock_timestamp() else finished_at end,
    turn_from = case when sequence = $9 then $12 else turn_from end,
    turn_input = case when sequence = $9 then $13 else turn_input end,
    turn_attempt = case when sequence = $9 then 0 else turn_attempt end,
    turn_tries = case when sequence = $9 or $14 then 0 else turn_tries end,
    turn_node = case when sequence = $9 then null else turn_node end,
    turn_cancelled = sequence <> $9 and turn_cancelled,
    turn_id = case when sequence = $9 then $11 else turn_id end,
    waiting_for = null,
    wait_expires_at = null,
    output_preview = coalesce($15, output_preview),
    input_tokens = input_tokens + $16,
    output_tokens = output_tokens + $17,
    cache_read_tokens = case when $18::bigint is null then cache_read_tokens else coalesce(cache_read_tokens, 0) + $18 end,
    cache_creation_tokens = case when $19::bigint is null then cache_creation_tokens else coalesce(cache_creation_tokens, 0) + $19 end,
    cost_nanos = case when $27::bigint is null then cost_nanos else coalesce(cost_nanos, 0) + $27 end,
    stored_bytes = stored_bytes + $26,
    context_sequence = coalesce($20, context_sequence),
    context_prompt = coalesce($21, context_prompt),
    updated_at = clock_timestamp()
  where org_id = $1 and id = $2 and turn_id = $3
    and ($4::integer is null or turn_attempt = $4) and turn_cancelled = $22 and (not $22 or sequence = $9)
    and ($28::integer is null or ${hasEvent('$28', '$29')})
  returning org_id, id, agent_id, sequence, updated_at, finished_at, turn_id is distinct from $3 as ended,
    $8 + case when turn_id is distinct from $3 then $10 else 0 end as added
), e as (
  insert into events (session_id, sequence, type, ts, context, data)
  select s.id, s.sequence - s.added + n.ord, n.type, s.updated_at, n.context, n.data
  from s, ${eventRows('$5', '$6', '$7')}
  where n.ord <= s.added
), d as (
  delete from turns where id = $3 and (select ended from s)
), t as (
  insert into turns (id, org_id, session_id)
  select $11, org_id, id from s where ended and $11::text is not null
), j as (
  select graphile_worker.add_job(
    'turn',
    json_build_object('org_id', org_id, 'session_id', id, 'turn_id', $11::text),
    job_key => $11
  ) from s where ended and $11::text is not null
), x as (
  insert into texts (org_id, hash, body)
  select org_id, n.hash, n.body from s, ${textRows('$23', '$24')}
  on conflict do nothing
  returning octet_length(body) as bytes
), c as (
  insert into counters as c (org_id, agent_id, shard, input_tokens, output_tokens, cache_read_tokens, cache_creation_tokens, stored_bytes, cost_nanos)
  select org_id, agent_id, $25::smallint, $16, $17, coalesce($18, 0), coalesce($19, 0), $26, $27::bigint from s where $16 + $17 + $26 > 0
  union all
  select $1, '${countedTexts}', $25, 0, 0, 0, 0, sum(bytes), null from x having count(*) > 0
  on conflict (org_id, agent_id, shard) do update set
    input_tokens = c.input_tokens + excluded.input_tokens,
    output_tokens = c.output_tokens + excluded.output_tokens,
    cache_read_tokens = c.cache_read_tokens + excluded.cache_read_tokens,
    cache_creation_tokens = c.cache_creation_tokens + excluded.cache_creation_tokens,
    stored_bytes = c.stored_bytes + excluded.stored_bytes,
    cost_nanos = case when excluded.cost_nanos is null then c.cost_nanos else coalesce(c.cost_nanos, 0) + excluded.cost_nanos end
)${more}
select sequence, added, ended, updated_at::timestamptz(3) as ts, (select count(*) from j) as jobs from s`

const append: Statement = { name: 'append-events', text: appendText() }

/** Ends a turn as failed, and writes it down where operators look: turns that do not fail pay nothing for it. */
const fail: Statement = {
  name: 'append-failure',
  text: appendText(`, f as (
  insert into failed_turns (
    org_id, id, session_id, agent_id, input_message_id, input_sequence, sequence, attempts, node_id, error, error_code, failed_at
  )
  select org_id, $3, id, agent_id, $30, $31::integer, sequence, $32::integer, $33, $34, $35, coalesce(finished_at, updated_at)
  from s where ended
)`),
}

/** How a turn ends: it does so only if nothing was appended since `sequence`. */
export type Ending = {
  events: NewEvent[]
  sequence: number
  /** The turn that follows at once, for input that no model call has seen. Without it: idle. */
  next: { turnId: string; from: number; input: string } | undefined
  /** The turn ends because it could not go on. */
  failure?: TurnFailure | undefined
}

export type TurnFailure = {
  /** The message that the turn was for, and where it stands in the log. */
  input: { messageId: string; sequence: number }
  nodeId: string
  error: string
  code: string
}

export type Appending = {
  events: NewEvent[]
  /** The last event that the caller knows of. Without it in the log nothing is appended: commits were lost. */
  after?: EventMark
  ending?: Ending | undefined
  /** A turn that was cancelled takes only its end, and that only if nothing was appended since `ending.sequence`. */
  cancelled?: boolean
  /** The log gains an outcome: the attempts are counted anew. */
  outcome?: boolean
  outputPreview?: string | undefined
  usage?: TokenUsage | undefined
  /** Up to where, and with which prompt, a model has now been asked. */
  context?: { sequence: number; prompt: string } | undefined
  /** Bytes of the log that the counters do not know yet. */
  bytes?: number
  /** Texts that events name by their hash. */
  texts?: { hash: string; body: string }[]
}

export type Appended = { sequence: number; added: number; ended: boolean; ts: string }

const never = -1

/**
 * Appends events to a turn's session, all or nothing, in one statement. Undefined when this attempt is no
 * longer the current one, or the log lacks the event `after`. Contract: never repeated after an error: whether it was stored is read from the log.
 */
export async function appendToTurn(db: Db, run: TurnRun, what: Appending) {
  const { events, ending, usage, context, texts = [] } = what
  const all = ending ? [...events, ...ending.events] : events
  const values = [
    run.orgId,
    run.sessionId,
    run.turnId,
    run.attempt,
    all.map((event) => event.type),
    jsonList(all.map((event) => event.context)),
    jsonList(all.map((event) => event.data)),
    events.length,
    ending?.sequence ?? never,
    ending?.events.length ?? 0,
    ending?.next?.turnId ?? null,
    ending?.next?.from ?? null,
    ending?.next?.input ?? null,
    what.outcome ?? false,
    what.outputPreview ?? null,
    usage?.input_tokens ?? 0,
    usage?.output_tokens ?? 0,
    usage?.cache_read_tokens ?? null,
    usage?.cache_creation_tokens ?? null,
    context?.sequence ?? null,
    context?.prompt ?? null,
    what.cancelled ?? false,
    texts.map((text) => text.hash),
    textList(texts.map((text) => text.body)),
    randomShard(),
    what.bytes ?? 0,
    usage?.cost_usd === undefined ? null : nanosOf(usage.cost_usd),
    what.after?.sequence ?? null,
    what.after?.ts ?? null,
  ]
  const failure = ending?.failure
  const [appended] = failure
    ? await db.run<Appended>(fail, [...values, ...failureValues(failure, run)])
    : await db.run<Appended>(append, values)
  return appended
}

const failureValues = ({ input, nodeId, error, code }: TurnFailure, { attempt }: TurnRun) => [
  input.messageId,
  input.sequence,
  attempt ?? 0,
  nodeId,
  error,
  code,
]

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

/** The turn that a session holds; `turn_id` is null when none runs. Undefined without the session. */
export async function findCurrentTurn(db: Db, orgId: string, sessionId: string) {
  const [found] = await db.run<CurrentTurn>(current, [orgId, sessionId])
  return found
}

const cancel: Statement = {
  name: 'cancel-turn',
  text: `
with s as (
  update sessions set turn_cancelled = true, sequence = sequence + 1, updated_at = clock_timestamp()
  where org_id = $1 and id = $2 and turn_id = $3 and not turn_cancelled
  returning org_id, id, turn_id, sequence, updated_at, waiting_for
), e as (
  insert into events (session_id, sequence, type, ts, context, data)
  select id, sequence, 'turn.cancelled', updated_at, $4, $5 from s
), ${wakeParked('from s where waiting_for is not null')}
select sequence, updated_at::timestamptz(3) as ts, (select count(*) from wakes) as jobs from s`,
}

/** From here on only the end of the turn can be appended. Undefined when there is nothing to cancel any more. */
export async function cancelTurn(db: Db, run: Omit<TurnRun, 'attempt'>, event: NewEvent) {
  const [cancelled] = await db.run<{ sequence: number; ts: string }>(cancel, [
    run.orgId,
    run.sessionId,
    run.turnId,
    event.context,
    event.data,
  ])
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
  update turns set node_id = null where id = $3 and exists (select from s)
)
select graphile_worker.add_job(
  'turn',
  json_build_object('org_id', $1::text, 'session_id', id, 'turn_id', turn_id),
  job_key => turn_id
) from s where $6`,
}

export type Release = {
  /** The attempt counts against the turn. */
  harmed: boolean
  /** Else it waits until a node looks for turns that nobody has. */
  atOnce: boolean
}

/** Gives the turn to whichever node takes it next. */
export async function releaseTurn(db: Db, run: TurnRun, { harmed, atOnce }: Release) {
  const { orgId, sessionId, turnId, attempt } = run
  await db.run(release, [orgId, sessionId, turnId, attempt, harmed, atOnce])
}
