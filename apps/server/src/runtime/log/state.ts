import type {
  EventContext,
  EventDataOf,
  EventType,
  OutputError,
  TokenUsage,
  ToolCall,
} from '@outlast/contract'
import { failureKinds } from '../../providers/failure.ts'
import { type BlockEvent, type BudgetBlock, blockedBy } from './budget-block.ts'
import {
  abandoned,
  changedFiles,
  completed,
  inputResolved,
  type OpenAct,
  type OpenCall,
  reached,
  requested,
  resolved,
  type ToolDecisions,
  toolCallsOf,
  waitingCalls,
  withRule,
} from './open-calls.ts'
import { type Repeats, repeated } from './repeats.ts'
import { addUsage, generationUsage } from './usage.ts'

/** A stored event in the form that turns read. */
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
  /** Undefined until the first request was sent. */
  messageId: string | undefined
  /** The sequence of the latest `output.message.started`; 0 until then. */
  askedAt: number
  model: string | undefined
  /** Number of requests sent. */
  attempt: number
  /** Tool calls of its reply, once stored. */
  requested: readonly ToolCall[]
  /** Violations of the output schema in its reply, once stored. */
  outputErrors?: readonly OutputError[] | undefined
}

/** The state of a turn, derived from its log. */
export type TurnState = {
  readonly turnId: string
  /** The message that the turn answers first. */
  readonly inputMessageId: string
  readonly input: TurnInput | undefined
  readonly phase: Phase
  /** Number of model calls started. */
  readonly iterations: number
  /** The oldest other messages that no model call has seen, in order. */
  readonly unseen: readonly InputRef[]
  /** The oldest messages that wait for their own turns, in order. */
  readonly queued: readonly InputRef[]
  /** The calls of the latest reply, and how many replies in a row made each of them. */
  readonly repeats: Repeats
  /** The calls of the latest reply that have no outcome. */
  readonly unfinished: readonly ToolCall[]
  /** Number of invalid answers. */
  readonly invalidAnswers: number
  /** Sequence of `turn.cancelled`: running work is ended, then the turn. */
  readonly cancelledAt: number | undefined
  readonly usage: TokenUsage | undefined
  /** The budget that its model call waits for. */
  readonly blockedBy?: BudgetBlock | undefined
  /** Decisions of this turn for all calls of a tool, by its name. */
  readonly rules: ToolDecisions
}

/** The phase of a turn, from which its next action follows. */
export type Phase =
  | { kind: 'unbegun' }
  /** The next action is a model call. */
  | { kind: 'ready' }
  | { kind: 'reasoning'; reason: OpenReason }
  /** The latest reply requests tools, and there is no `act.started` yet. */
  | { kind: 'replied'; requested: readonly ToolCall[] }
  | { kind: 'acting'; act: OpenAct }
  /** The latest reply requests no tools. */
  | { kind: 'answered' }
  /** The latest model call failed with this `error_code`. */
  | { kind: 'failed'; code: string; outputErrors?: readonly OutputError[] | undefined }
  | { kind: 'ended' }

export type InputRef = { sequence: number; messageId: string }

type TurnInput = InputRef & {
  text: string | undefined
  /** True when it waited for its own turn. */
  queued: boolean
  /** The trace context of the sender. */
  traceparent: string | undefined
  /** An earlier turn for it failed: the model gets it again at the start of this turn. */
  again: boolean
}

export type TurnOutcome =
  | { kind: 'completed' }
  | { kind: 'failed'; code: string; outputErrors?: readonly OutputError[] | undefined }
  | { kind: 'cancelled' }

export type TurnAction =
  | { kind: 'begin' }
  | { kind: 'reason'; iteration: number; open: OpenReason | undefined }
  | { kind: 'act'; open: OpenAct | undefined; requested: readonly ToolCall[] }
  | { kind: 'wait'; calls: readonly OpenCall[] }
  | { kind: 'end'; outcome: TurnOutcome }
  | { kind: 'done' }

export function emptyTurn(turnId: string, inputMessageId: string): TurnState {
  return {
    turnId,
    inputMessageId,
    input: undefined,
    phase: { kind: 'unbegun' },
    iterations: 0,
    unseen: [],
    queued: [],
    repeats: {},
    unfinished: [],
    invalidAnswers: 0,
    cancelledAt: undefined,
    usage: undefined,
    rules: new Map(),
  }
}

/**
 * Derives the state of a turn from events. They start with the first unanswered message, which is
 * the turn's own unless that one was moved ahead of others.
 */
export function fold(
  turnId: string,
  inputMessageId: string,
  events: readonly LoggedEvent[],
): TurnState {
  return events.reduce(apply, emptyTurn(turnId, inputMessageId))
}

export type TurnLimits = {
  /** Limit of model calls per turn. */
  iterationsMax: number
  /** Limit of the same tool call in consecutive replies. */
  repeatsMax?: number
  /** The time limit of the turn is reached: open work is ended and nothing starts. */
  overdue?: boolean
}

const fail = (code: string): TurnAction => ({ kind: 'end', outcome: { kind: 'failed', code } })

/**
 * Returns the next action of a turn.
 * Contract: pure; any prefix of a legal log, cut between two transactions, has a legal next action.
 */
export function next(turn: TurnState, limits: TurnLimits): TurnAction {
  const { phase, iterations } = turn
  if (phase.kind === 'ended') return { kind: 'done' }
  if (turn.cancelledAt !== undefined) return { kind: 'end', outcome: { kind: 'cancelled' } }
  switch (phase.kind) {
    case 'unbegun':
      return { kind: 'begin' }
    case 'reasoning':
      return { kind: 'reason', iteration: iterations, open: phase.reason }
    case 'replied':
      if (limits.overdue) return fail('turn_timeout')
      return { kind: 'act', open: undefined, requested: phase.requested }
    case 'acting': {
      const calls = waitingCalls(phase.act)
      if (calls.length > 0) return { kind: 'wait', calls }
      return { kind: 'act', open: phase.act, requested: [] }
    }
    case 'answered':
      return { kind: 'end', outcome: { kind: 'completed' } }
    case 'failed':
      if (limits.overdue) return fail('turn_timeout')
      return { kind: 'end', outcome: phase }
    case 'ready':
      return nextCall(turn, limits)
  }
}

function nextCall({ repeats, iterations }: TurnState, limits: TurnLimits): TurnAction {
  const { iterationsMax, repeatsMax = Number.POSITIVE_INFINITY, overdue } = limits
  if (overdue) return fail('turn_timeout')
  if (Object.values(repeats).some((times) => times >= repeatsMax)) return fail('tool_loop')
  if (iterations >= iterationsMax) return fail('max_iterations')
  return { kind: 'reason', iteration: iterations + 1, open: undefined }
}

export const hasEnded = ({ phase }: TurnState) => phase.kind === 'ended'

/** The running model call. */
export const reasonOf = ({ phase }: TurnState): OpenReason | undefined =>
  phase.kind === 'reasoning' ? phase.reason : undefined

/** The calls of the current step, including those with an outcome. */
export const callsOf = ({ phase }: TurnState): readonly OpenCall[] =>
  phase.kind === 'acting' ? phase.act.calls : []

/**
 * Returns the input of the next turn: the first message that was too late for this one, else the
 * oldest queued one. `from` is the first waiting message, where the next turn's log starts.
 * Contract: pure.
 */
export function following({ unseen, queued }: TurnState) {
  const input = unseen[0] ?? queued[0]
  if (!input) return undefined
  return { input, from: Math.min(input.sequence, queued[0]?.sequence ?? input.sequence) }
}

/** Returns the state after one more event. Imported messages start no turn. Contract: pure. */
export function apply(turn: TurnState, event: LoggedEvent): TurnState {
  if ('imported' in event.data) return turn
  const isOwn = event.type === 'input.message' || event.context.turn_id === turn.turnId
  if (!isOwn) return applyForeign(turn, event)
  const read = readers[event.type] as Reader<EventType> | 'ignored' | undefined
  return typeof read === 'function' ? read(turn, event) : turn
}

type Of<T extends EventType> = Extract<LoggedEvent, { type: T }>

type Reader<T extends EventType> = (turn: TurnState, event: Of<T>) => TurnState

const reasoning = (turn: TurnState, after: (reason: OpenReason) => Phase): TurnState =>
  turn.phase.kind === 'reasoning' ? { ...turn, phase: after(turn.phase.reason) } : turn

const acting = (turn: TurnState, after: (act: OpenAct) => OpenAct): TurnState =>
  turn.phase.kind === 'acting'
    ? { ...turn, phase: { kind: 'acting', act: after(turn.phase.act) } }
    : turn

export const ended = (turn: TurnState): TurnState => ({ ...turn, phase: { kind: 'ended' } })

const blocked = (turn: TurnState, event: BlockEvent): TurnState => ({
  ...turn,
  blockedBy: blockedBy(event, turn.blockedBy),
})

const readers: { [T in EventType]: Reader<T> | 'ignored' } = {
  'input.message': applyInput,
  'session.started': 'ignored',
  'session.activated': 'ignored',
  'turn.started': (turn) => ({ ...turn, phase: { kind: 'ready' } }),
  'mcp.unavailable': 'ignored',
  'capability.unavailable': 'ignored',
  'reason.started': (turn, { context }) => {
    const reason = newReason({ execId: context.exec_id!, spanId: context.span_id! })
    return { ...turn, iterations: turn.iterations + 1, phase: { kind: 'reasoning', reason } }
  },
  'context.compacting': 'ignored',
  'context.compacted': (turn, { data }) => ({
    ...turn,
    usage: addUsage(turn.usage, data.usage),
  }),
  'output.message.started': (turn, event) => ({
    ...reasoning(turn, (reason) => ({ kind: 'reasoning', reason: asked(reason, event) })),
    unseen: [],
  }),
  'reason.thinking.started': 'ignored',
  'reason.thinking.delta': 'ignored',
  'reason.thinking.completed': 'ignored',
  'output.message.delta': 'ignored',
  'tool.input.delta': 'ignored',
  'llm.generation': (turn, { data }) => ({
    ...turn,
    usage: addUsage(turn.usage, generationUsage(data.metadata)),
  }),
  'output.message.completed': (turn, { data }) => {
    const requested = toolCallsOf(data.message.content)
    const repeats = repeated(turn.repeats, requested)
    const after = reasoning(turn, (reason) => ({
      kind: 'reasoning',
      reason: { ...reason, requested, outputErrors: data.output_errors },
    }))
    return { ...after, repeats, unfinished: requested }
  },
  'reason.completed': (turn, { data }) => {
    const isInvalid = reasonOf(turn)?.outputErrors !== undefined
    const invalidAnswers = turn.invalidAnswers + (isInvalid ? 1 : 0)
    const after = reasoning(turn, (reason) => afterReply(reason, data, invalidAnswers))
    return { ...after, invalidAnswers }
  },
  'act.started': (turn, { context }) => {
    const act = { execId: context.exec_id!, spanId: context.span_id!, calls: [] }
    return { ...turn, phase: { kind: 'acting', act } }
  },
  'tool.approval_requested': (turn, event) => {
    const { tool_call: call, expires_at: expiresAt, ...also } = event.data
    return acting(turn, (act) => reached(act, event, { ...also, stage: 'asked', call, expiresAt }))
  },
  'tool.approval_resolved': (turn, event) =>
    acting({ ...turn, rules: withRule(turn.rules, event) }, (act) => resolved(act, event)),
  'tool.call_requested': (turn, event) => acting(turn, (act) => requested(act, event)),
  'tool.input_resolved': (turn, event) => acting(turn, (act) => inputResolved(act, event)),
  'tool.started': (turn, event) => {
    const { tool_call: call, ...also } = event.data
    return acting(turn, (act) => reached(act, event, { ...also, stage: 'started', call }))
  },
  'tool.completed': (turn, { data }) => {
    const unfinished = turn.unfinished.filter(({ id }) => id !== data.tool_call_id)
    return acting({ ...turn, unfinished }, (act) => completed(act, data))
  },
  'tool.progress': 'ignored',
  'act.completed': (turn) => ({ ...turn, phase: { kind: 'ready' } }),
  'files.changed': (turn, { data }) => acting(turn, (act) => changedFiles(act, data.tool_call_id)),
  'budget.warning': 'ignored',
  'budget.exhausted': blocked,
  'budget.paused': blocked,
  'budget.resumed': (turn) => ({ ...turn, blockedBy: undefined }),
  'turn.completed': ended,
  'turn.failed': ended,
  'turn.cancelled': (turn, { sequence }) => ({ ...turn, cancelledAt: sequence, unseen: [] }),
  'session.idled': ended,
  'feedback.given': 'ignored',
}

/** Number of invalid answers that the model may correct. */
const correctionsMax = 1

function afterReply(
  { requested, outputErrors }: OpenReason,
  { success, has_tool_calls, error_code }: EventDataOf<'reason.completed'>,
  invalidAnswers: number,
): Phase {
  // Events of earlier versions have no error code.
  if (!success) return { kind: 'failed', code: error_code ?? failureKinds.unknown.code }
  if (requested.length > 0) return { kind: 'replied', requested }
  if (outputErrors && invalidAnswers > correctionsMax) {
    return { kind: 'failed', code: 'output_invalid', outputErrors }
  }
  if (outputErrors) return { kind: 'ready' }
  return { kind: has_tool_calls ? 'ready' : 'answered' }
}

/** Later messages need no place: the turn for the first one answers all. */
const waitingMax = 100

function applyInput(
  turn: TurnState,
  { sequence, data, context: { traceparent } }: Of<'input.message'>,
): TurnState {
  const { message, on_busy } = data
  const input = { sequence, messageId: message.id }
  const queued = on_busy === 'queue'
  if (message.id === turn.inputMessageId) {
    const text = contentText(message.content)
    return { ...turn, input: { ...input, text, queued, traceparent, again: false } }
  }
  const list = queued ? 'queued' : 'unseen'
  const now = queued ? turn : acting(turn, abandoned)
  if (turn[list].length === waitingMax) return now
  return { ...now, [list]: [...turn[list], input] }
}

/** Applies an event of an earlier turn: its message and those its model saw no longer wait. */
function applyForeign(turn: TurnState, { type, context }: LoggedEvent): TurnState {
  const others = ({ messageId }: InputRef) => messageId !== context.input_message_id
  const seen = type === 'output.message.started' || type === 'turn.cancelled'
  const unseen = seen ? [] : turn.unseen.filter(others)
  const failed = type === 'turn.failed' && context.input_message_id === turn.inputMessageId
  const input = turn.input && failed ? { ...turn.input, again: true } : turn.input
  return { ...turn, input, unseen, queued: turn.queued.filter(others) }
}

/** A started model call whose request was not sent. */
export const newReason = (ids: Pick<OpenReason, 'execId' | 'spanId'>): OpenReason => ({
  ...ids,
  messageId: undefined,
  askedAt: 0,
  model: undefined,
  attempt: 0,
  requested: [],
})

function asked(reason: OpenReason, { sequence, data }: Of<'output.message.started'>): OpenReason {
  const { message_id: messageId, model, attempt = 1 } = data
  return { ...reason, messageId, model, askedAt: sequence, attempt }
}

type Content = EventDataOf<'output.message.completed'>['message']['content']

/** Joins the text parts of a message; undefined when it has none. */
export function contentText(content: Content): string | undefined {
  const texts = content.flatMap((part) => (part.type === 'text' ? [part.text] : []))
  return texts.length === 0 ? undefined : texts.join('\n')
}
