import type { LastTurn, TokenUsage } from '@outlast/contract'
import {
  BudgetRefusedError,
  type CallEstimate,
  type Charged,
  type Charging,
  chargeParts,
  isGranted,
  nextReservation,
  type Spent,
  warningCount,
  withWarnings,
} from '../budgets/charges.ts'
import type { Db } from '../database.ts'
import { textList, textRows } from '../json-lists.ts'
import { appendEvents, eventLists, listedEvents, type NewEvent } from '../log/log-sql.ts'
import { type EventMark, hasEvent } from '../log/lost-events.ts'
import { countedTexts, storeRows } from '../log/texts.ts'
import { type NamedStatement, statement, valuesOf } from '../statements.ts'
import { nanosOf } from '../usage.ts'
import type { TurnRun } from './turns.ts'

const endPart = `, d as (
  delete from turns where id = :turnId and (select ended from s)
), t as (
  insert into turns (id, org_id, session_id)
  select :nextTurnId, org_id, id from s where ended and :nextTurnId::text is not null
), j as (
  select start_turn(org_id, id, :nextTurnId) from s
  where ended and :nextTurnId::text is not null
)`

const textPart = `, x as (${storeRows('s.org_id', `s, ${textRows(':textHashes', ':textBodies')}`)}
)`

const countPart = (more = '') => `, c as (
  insert into counters as c (org_id, agent_id, shard, input_tokens, output_tokens, cache_read_tokens, cache_creation_tokens, stored_bytes, cost_nanos, executions, execution_ms)
  select org_id, agent_id, own_shard(), :inputTokens, :outputTokens, coalesce(:cacheReadTokens, 0), coalesce(:cacheCreationTokens, 0), :bytes, :costNanos::bigint, ended::int, case when ended then :turnMs::bigint else 0 end from s where ended or :inputTokens + :outputTokens + :bytes > 0
  ${more}
  on conflict (org_id, agent_id, shard) do update set
    input_tokens = c.input_tokens + excluded.input_tokens,
    output_tokens = c.output_tokens + excluded.output_tokens,
    cache_read_tokens = c.cache_read_tokens + excluded.cache_read_tokens,
    cache_creation_tokens = c.cache_creation_tokens + excluded.cache_creation_tokens,
    stored_bytes = c.stored_bytes + excluded.stored_bytes,
    executions = c.executions + excluded.executions,
    execution_ms = c.execution_ms + excluded.execution_ms,
    cost_nanos = case when excluded.cost_nanos is null then c.cost_nanos else coalesce(c.cost_nanos, 0) + excluded.cost_nanos end
)`

/** Adds the usage to its day. */
const usedPart = `, u as (
  insert into usage_days as u (org_id, day, agent_id, model, user_id, key_id, shard, calls, input_tokens, output_tokens, cache_read_tokens, cache_creation_tokens, cost_nanos)
  select org_id, (updated_at at time zone 'UTC')::date, agent_id, :usedModel, coalesce(user_id, ''), coalesce(channel_key_id, api_key_id, ''),
    case when user_id is null then own_shard() else 0 end, 1, :inputTokens, :outputTokens, coalesce(:cacheReadTokens, 0), coalesce(:cacheCreationTokens, 0), :costNanos::bigint
  from s where :inputTokens + :outputTokens > 0
  on conflict (org_id, day, agent_id, model, user_id, key_id, shard) do update set
    calls = u.calls + 1,
    input_tokens = u.input_tokens + excluded.input_tokens,
    output_tokens = u.output_tokens + excluded.output_tokens,
    cache_read_tokens = u.cache_read_tokens + excluded.cache_read_tokens,
    cache_creation_tokens = u.cache_creation_tokens + excluded.cache_creation_tokens,
    cost_nanos = case when excluded.cost_nanos is null then u.cost_nanos else coalesce(u.cost_nanos, 0) + excluded.cost_nanos end
)`

const countTextsPart = countPart(`union all
  select :orgId, '${countedTexts}', own_shard(), 0, 0, 0, 0, sum(bytes), null, 0, 0 from x having count(bytes) > 0`)

const failurePart = `, f as (
  insert into failed_turns (
    org_id, id, session_id, agent_id, input_message_id, input_sequence, sequence, attempts, node_id, error, error_code, failed_at
  )
  select org_id, :turnId, id, agent_id, :failedMessageId, :failedSequence::integer, sequence, :failedAttempts::integer, :failedNode, :failedError, :failedCode, coalesce(finished_at, updated_at)
  from s where ended
)`

/** True if this attempt may append. */
const fence = `org_id = :orgId and id = :sessionId and turn_id = :turnId
    and (:attempt::integer is null or turn_attempt = :attempt) and turn_cancelled = :cancelled and (not :cancelled or sequence = :endsAt)
    and (:afterSequence::integer is null or ${hasEvent(':afterSequence', ':afterTs')})`

/** What an append changes in a session when it ends the turn. */
const endingColumns = `
    status = case when sequence = :endsAt and :nextTurnId::text is null then 'idle' else status end,
    finished_at = case when sequence = :endsAt and :nextTurnId::text is null then clock_timestamp() else finished_at end,
    turn_from = case when sequence = :endsAt then :nextFrom else turn_from end,
    turn_input = case when sequence = :endsAt then :nextInput else turn_input end,
    turn_attempt = case when sequence = :endsAt then 0 else turn_attempt end,
    turn_node = case when sequence = :endsAt then null else turn_node end,
    turn_cancelled = sequence <> :endsAt and turn_cancelled,
    turn_id = case when sequence = :endsAt then :nextTurnId else turn_id end,
    last_turn = case when sequence = :endsAt then :lastTurn::json else last_turn end,`

const usageColumns = `
    input_tokens = input_tokens + :inputTokens,
    output_tokens = output_tokens + :outputTokens,
    cache_read_tokens = case when :cacheReadTokens::bigint is null then cache_read_tokens else coalesce(cache_read_tokens, 0) + :cacheReadTokens end,
    cache_creation_tokens = case when :cacheCreationTokens::bigint is null then cache_creation_tokens else coalesce(cache_creation_tokens, 0) + :cacheCreationTokens end,
    cost_nanos = case when :costNanos::bigint is null then cost_nanos else coalesce(cost_nanos, 0) + :costNanos end,
    stored_bytes = stored_bytes + :bytes,`

/**
 * A statement has only what its kind can change: PostgreSQL spends time on starting each
 * expression. A statement that charges budgets stores their warnings.
 */
function appendStatement(name: string, parts: string[], charges?: Charging) {
  const ends = parts.includes(endPart)
  const uses = parts.includes(usedPart)
  const ended = ends ? 'turn_id is distinct from :turnId' : 'false'
  const warned = charges ? warningCount : 0
  return statement(
    charges ? `${name}-${charges}` : name,
    `
with ${charges ? chargeParts[charges](fence) : ''}s as (
  update sessions set
    sequence = sequence + :count + ${warned} + ${ends ? 'case when sequence = :endsAt then :endCount else 0 end' : 0},
    ${ends ? endingColumns : ''}
    turn_tries = case when :outcome${ends ? ' or sequence = :endsAt' : ''} then 0 else turn_tries end,
    waiting_for = null,
    wait_expires_at = null,
    output_preview = coalesce(:outputPreview, output_preview),
    ${uses ? usageColumns : ''}
    context_sequence = coalesce(:contextSequence, context_sequence),
    context_prompt = coalesce(:contextPrompt, context_prompt),
    ${charges ? `reservation = ${nextReservation},` : ''}
    updated_at = clock_timestamp()
  ${charges ? 'from (select) one left join charged on true' : ''}
  where ${fence}${charges ? ` and ${isGranted}` : ''}
  returning org_id, id, agent_id, user_id, channel_key_id, api_key_id, sequence, updated_at, finished_at, ${ended} as ended, ${warned} as warned,
    :count + ${warned} + ${ends ? `case when ${ended} then :endCount else 0 end` : 0} as added
), ${appendEvents(charges ? withWarnings(listedEvents) : listedEvents)}${parts.join('')}
select sequence, added - warned as added, ended, updated_at::timestamptz(3) as ts${ends ? ', (select count(*) from j) as jobs' : ''}
${charges ? ', granted, refused from (select) one left join s on true left join charged on true' : 'from s'}`,
  )
}

/**
 * Append statements by their additional effects: PostgreSQL spends time on starting each part of a
 * statement, also on a part without work.
 */
const partsOfAppends = {
  events: [],
  usage: [countPart(), usedPart],
  end: [endPart, countPart(), usedPart],
  texts: [endPart, textPart, countTextsPart, usedPart],
  /** Ends a turn as failed, and records the failure for operators. */
  failure: [endPart, textPart, countTextsPart, usedPart, failurePart],
}

type AppendKind = keyof typeof partsOfAppends

const appends = Object.fromEntries(
  Object.entries(partsOfAppends).map(([kind, parts]) => {
    const name = kind === 'events' ? 'append-events' : `append-events-${kind}`
    return [
      kind,
      {
        plain: appendStatement(name, parts),
        settles: appendStatement(name, parts, 'settles'),
        reserves: appendStatement(name, parts, 'reserves'),
      },
    ]
  }),
) as Record<AppendKind, Record<'plain' | Charging, NamedStatement>>

function appendKindOf({ ending, texts, usage, bytes }: Appending): AppendKind {
  if (ending?.failure) return 'failure'
  if (texts && texts.length > 0) return 'texts'
  if (ending) return 'end'
  return usage || bytes ? 'usage' : 'events'
}

/** The end of a turn, which happens only if nothing was appended since `sequence`. */
export type TurnEnding = {
  events: NewEvent[]
  sequence: number
  /**
   * The next turn, for input that no model call has received. Without it the session becomes idle.
   */
  next: { turnId: string; from: number; input: string } | undefined
  /** Time since the start of the turn. */
  turnMs?: number | undefined
  /** Set when the turn ends because it cannot continue. */
  failure?: TurnFailure | undefined
}

export type TurnFailure = {
  /** The message of the turn and its sequence. */
  input: { messageId: string; sequence: number }
  nodeId: string
  error: string
  code: string
}

export type Appending = {
  events: NewEvent[]
  /** The caller's last event. If the log lacks it, nothing is appended: commits were lost. */
  after?: EventMark
  ending?: TurnEnding | undefined
  /**
   * A cancelled turn accepts only its end, and only if nothing was appended after
   * `ending.sequence`.
   */
  cancelled?: boolean
  /** True when the log gains an outcome: the count of attempts restarts. */
  outcome?: boolean
  outputPreview?: string | undefined
  usage?: TokenUsage | undefined
  /** The model of the call that `usage` is of. */
  usedModel?: string | undefined
  /** The last sequence and the prompt of the latest model call. */
  context?: { sequence: number; prompt: string } | undefined
  /** Bytes of the log that the counters do not include yet. */
  bytes?: number
  /** Texts that events name by their hash. */
  texts?: { hash: string; body: string }[]
  /** Set when the append settles the open call, and reserves for the next one. */
  charge?: Charge | undefined
}

export type Charge = {
  /** What the open call has used; undefined if there is none, or if that is not known. */
  spent?: Spent | undefined
  /** The call whose intent the append stores. */
  call?: CallEstimate | undefined
  /** The context of warnings, as JSON. */
  context: string
}

export type Appended = {
  sequence: number
  added: number
  ended: boolean
  ts: string
} & Partial<Charged>

const never = -1

/**
 * Appends events to a turn's session, all or nothing, in one statement. Undefined when this attempt
 * is no longer the current one, or the log lacks the event `after`.
 * Contract: never repeated after an error; the log shows whether the events were stored. Throws
 * BudgetRefusedError, with no event stored, when a budget has too little left for `charge.call`.
 */
export async function appendToTurn(db: Db, run: TurnRun, what: Appending) {
  const { events, ending, usage, context, charge, texts = [] } = what
  const all = ending ? [...events, ...ending.events] : events
  const charging = charge?.call ? 'reserves' : charge ? 'settles' : 'plain'
  const append = appends[appendKindOf(what)][charging]
  const values = valuesOf(append, {
    ...run,
    ...eventLists(all),
    count: events.length,
    endsAt: ending?.sequence ?? never,
    endCount: ending?.events.length ?? 0,
    nextTurnId: ending?.next?.turnId ?? null,
    nextFrom: ending?.next?.from ?? null,
    nextInput: ending?.next?.input ?? null,
    lastTurn: ending ? JSON.stringify(lastTurnOf(run, what)) : null,
    outcome: what.outcome ?? false,
    outputPreview: what.outputPreview ?? null,
    inputTokens: usage?.input_tokens ?? 0,
    outputTokens: usage?.output_tokens ?? 0,
    cacheReadTokens: usage?.cache_read_tokens ?? null,
    cacheCreationTokens: usage?.cache_creation_tokens ?? null,
    contextSequence: context?.sequence ?? null,
    contextPrompt: context?.prompt ?? null,
    cancelled: what.cancelled ?? false,
    costNanos: usage?.cost_usd === undefined ? null : nanosOf(usage.cost_usd),
    usedModel: what.usedModel ?? '',
    bytes: what.bytes ?? 0,
    turnMs: ending?.turnMs ?? 0,
    afterSequence: what.after?.sequence ?? null,
    afterTs: what.after?.ts ?? null,
    textHashes: texts.map((text) => text.hash),
    textBodies: textList(texts.map((text) => text.body)),
    ...(ending?.failure && failureValues(ending.failure, run)),
    ...(charge && chargeValues(charge)),
  })
  const [appended] = await db.run<Appended | NotAppended>(append, values)
  if (appended?.refused) throw new BudgetRefusedError(appended.refused)
  return appended?.sequence === null ? undefined : appended
}

type NotAppended = { sequence: null } & Partial<Charged>

const chargeValues = ({ spent, call, context }: Charge) => ({
  spent: spent ? JSON.stringify(spent) : null,
  call: call ? JSON.stringify(call) : null,
  budgetContext: context,
})

function lastTurnOf({ turnId: id }: TurnRun, { ending, cancelled }: Appending): LastTurn {
  const { error = null, code: error_code = null } = ending?.failure ?? {}
  const status = ending?.failure ? 'failed' : cancelled ? 'cancelled' : 'completed'
  return { id, status, error, error_code }
}

const failureValues = ({ input, nodeId, error, code }: TurnFailure, { attempt }: TurnRun) => ({
  failedMessageId: input.messageId,
  failedSequence: input.sequence,
  failedAttempts: attempt ?? 0,
  failedNode: nodeId,
  failedError: error,
  failedCode: code,
})
