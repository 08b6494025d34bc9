import type { Event, EventType } from '../events/event.ts'
import { agUiUsage, approvalInterrupt, questionInterrupt } from './ag-ui-events.ts'
import { outcomeText, resultMessageId } from './ag-ui-messages.ts'
import {
  type AgUiChunk,
  type AgUiRun,
  type AgUiState,
  discard,
  endStep,
  type Fold,
  finished,
  noParts,
  numbered,
  parked,
  quiet,
  runOf,
  slots,
  stepName,
} from './ag-ui-state.ts'
import { completeMessage, growMessage } from './ag-ui-writing.ts'

/** State before the first event. Earlier events of the turn are folded, and sent to no client. */
export const beforeRun = (run: AgUiRun): AgUiState => ({
  run,
  isSeen: true,
  steps: 0,
  isStepOpen: false,
  calls: new Map(),
  messages: [],
  isOver: false,
})

/** Begins the run after the events before it. */
export function startRun(before: AgUiState): Fold {
  const { run, writing, calls: known, activeTurn } = before
  const answered = known.keys().filter((id) => run.answered.includes(id))
  const calls = new Map([...known, ...answered.map((id) => [id, { status: 'running' }] as const)])
  const ofTurn = run.kind === 'message' ? { isSeen: false } : activeTurn && { turn: activeTurn }
  const { turn: _turn, ended: _ended, ...rest } = before
  const begun: AgUiState = {
    ...rest,
    ...ofTurn,
    ...(writing && { writing: { ...writing, parts: noParts } }),
    calls: run.kind === 'attach' ? known : calls,
    isStepOpen: false,
    messages: [],
    isOver: false,
  }
  const { threadId, runId, parentRunId, isCurrent } = run
  const started: AgUiChunk = {
    slot: 0,
    event: {
      type: 'RUN_STARTED',
      threadId,
      runId,
      ...(parentRunId !== undefined && { parentRunId }),
      ...(isCurrent && { protocolVersion: '1.0' }),
    },
  }
  const first = starts[run.kind](begun)
  return { state: first.state, chunks: [started, ...first.chunks] }
}

/** Ends a run that has nothing to follow when it begins. */
const starts: { [K in AgUiRun['kind']]: (begun: AgUiState) => Fold } = {
  message: quiet,
  answers: quiet,
  attach: parked,
  idle: (begun) =>
    finished(begun, { type: 'RUN_FINISHED', ...runOf(begun), outcome: { type: 'success' } }),
}

/**
 * Adds an event of the session, stored or live, to a run.
 * Contract: pure. The chunks of a stored event have the same slots however much of its message was
 * streamed before it.
 */
export function foldAgUi(state: AgUiState, event: Event): Fold {
  if (state.isOver) return quiet(state)
  const read = readers[event.type] as Reader<EventType> | 'ignored' | undefined
  return typeof read === 'function' ? read(withUnbegun(state, event), event) : quiet(state)
}

/** Follows a turn that ended before it began. */
function withUnbegun(state: AgUiState, { type, context }: Event): AgUiState {
  const ends = type === 'turn.cancelled' || type === 'turn.failed'
  const { turn_id: turn, input_message_id: input } = context
  if (!ends || state.turn !== undefined || turn === undefined) return state
  return input !== undefined && input === state.messageId ? { ...state, turn, isSeen: true } : state
}

type Reader<T extends EventType> = (state: AgUiState, event: Event<T>) => Fold

/** Ignores events of turns that the run does not follow. */
const own =
  <T extends EventType>(read: Reader<T>): Reader<T> =>
  (state, event) =>
    turnOf(event) === state.turn && state.turn !== undefined ? read(state, event) : quiet(state)

const turnOf = ({ context, data }: { context: Event['context']; data: object }) =>
  context.turn_id ?? ('turn_id' in data ? (data.turn_id as string) : undefined)

const withCall = (state: AgUiState, id: string, call: CallState): AgUiState => ({
  ...state,
  calls: new Map(state.calls).set(id, call),
})
type CallState = AgUiState['calls'] extends ReadonlyMap<string, infer T> ? T : never

const isRunning = own<'tool.started'>((state, { data }) =>
  quiet(withCall(state, data.tool_call.id, { status: 'running' })),
)
const isDecided = own<'tool.approval_resolved' | 'tool.input_resolved'>((state, { data }) =>
  quiet(withCall(state, data.tool_call_id, { status: 'running' })),
)

/** A queued message waits with the turn before its own. */
const waitsForBudget: Reader<'budget.exhausted' | 'budget.paused'> = (state, event) => {
  const { turn, activeTurn, messageId } = state
  const awaited = turn ?? (messageId === undefined ? undefined : activeTurn)
  if (awaited === undefined || turnOf(event) !== awaited) return quiet(state)
  const message = event.data.message ?? 'The budget is used up.'
  const budget = { id: `${awaited}:budget`, reason: 'outlast:budget', message }
  return parked({ ...state, budget })
}

const readers: { [T in EventType]: Reader<T> | 'ignored' } = {
  'input.message': (state, { data: { message, on_busy: onBusy } }) => {
    const { run, activeTurn } = state
    const isOwn = run.messageId
      ? message.id === run.messageId
      : (message.metadata as { run_id?: unknown } | null)?.run_id === run.runId
    if (run.kind !== 'message' || !isOwn) return quiet(state)
    const joins = onBusy !== 'queue'
    const turn = joins && activeTurn !== undefined && { turn: activeTurn }
    return quiet({ ...state, messageId: message.id, joins, ...turn })
  },
  'session.started': 'ignored',
  'session.activated': (state, { data: { turn_id: turn, input_message_id: input } }) => {
    const active = { ...state, activeTurn: turn, steps: 0, calls: new Map() }
    const isOwn = input === state.messageId && input !== undefined
    // The turn of another late message reads that of the run too.
    if (!state.isSeen && (isOwn || state.ended)) {
      const { ended: _ended, ...begun } = active
      return quiet({ ...begun, turn, isSeen: isOwn })
    }
    if (state.ended) return finished(state, state.ended)
    // The turn of an earlier message reads the one of the run too.
    const follows = state.run.kind !== 'message' || state.joins
    return quiet(follows && !state.turn ? { ...active, turn } : active)
  },
  'turn.started': 'ignored',
  'mcp.unavailable': 'ignored',
  'capability.unavailable': 'ignored',
  'reason.started': own((state) => {
    const last = endStep(state)
    const next = { ...last.state, steps: state.steps + 1, isStepOpen: true }
    const step = { type: 'STEP_STARTED' as const, stepName: stepName(next) }
    return { state: next, chunks: numbered([...last.events, step]) }
  }),
  'context.compacting': 'ignored',
  'context.compacted': 'ignored',
  'output.message.started': own((state, { data: { message_id: id = 'message', attempt = 1 } }) => {
    const shownAs = attempt > 1 ? `${id}~${attempt}` : id
    const writing = { id, shownAs, parts: noParts }
    return { state: { ...state, isSeen: true, writing }, chunks: discard(state, state.writing) }
  }),
  'reason.thinking.started': 'ignored',
  'reason.thinking.delta': own((state, event) => growMessage(state, event)),
  'reason.thinking.completed': 'ignored',
  'output.message.delta': own((state, event) => growMessage(state, event)),
  'tool.input.delta': own((state, event) => growMessage(state, event)),
  'llm.generation': 'ignored',
  'output.message.completed': own(completeMessage),
  'reason.completed': own((state, { data }) => {
    if (data.has_tool_calls) return quiet(state)
    const step = endStep(state)
    return { state: step.state, chunks: numbered(step.events) }
  }),
  'act.started': own((state, { data }) => {
    const calls = data.tool_calls.map(({ id }) => [id, { status: 'pending' }] as const)
    return quiet({ ...state, calls: new Map(calls) })
  }),
  'tool.approval_requested': own((state, { data }) => {
    const interrupt = approvalInterrupt(data.tool_call, data.expires_at)
    return parked(withCall(state, data.tool_call.id, { status: 'asked', interrupt }))
  }),
  'tool.approval_resolved': isDecided,
  'tool.call_requested': own((state, { data: { tool_calls: calls, input } }) => {
    const asked = calls.reduce((now, { id }) => {
      if (!input) return withCall(now, id, { status: 'client' })
      return withCall(now, id, { status: 'asked', interrupt: questionInterrupt(id, input) })
    }, state)
    return parked(asked)
  }),
  'tool.input_resolved': isDecided,
  'tool.started': isRunning,
  'tool.completed': own((state, { data }) => {
    const { tool_call_id: toolCallId, result, error } = data
    const id = resultMessageId(toolCallId)
    const message = { id, role: 'tool' as const, toolCallId, content: outcomeText(result, error) }
    const done = withCall(state, toolCallId, { status: 'done' })
    if (state.run.results.includes(toolCallId)) return parked(done)
    const { id: messageId, ...rest } = message
    const waits = parked({ ...done, messages: [...state.messages, message] }, slots.other + 1)
    const [outcome] = numbered([{ type: 'TOOL_CALL_RESULT', messageId, ...rest }])
    return { state: waits.state, chunks: [outcome!, ...waits.chunks] }
  }),
  'tool.progress': own((state, { data }) => ({
    state,
    chunks: numbered([{ type: 'CUSTOM', name: 'outlast.progress', value: data }]),
  })),
  'act.completed': own((state) => {
    const step = endStep(state)
    return { state: { ...step.state, calls: new Map() }, chunks: numbered(step.events) }
  }),
  'files.changed': own((state, { data }) => ({
    state,
    chunks: numbered([
      { type: 'CUSTOM', name: 'outlast.files', value: { paths: data.changes.map((c) => c.path) } },
    ]),
  })),
  'budget.warning': 'ignored',
  'budget.exhausted': (state, event) =>
    event.data.is_final ? quiet(state) : waitsForBudget(state, event),
  'budget.paused': waitsForBudget,
  'budget.resumed': own(({ budget: _budget, ...state }) => quiet(state)),
  'turn.completed': (state, { data: { turn_id, output, usage } }) => {
    const result = output != null ? { result: output } : {}
    const outcome = { outcome: { type: 'success' as const } }
    const about = { ...runOf(state), ...outcome, ...result, ...agUiUsage(usage) }
    return endTurn(state, turn_id, { type: 'RUN_FINISHED', ...about })
  },
  'turn.failed': (state, { data: { turn_id, error: message, error_code, usage } }) => {
    const code = error_code ?? 'turn_failed'
    return endTurn(state, turn_id, { type: 'RUN_ERROR', message, code, ...agUiUsage(usage) })
  },
  'turn.cancelled': (state, { data: { turn_id: turn } }) => {
    const { activeTurn: _active, ...idle } = state
    if (turn !== state.turn) return quiet(idle)
    const outcome = state.run.isCurrent && { outcome: { type: 'cancelled' as const } }
    // Text that was streamed so far, and outcomes of open calls, follow. No turn reads the message.
    return quiet({
      ...idle,
      isSeen: true,
      ended: { type: 'RUN_FINISHED', ...runOf(state), ...outcome },
    })
  },
  'session.idled': (state) => {
    const { activeTurn: _active, ...idle } = state
    return state.ended ? finished(idle, state.ended) : quiet(idle)
  },
  'feedback.given': 'ignored',
}

/** Ends the run with its turn. A message that the turn has not read waits for the next one. */
function endTurn(state: AgUiState, turn: string, end: NonNullable<AgUiState['ended']>): Fold {
  const { activeTurn: _active, ...idle } = state
  if (turn !== state.turn) return quiet(idle)
  return state.isSeen ? finished(idle, end) : quiet({ ...idle, ended: end })
}

export type { AgUiEvent, AgUiMessage } from './ag-ui-events.ts'
export type { AgUiChunk, AgUiParts, AgUiRun, AgUiState } from './ag-ui-state.ts'
export { noParts, slots as agUiSlots } from './ag-ui-state.ts'
