import type { TokenUsage } from '@outlast/contract'
import type { Db, Statement } from '../database.ts'
import { eventRows, jsonList, textList, textRows } from '../json-lists.ts'
import { randomShard } from '../shards.ts'
import { nanosOf } from '../usage.ts'
import { type EventMark, hasEvent } from './lost-events.ts'
import { countedTexts, storeRows } from './texts.ts'
import type { NewEvent, TurnRun } from './turns.ts'

const endPart = `, d as (
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
)`

const textPart = `, x as (${storeRows('s.org_id', `s, ${textRows('$28', '$29')}`)}
)`

const countPart = (more = '') => `, c as (
  insert into counters as c (org_id, agent_id, shard, input_tokens, output_tokens, cache_read_tokens, cache_creation_tokens, stored_bytes, cost_nanos)
  select org_id, agent_id, $27::smallint, $16, $17, coalesce($18, 0), coalesce($19, 0), $24, $23::bigint from s where $16 + $17 + $24 > 0
  ${more}
  on conflict (org_id, agent_id, shard) do update set
    input_tokens = c.input_tokens + excluded.input_tokens,
    output_tokens = c.output_tokens + excluded.output_tokens,
    cache_read_tokens = c.cache_read_tokens + excluded.cache_read_tokens,
    cache_creation_tokens = c.cache_creation_tokens + excluded.cache_creation_tokens,
    stored_bytes = c.stored_bytes + excluded.stored_bytes,
    cost_nanos = case when excluded.cost_nanos is null then c.cost_nanos else coalesce(c.cost_nanos, 0) + excluded.cost_nanos end
)`

const countTextsPart = countPart(`union all
  select $1, '${countedTexts}', $27, 0, 0, 0, 0, sum(bytes), null from x having count(bytes) > 0`)

const failurePart = `, f as (
  insert into failed_turns (
    org_id, id, session_id, agent_id, input_message_id, input_sequence, sequence, attempts, node_id, error, error_code, failed_at
  )
  select org_id, $3, id, agent_id, $30, $31::integer, sequence, $32::integer, $33, $34, $35, coalesce(finished_at, updated_at)
  from s where ended
)`

/** `values`: how many of the values it takes. */
type Append = Statement & { values: number }

const appendStatement = (name: string, values: number, ...parts: string[]): Append => ({
  name,
  values,
  text: `
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
    cost_nanos = case when $23::bigint is null then cost_nanos else coalesce(cost_nanos, 0) + $23 end,
    stored_bytes = stored_bytes + $24,
    context_sequence = coalesce($20, context_sequence),
    context_prompt = coalesce($21, context_prompt),
    updated_at = clock_timestamp()
  where org_id = $1 and id = $2 and turn_id = $3
    and ($4::integer is null or turn_attempt = $4) and turn_cancelled = $22 and (not $22 or sequence = $9)
    and ($25::integer is null or ${hasEvent('$25', '$26')})
  returning org_id, id, agent_id, sequence, updated_at, finished_at, turn_id is distinct from $3 as ended,
    $8 + case when turn_id is distinct from $3 then $10 else 0 end as added
), e as (
  insert into events (session_id, sequence, type, ts, context, data)
  select s.id, s.sequence - s.added + n.ord, n.type, s.updated_at, n.context, n.data
  from s, ${eventRows('$5', '$6', '$7')}
  where n.ord <= s.added
)${parts.join('')}
select sequence, added, ended, updated_at::timestamptz(3) as ts${parts.includes(endPart) ? ', (select count(*) from j) as jobs' : ''} from s`,
})

/**
 * Appends by what they do beside storing events: PostgreSQL takes time to begin each part of a statement, also where that
 * part has nothing to do.
 */
const appends = {
  events: appendStatement('append-events', 26),
  usage: appendStatement('append-events-usage', 27, countPart()),
  end: appendStatement('append-events-end', 27, endPart, countPart()),
  texts: appendStatement('append-events-texts', 29, endPart, textPart, countTextsPart),
  /** Ends a turn as failed, and writes it down where operators look. */
  failure: appendStatement('append-failure', 35, endPart, textPart, countTextsPart, failurePart),
}

function appendOf({ ending, texts, usage, bytes }: Appending): Append {
  if (ending?.failure) return appends.failure
  if (texts && texts.length > 0) return appends.texts
  if (ending) return appends.end
  return usage || bytes ? appends.usage : appends.events
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
  /** The message that the turn was for, and its sequence. */
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
  /** The log gains an outcome: the count of attempts starts again. */
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
    usage?.cost_usd === undefined ? null : nanosOf(usage.cost_usd),
    what.bytes ?? 0,
    what.after?.sequence ?? null,
    what.after?.ts ?? null,
    randomShard(),
    texts.map((text) => text.hash),
    textList(texts.map((text) => text.body)),
    ...(ending?.failure ? failureValues(ending.failure, run) : []),
  ]
  const statement = appendOf(what)
  const [appended] = await db.run<Appended>(statement, values.slice(0, statement.values))
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
