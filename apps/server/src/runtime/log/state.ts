import type { EventContext, EventDataOf, EventType, TokenUsage, ToolCall } from '@outlast/contract'
import { failureKinds } from '../../providers/failure.ts'
import { hashOf } from '../../store/stored-texts.ts'
import { dollarsOf, nanosOf } from '../../store/usage.ts'

/** A stored event as a turn reads it. */
export type LoggedEvent = {
  [T in EventType]: { sequence: number; type: T; context: EventContext; data: LoggedData<T> }
}[EventType]

type LoggedData<T extends EventType> = T extends 'llm.generation'
  ? Pick<EventDataOf<T>, 'metadata'>
  : EventDataOf<T>

/** A model call whose outcome is not in the log yet. */
export type OpenReason = {
  execId: string
  spanId: string
  /** Undefined until the request went out once. */
  messageId: string | undefined
  /** The sequence of the latest `output.message.started`; 0 until then. */
  askedAt: number
  model: string | undefined
  /** How often the request went out. */
  attempt: number
}

/** The tools of one reply. */
export type OpenAct = { execId: string; spanId: string; calls: OpenCall[] }

export type OpenCall = {
  /** With the arguments that somebody put in place of the model's. */
  call: ToolCall
  spanId: string
  /**
   * `asked`: a person is to decide. `approved`: one did, and nothing has begun. `requested`: the client is to run it.
   * `started`: it runs here, or did.
   */
  stage: 'asked' | 'approved' | 'requested' | 'started'
  /** The sequence of the event of its stage. */
  sequence: number
  /** When `asked` and `requested` end by themselves, as RFC 3339. */
  expiresAt: string | undefined
  /** The arguments are not those of the model. */
  isEdited: boolean
  /** A message came while the client was to run it: nobody waits for the client any more. */
  isAbandoned: boolean
  outcome: 'success' | 'failure' | undefined
  /** Whether it may run again, as decided when it began. Undefined: earlier versions, and calls that could not run. */
  replay?: EventDataOf<'tool.started'>['replay']
}

/** What a turn's log says about the turn. */
export type TurnState = {
  readonly turnId: string
  /** The message that the turn answers first. */
  readonly inputMessageId: string
  readonly input: TurnInput | undefined
  readonly begun: boolean
  /** Model calls begun. */
  readonly iterations: number
  /** The first other messages that no model call has seen, in order. */
  readonly unseen: readonly Input[]
  /** The first messages that wait for turns of their own, in order. */
  readonly queued: readonly Input[]
  readonly reason: OpenReason | undefined
  /** Tool calls of the latest reply for which no `act.started` stands yet. */
  readonly requested: readonly ToolCall[]
  readonly act: OpenAct | undefined
  /** The calls of the latest reply, and how often each was made in replies without a break. */
  readonly repeats: Repeats
  readonly needsReply: boolean
  /** How the latest model call failed, as `error_code` says it. */
  readonly failed: string | undefined
  readonly cancelledAt: number | undefined
  readonly usage: TokenUsage | undefined
  readonly ended: boolean
}

export type Repeats = Readonly<Record<string, number>>

export type Input = { sequence: number; messageId: string }

type TurnInput = Input & {
  text: string | undefined
  /** It waited for a turn of its own. */
  queued: boolean
  /** The trace that whoever sent it was in. */
  traceparent: string | undefined
  /** A turn for it failed before this one: it is asked again where this one begins. */
  again: boolean
}

export type Outcome =
  | { kind: 'completed' }
  | { kind: 'failed'; code: string }
  | { kind: 'cancelled' }

export type Action =
  | { kind: 'begin' }
  | { kind: 'reason'; iteration: number; open: OpenReason | undefined }
  | { kind: 'act'; open: OpenAct | undefined; requested: readonly ToolCall[] }
  | { kind: 'wait'; calls: readonly OpenCall[] }
  | { kind: 'end'; outcome: Outcome }
  | { kind: 'done' }

export function emptyTurn(turnId: string, inputMessageId: string): TurnState {
  return {
    turnId,
    inputMessageId,
    input: undefined,
    begun: false,
    iterations: 0,
    unseen: [],
    queued: [],
    reason: undefined,
    requested: [],
    act: undefined,
    repeats: {},
    needsReply: true,
    failed: undefined,
    cancelledAt: undefined,
    usage: undefined,
    ended: false,
  }
}

/**
 * What events say about a turn. They begin with the first message that has not been answered, which is the turn's
 * own unless that one went before others.
 */
export function fold(
  turnId: string,
  inputMessageId: string,
  events: readonly LoggedEvent[],
): TurnState {
  return events.reduce(apply, emptyTurn(turnId, inputMessageId))
}

export type TurnLimits = {
  /** Model calls that a turn may make. */
  iterationsMax: number
  /** How often the same tool call may be made in a row. */
  repeatsMax?: number
  /** The turn has lasted as long as it may: what is open comes to its end, nothing more begins. */
  overdue?: boolean
}

const fail = (code: string): Action => ({ kind: 'end', outcome: { kind: 'failed', code } })

/**
 * What a turn does next, from what its log says.
 * Contract: pure; any prefix of a legal log, cut between two transactions, has a legal next action.
 */
export function next(turn: TurnState, limits: TurnLimits): Action {
  const { iterationsMax, repeatsMax = Number.POSITIVE_INFINITY, overdue = false } = limits
  if (turn.ended) return { kind: 'done' }
  if (turn.cancelledAt !== undefined) return { kind: 'end', outcome: { kind: 'cancelled' } }
  const waiting = waitingCalls(turn)
  if (waiting.length > 0) return { kind: 'wait', calls: waiting }
  if (turn.act || (turn.requested.length > 0 && !overdue)) {
    return { kind: 'act', open: turn.act, requested: turn.requested }
  }
  if (turn.reason) return { kind: 'reason', iteration: turn.iterations, open: turn.reason }
  if (turn.failed !== undefined) return fail(overdue ? 'turn_timeout' : turn.failed)
  if (!turn.begun) return { kind: 'begin' }
  if (!turn.needsReply) return { kind: 'end', outcome: { kind: 'completed' } }
  if (overdue) return fail('turn_timeout')
  if (Object.values(turn.repeats).some((times) => times >= repeatsMax)) return fail('tool_loop')
  if (turn.iterations >= iterationsMax) return fail('max_iterations')
  return { kind: 'reason', iteration: turn.iterations + 1, open: undefined }
}

/** The calls that a turn waits for, when nothing else is left to do. Contract: pure. */
function waitingCalls({ act }: TurnState): readonly OpenCall[] {
  const open = act?.calls.filter(({ outcome }) => !outcome) ?? []
  return open.every((call) => isOutside(call) && !call.isAbandoned) ? open : []
}

/** True for a call on which the next word is not this server's. */
export const isOutside = ({ stage }: OpenCall) => stage === 'asked' || stage === 'requested'

/**
 * What the next turn is for: of what was meant for this one and came too late for it, the first; else the message
 * that has waited longest for its own. `from` is the first message that waits, where the next turn's log begins.
 * Contract: pure.
 */
export function following({ unseen, queued }: TurnState) {
  const input = unseen[0] ?? queued[0]
  if (!input) return undefined
  return { input, from: Math.min(input.sequence, queued[0]?.sequence ?? input.sequence) }
}

/** The turn after one more event. Contract: pure. */
export function apply(turn: TurnState, event: LoggedEvent): TurnState {
  if (event.type === 'input.message') return applyInput(turn, event)
  if (event.context.turn_id !== turn.turnId) return applyForeign(turn, event)
  switch (event.type) {
    case 'turn.started':
      return { ...turn, begun: true }
    case 'reason.started':
      return { ...turn, iterations: turn.iterations + 1, reason: openReason(event.context) }
    case 'output.message.started':
      return { ...turn, unseen: [], reason: asked(turn.reason!, event) }
    case 'context.compacted':
      return { ...turn, usage: addUsage(turn.usage, event.data.usage) }
    case 'llm.generation':
      return { ...turn, usage: addUsage(turn.usage, event.data.metadata.usage) }
    case 'output.message.completed': {
      const requested = toolCallsOf(event.data.message.content)
      return { ...turn, requested, repeats: repeated(turn.repeats, requested) }
    }
    case 'reason.completed': {
      const { success, has_tool_calls: needsReply, error_code } = event.data
      // Events of earlier versions do not say how.
      const failed = success ? undefined : (error_code ?? failureKinds.unknown.code)
      return { ...turn, reason: undefined, failed, needsReply }
    }
    case 'act.started':
      return { ...turn, act: openAct(event.context) }
    case 'tool.approval_requested': {
      const { tool_call: call, expires_at: expiresAt } = event.data
      return { ...turn, act: reached(turn.act!, event, { stage: 'asked', call, expiresAt }) }
    }
    case 'tool.approval_resolved':
      return { ...turn, act: resolved(turn.act!, event) }
    case 'tool.call_requested':
      return { ...turn, act: requested(turn.act!, event) }
    case 'tool.started': {
      const { tool_call: call, ...also } = event.data
      return { ...turn, act: reached(turn.act!, event, { ...also, stage: 'started', call }) }
    }
    case 'tool.completed':
      return { ...turn, act: completed(turn.act!, event.data) }
    case 'act.completed':
      return { ...turn, act: undefined, requested: [] }
    case 'turn.cancelled':
      return { ...turn, cancelledAt: event.sequence, unseen: [] }
    case 'turn.completed':
    case 'turn.failed':
    case 'session.idled':
      return { ...turn, ended: true }
    default:
      return turn
  }
}

/** A call that a reply leaves out begins anew. */
function repeated(before: Repeats, calls: readonly ToolCall[]): Repeats {
  const now: Record<string, number> = {}
  for (const { name, arguments: input } of calls) {
    const call = hashOf(`${name} ${JSON.stringify(input)}`)
    now[call] = (now[call] ?? before[call] ?? 0) + 1
  }
  return now
}

/** More of them change nothing: a turn of their own begins with the first. */
const waitingMax = 100

function applyInput(
  turn: TurnState,
  { sequence, data, context: { traceparent } }: LoggedEvent & { type: 'input.message' },
) {
  const { message, on_busy } = data
  const input = { sequence, messageId: message.id }
  const queued = on_busy === 'queue'
  if (message.id === turn.inputMessageId) {
    const text = textOf(message.content)
    return { ...turn, input: { ...input, text, queued, traceparent, again: false } }
  }
  const list = queued ? 'queued' : 'unseen'
  const now = queued ? turn : { ...turn, act: abandoned(turn.act) }
  if (turn[list].length === waitingMax) return now
  return { ...now, [list]: [...turn[list], input] }
}

/** What an earlier turn did: the message that it was for waits no longer, nor do those that its model saw. */
function applyForeign(turn: TurnState, { type, context }: LoggedEvent): TurnState {
  const others = ({ messageId }: Input) => messageId !== context.input_message_id
  const seen = type === 'output.message.started' || type === 'turn.cancelled'
  const unseen = seen ? [] : turn.unseen.filter(others)
  const failed = type === 'turn.failed' && context.input_message_id === turn.inputMessageId
  const input = turn.input && failed ? { ...turn.input, again: true } : turn.input
  return { ...turn, input, unseen, queued: turn.queued.filter(others) }
}

function openReason({ exec_id, span_id }: EventContext): OpenReason {
  const unasked = { messageId: undefined, model: undefined, askedAt: 0, attempt: 0 }
  return { execId: exec_id!, spanId: span_id!, ...unasked }
}

function asked(
  reason: OpenReason,
  { sequence, data }: LoggedEvent & { type: 'output.message.started' },
): OpenReason {
  const { message_id: messageId, model, attempt = 1 } = data
  return { ...reason, messageId, model, askedAt: sequence, attempt }
}

function openAct({ exec_id, span_id }: EventContext): OpenAct {
  return { execId: exec_id!, spanId: span_id!, calls: [] }
}

type Reached = Pick<OpenCall, 'call' | 'stage' | 'replay'> & { expiresAt?: string }

/** The call at its next stage; the first makes it one of the step's. */
function reached(
  act: OpenAct,
  { sequence, context }: LoggedEvent,
  { expiresAt, ...next }: Reached,
): OpenAct {
  const before = act.calls.find((open) => open.call.id === next.call.id)
  const spanId = before?.spanId ?? context.span_id!
  const at = { ...next, sequence, expiresAt, spanId }
  const now = { isEdited: false, isAbandoned: false, outcome: undefined, ...before, ...at }
  if (!before) return { ...act, calls: [...act.calls, now] }
  return { ...act, calls: act.calls.map((open) => (open === before ? now : open)) }
}

function requested(act: OpenAct, event: LoggedEvent & { type: 'tool.call_requested' }): OpenAct {
  const { tool_calls, expires_at: expiresAt } = event.data
  return tool_calls.reduce(
    (now, call) => reached(now, event, { stage: 'requested', call, expiresAt }),
    act,
  )
}

function resolved(act: OpenAct, event: LoggedEvent & { type: 'tool.approval_resolved' }): OpenAct {
  const { tool_call_id, decision, arguments: edited } = event.data
  if (decision !== 'approved') return act
  const { sequence } = event
  const calls = act.calls.map((open): OpenCall => {
    if (open.call.id !== tool_call_id) return open
    const call = edited ? { ...open.call, arguments: edited } : open.call
    const isEdited = edited !== undefined
    return { ...open, call, isEdited, stage: 'approved', sequence, expiresAt: undefined }
  })
  return { ...act, calls }
}

/** A message ends the wait for the client, and no other. */
function abandoned(act: OpenAct | undefined): OpenAct | undefined {
  if (!act?.calls.some(isWithClient)) return act
  const calls = act.calls.map((open) =>
    isWithClient(open) ? { ...open, isAbandoned: true } : open,
  )
  return { ...act, calls }
}

const isWithClient = ({ stage, outcome }: OpenCall) => stage === 'requested' && !outcome

function completed(act: OpenAct, data: EventDataOf<'tool.completed'>): OpenAct {
  const outcome = data.success ? ('success' as const) : ('failure' as const)
  const calls = act.calls.map((open) =>
    open.call.id === data.tool_call_id ? { ...open, outcome } : open,
  )
  return { ...act, calls }
}

type Content = EventDataOf<'output.message.completed'>['message']['content']

export function toolCallsOf(content: Content): ToolCall[] {
  return content
    .filter((part) => part.type === 'tool_call')
    .map(({ id, name, arguments: input }) => ({
      id,
      name,
      arguments: input as ToolCall['arguments'],
    }))
}

/** The text parts of a message as one text; undefined when it has none. */
export function textOf(content: Content): string | undefined {
  const texts = content.filter((part) => part.type === 'text').map((part) => part.text)
  return texts.length === 0 ? undefined : texts.join('\n')
}

/** Sums of what was used; a cache count or cost stays absent until somebody reports one. */
export function addUsage(
  a: TokenUsage | undefined,
  b: TokenUsage | undefined,
): TokenUsage | undefined {
  if (!a || !b) return a ?? b
  const sum = (x?: number, y?: number) =>
    x === undefined && y === undefined ? undefined : (x ?? 0) + (y ?? 0)
  const read = sum(a.cache_read_tokens, b.cache_read_tokens)
  const created = sum(a.cache_creation_tokens, b.cache_creation_tokens)
  const cost = sum(nanosIn(a), nanosIn(b))
  return {
    input_tokens: a.input_tokens + b.input_tokens,
    output_tokens: a.output_tokens + b.output_tokens,
    ...(read !== undefined && { cache_read_tokens: read }),
    ...(created !== undefined && { cache_creation_tokens: created }),
    ...(cost !== undefined && { cost_usd: dollarsOf(cost) }),
  }
}

const nanosIn = ({ cost_usd }: TokenUsage) =>
  cost_usd === undefined ? undefined : nanosOf(cost_usd)
