import type { EventMessage, Message } from '@outlast/contract'
import { ApiError } from '../../errors.ts'
import type { Db, Statement } from '../database.ts'
import { eventMessage, messageTypes } from '../log/conversation.ts'
import { readPage } from '../log/events.ts'
import { appendEvents, events, type NewEvent } from '../log/log-sql.ts'
import type { ModelScope } from '../models/model-scope.ts'
import { routeQuery } from '../models/models.ts'
import { statement, valuesOf } from '../statements.ts'
import { type TakenTurn, type TurnRun, takenColumns, wakeParked } from '../turns/turns.ts'
import { runningTurns, type UserTurns, userTurns, userTurnsValues } from '../turns/user-turns.ts'

const batchSize = 500

type MessagesRead = {
  /** The last sequence to read. */
  upTo: number
  offset: number
  limit: number
  /** Converts a message to the caller's view. */
  view: (message: Message) => Message
}

/** Reads a session's messages in batches, oldest first, as JSON. */
export async function* messageBatches(
  db: Db,
  sessionId: string,
  { upTo, offset, limit, view }: MessagesRead,
): AsyncGenerator<string[]> {
  let after = 0
  let skip = offset
  for (let left = limit; left > 0; ) {
    const size = Math.min(batchSize, left + skip)
    const read = { after, upTo, types: messageTypes, limit: size }
    const { rows, more } = await readPage(db, sessionId, read)
    const taken = rows
      .slice(skip)
      .map((row) => JSON.stringify(view(asMessage(sessionId, row.sequence, eventMessage(row)))))
    skip = Math.max(0, skip - rows.length)
    left -= taken.length
    if (taken.length > 0) yield taken
    if (!more) return
    after = rows.at(-1)!.sequence
  }
}

/** Converts an event's message to its API form, without the parts for models only. */
export function asMessage(sessionId: string, sequence: number, message: EventMessage): Message {
  const { thinking: _, thinking_signature: __, ...rest } = message
  return { ...rest, session_id: sessionId, sequence }
}

const position: Statement = {
  name: 'session-position',
  text: 'select sequence, key from sessions where org_id = $1 and id = $2',
}

async function findPosition(db: Db, orgId: string, sessionId: string) {
  const [row] = await db.run<{ sequence: number; key: string | null }>(position, [orgId, sessionId])
  return row
}

/** Returns the last sequence of a session; undefined when there is no such session. */
export async function findSequence(db: Db, orgId: string, sessionId: string) {
  return (await findPosition(db, orgId, sessionId))?.sequence
}

/** Returns the last sequence of a session. Contract: throws 404. */
export async function getSequence(db: Db, orgId: string, sessionId: string) {
  const sequence = await findSequence(db, orgId, sessionId)
  if (sequence === undefined) throw new ApiError('not_found', 'Session')
  return sequence
}

const emptyContext = '{}'

/**
 * SQL: a parked turn resumes with a message that needs no turn of its own, if it waits for the
 * client or for answers.
 */
const resumesParked = `(:busyData::json is null and waiting_for->>'type' in ('tool_results', 'input'))`

const inputEvent = {
  type: 'input.message' as const,
  context: ':context',
  data: 'case when s.turn_id = :turnId then :data else coalesce(:busyData::json, :data) end',
  tags: ':tags',
}

type Limit = 'turnsMax' | 'userTurnsMax'

/** SQL: the number of running turns that each limit is about. */
const runningBy: Record<Limit, string> = {
  turnsMax: `(${runningTurns})`,
  userTurnsMax: userTurns,
}

/** Bytes of the messages of a running turn and those behind it: its node reads all. */
const openBytesMax = 64 * 1024 * 1024

const meetsConditions =
  '(:ifSequence::integer is null or sequence = :ifSequence) and (:ifKey::text is null or key = :ifKey)'

const hasRoom = `(turn_id is null or not open_messages_exceed(id, turn_from, ${openBytesMax}))`

/**
 * A statement counts turns only for the limits that apply. With counts that its values make
 * needless, PostgreSQL may plan each execution, which takes longer than to execute the plan.
 */
const acceptStatement = (...limits: Limit[]) =>
  statement(
    ['accept-message', ...limits].join('-'),
    `
with s as (
  update sessions set
    sequence = sequence + 1,
    status = 'active',
    preview = coalesce(preview, :preview),
    started_at = coalesce(started_at, clock_timestamp()),
    finished_at = null,
    turn_from = case when turn_id is null then sequence + 1 else turn_from end,
    turn_input = case when turn_id is null then :messageId else turn_input end,
    turn_attempt = case when turn_id is null then (:nodeId::text is not null)::int else turn_attempt end,
    turn_tries = case when turn_id is null then (:nodeId::text is not null)::int else turn_tries end,
    turn_node = case when turn_id is null then :nodeId else turn_node end,
    turn_cancelled = turn_id is not null and turn_cancelled,
    turn_id = coalesce(turn_id, :turnId),
    updated_at = clock_timestamp()
  where org_id = :orgId and id = :sessionId and (turn_id is null or not :onlyIdle)
    and ${meetsConditions} and ${hasRoom}
    ${limits.map((max) => `and (turn_id is not null or ${runningBy[max]} < :${max})`).join(' ')}
  returning *, 1 as added
), ${appendEvents(events(inputEvent))}, t as (
  insert into turns (id, org_id, session_id, node_id)
  select turn_id, :orgId, id, case when turn_id = :turnId then :nodeId end from s where turn_id = :turnId or ${resumesParked}
  on conflict do nothing
), j as (
  select start_turn(:orgId, id, turn_id) from s
  where (turn_id = :turnId and :nodeId::text is null) or ${resumesParked}
)
select s.turn_id, s.updated_at::timestamptz(3) as ts, s.turn_id = :turnId as begins,
  (select count(*) from j) as jobs, ${takenColumns}, row_to_json(r) as route,
  case
    when s.id is not null then null
    when :onlyIdle and before.turn_id is not null then 'session_busy'
    when before.sequence <> :ifSequence::integer then 'changed_meanwhile'
    ${limits.map((max) => `when before.turn_id is null and ${runningBy[max]} >= :${max} then 'too_many_turns'`).join(' ')}
    when :ifSequence::integer is not null then 'changed_meanwhile'
    when :onlyIdle then 'session_busy'
    when before.turn_id is not null then 'too_many_messages'
    else 'too_many_turns'
  end as refused
from sessions before
  left join s on true
  left join agents a on s.turn_id = :turnId and :nodeId::text is not null
    and a.org_id = s.org_id and a.id = s.agent_id
  left join lateral (
    ${routeQuery('s.org_id', 'array[:modelId, s.model_id, a.default_model_id]', ':keyedTypes::text[]')}
  ) r on a.id is not null
where before.org_id = :orgId and before.id = :sessionId`,
  )

const accept = acceptStatement()
const acceptWithin = acceptStatement('turnsMax')
const acceptForUser = acceptStatement('userTurnsMax')
const acceptWithinForUser = acceptStatement('turnsMax', 'userTurnsMax')

function acceptFor({ turnsMax, userTurnsMax }: Record<Limit, number | null>) {
  if (userTurnsMax === null) return turnsMax === null ? accept : acceptWithin
  return turnsMax === null ? acceptForUser : acceptWithinForUser
}

export type NewInput = {
  turnId: string
  messageId: string
  data: string
  /** The data to store when a turn is already running, where it differs. */
  busyData: string | null
  tags: string[] | null
  preview: string | null
  /** The model that the message requests. */
  modelId: string | null
  /** The node that runs the turn at once; null: any node that gets its job. */
  nodeId: string | null
  /** The context of its event, as JSON; absent: none. */
  context?: string
} & MessageConditions

/** What the session must have; absent or null: anything. */
export type MessageConditions = {
  ifSequence?: number | null | undefined
  ifKey?: string | null | undefined
}

export type Accepted = TakenTurn & { turn_id: string; ts: string; begins: boolean; refused: null }

export type Refused = {
  refused:
    | 'not_found'
    | 'changed_meanwhile'
    | 'session_busy'
    | 'too_many_messages'
    | 'too_many_turns'
}

/**
 * Stores a message and, when no turn runs, begins the turn that answers it, on a node or with a
 * job. A turn that waits for the client resumes. All or nothing. Refused with `onlyIdle` when a
 * turn runs, with `ifSequence` or `ifKey` for another one, when too many bytes wait behind a
 * turn, and when the organization already runs `turnsMax` or the end user `userTurnsMax`; the
 * reason is that at the start of the statement.
 */
export async function acceptMessage(
  db: Db,
  { orgId, sessionId }: Pick<TurnRun, 'orgId' | 'sessionId'>,
  input: NewInput & Pick<ModelScope, 'keyedTypes'> & { onlyIdle: boolean; turnsMax: number | null },
  by?: UserTurns,
): Promise<Accepted | Refused> {
  const values = {
    orgId,
    sessionId,
    context: emptyContext,
    ...userTurnsValues(by),
    ...input,
    ifSequence: input.ifSequence ?? null,
    ifKey: input.ifKey ?? null,
  }
  const used = acceptFor(values)
  const [accepted] = await db.run<Accepted | Refused>(used, valuesOf(used, values))
  if (accepted?.refused === null) return accepted
  // A session that is deleted while the statement waits for its row is in its snapshot.
  const now = accepted && (await findPosition(db, orgId, sessionId))
  if (!now) return { refused: 'not_found' }
  if (values.ifKey !== null && values.ifKey !== now.key) return { refused: 'changed_meanwhile' }
  const isUnchanged = accepted.refused === 'changed_meanwhile' && now.sequence === values.ifSequence
  return isUnchanged ? { refused: 'too_many_messages' } : accepted
}

export type Interrupting = Pick<NewInput, 'data' | 'tags' | 'preview' | 'context'> &
  MessageConditions

const cancelledEvent = { type: 'turn.cancelled' as const, context: ':context', data: ':data' }
const interruptingEvent = {
  type: 'input.message' as const,
  context: ':inputContext',
  data: ':inputData',
  tags: ':tags',
}

const interrupt = statement(
  'interrupt-turn',
  `
with s as (
  update sessions set
    turn_cancelled = true,
    sequence = sequence + 2,
    preview = coalesce(preview, :preview),
    updated_at = clock_timestamp()
  where org_id = :orgId and id = :sessionId and turn_id = :turnId and not turn_cancelled
    and ${meetsConditions} and ${hasRoom}
  returning org_id, id, turn_id, sequence, updated_at, waiting_for, 2 as added
), ${appendEvents(events(cancelledEvent, interruptingEvent))},
${wakeParked('from s where waiting_for is not null')}
select sequence, updated_at::timestamptz(3) as ts, (select count(*) from wakes) as jobs from s`,
)

/**
 * Cancels a turn and stores the message to answer instead, all or nothing. Undefined when the turn
 * has ended or was cancelled, when the session does not meet the conditions, and when too many
 * bytes wait behind the turn.
 */
export async function interruptTurn(
  db: Db,
  run: Omit<TurnRun, 'attempt'>,
  { event, input }: { event: NewEvent; input: Interrupting },
) {
  const { data, tags, preview, context = emptyContext, ifSequence = null, ifKey = null } = input
  const of = { inputData: data, inputContext: context, ifSequence, ifKey }
  const given = { ...run, ...event, tags, preview, ...of }
  const values = valuesOf(interrupt, given)
  const [interrupted] = await db.run<{ sequence: number; ts: string }>(interrupt, values)
  return interrupted
}
