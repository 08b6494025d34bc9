/** State of a run of AG-UI: a part of a turn, from an input of the client to the next wait. */
import type { AgUiEvent, AgUiInterrupt, AgUiMessage, AgUiOutcome } from './ag-ui-events.ts'

export type AgUiRun = {
  threadId: string
  runId: string
  parentRunId?: string
  /** The client speaks 1.0: the earlier dialect refuses some fields. */
  isCurrent: boolean
  /**
   * `message`: follows the turn of a message. `answers`, `attach`: follows the running turn.
   * `idle`: no turn runs, so that the run ends where it begins.
   */
  kind: 'message' | 'answers' | 'attach' | 'idle'
  /** The message of the run, if it has another one than that with its `metadata.run_id`. */
  messageId?: string
  /** Calls whose outcome or decision the run sends. */
  answered: readonly string[]
  /** Calls whose results the client has as messages of its own. */
  results: readonly string[]
  /** Messages of the client before those of the run. */
  history: readonly AgUiMessage[]
}

/** An event for the client. `slot`: its number among those of one event of the log. */
export type AgUiChunk = { slot: number; event: AgUiEvent }

/**
 * Parts of a message that the client has received. Text that has only its start is `begun`, as is a
 * span of reasoning, whose message then is `empty` until it has content. A span that only lacks its
 * end is `ending`. `sent`: arguments of an open call, or just their length.
 */
export type AgUiParts = {
  reasoning: 'none' | 'begun' | 'empty' | 'open' | 'ending' | 'closed'
  text: 'none' | 'begun' | 'open' | 'closed'
  calls: ReadonlyMap<string, { name: string; sent: string | number }>
}

export type WrittenMessage = { id: string; shownAs: string; parts: AgUiParts }

type Call =
  | { status: 'pending' | 'running' | 'done' | 'client' }
  | { status: 'asked'; interrupt: AgUiInterrupt }

export type AgUiState = {
  run: AgUiRun
  /** The turn that runs or waits. */
  activeTurn?: string
  /** The turn that the run follows. */
  turn?: string
  messageId?: string
  /** The message was sent without waiting for a turn of its own. */
  joins?: boolean
  /** A model call of the turn has read the message of the run. */
  isSeen: boolean
  steps: number
  isStepOpen: boolean
  writing?: WrittenMessage
  /** Calls of the current step. */
  calls: ReadonlyMap<string, Call>
  budget?: AgUiInterrupt
  /** The end of the turn, which is sent when it is known to be that of the run. */
  ended?: AgUiEvent
  /** Messages that the run has produced. */
  messages: readonly AgUiMessage[]
  isOver: boolean
}

export type Fold = { state: AgUiState; chunks: AgUiChunk[] }

export const noParts: AgUiParts = { reasoning: 'none', text: 'none', calls: new Map() }

/**
 * Slots of chunks. They are the same however much of a message was streamed, except the first ones:
 * the ends of open parts.
 */
export const slots = {
  snapshot: 100,
  reasoning: 200,
  text: 210,
  calls: 220,
  other: 300,
  /** Content of a delta. */
  delta: 100_000,
  /** Chunks between two positions in a message. */
  between: 100_001,
} as const

export const quiet = (state: AgUiState): Fold => ({ state, chunks: [] })

/** Numbers events from a slot on. */
export const numbered = (events: readonly AgUiEvent[], from: number = slots.other): AgUiChunk[] =>
  events.map((event, index) => ({ slot: from + index, event }))

export const reasoningIdOf = (messageId: string) => `${messageId}:r`

export const hasOpenReasoning = ({ reasoning }: AgUiParts) =>
  reasoning === 'empty' || reasoning === 'open'
export const hasOpenText = ({ text }: AgUiParts) => text === 'begun' || text === 'open'

/** Ends what is open of reasoning and text. */
export function endsOfText({ shownAs, parts }: WrittenMessage): AgUiEvent[] {
  const messageId = reasoningIdOf(shownAs)
  const inMessage = hasOpenReasoning(parts)
  const inSpan = inMessage || parts.reasoning === 'begun' || parts.reasoning === 'ending'
  return [
    ...(inMessage ? [{ type: 'REASONING_MESSAGE_END' as const, messageId }] : []),
    ...(inSpan ? [{ type: 'REASONING_END' as const, messageId }] : []),
    ...(hasOpenText(parts) ? [{ type: 'TEXT_MESSAGE_END' as const, messageId: shownAs }] : []),
  ]
}

export const withoutOpenText = (parts: AgUiParts): AgUiParts => ({
  ...parts,
  reasoning: parts.reasoning === 'none' ? 'none' : 'closed',
  text: parts.text === 'none' ? 'none' : 'closed',
})

export const isUnsent = ({ parts }: WrittenMessage) =>
  parts.reasoning === 'none' && parts.text === 'none' && parts.calls.size === 0

const snapshotOf = ({ run, messages }: AgUiState): AgUiEvent => ({
  type: 'MESSAGES_SNAPSHOT',
  messages: [...run.history, ...messages],
})

/** Removes a message from the client that was sent in part. */
export function discard(state: AgUiState, message: WrittenMessage | undefined): AgUiChunk[] {
  if (!message || isUnsent(message)) return []
  const calls = [...message.parts.calls.keys()]
  const ends = calls.map((toolCallId): AgUiEvent => ({ type: 'TOOL_CALL_END', toolCallId }))
  return [
    ...numbered([...endsOfText(message), ...ends], 0),
    { slot: slots.snapshot, event: snapshotOf(state) },
  ]
}

export const stepName = ({ steps }: AgUiState) => `step-${steps}`

export function endStep(state: AgUiState): { state: AgUiState; events: AgUiEvent[] } {
  if (!state.isStepOpen) return { state, events: [] }
  return {
    state: { ...state, isStepOpen: false },
    events: [{ type: 'STEP_FINISHED', stepName: stepName(state) }],
  }
}

/** Ends the run if no call of the turn runs, and one waits for the client. */
export function parked(state: AgUiState, from: number = slots.other): Fold {
  if (state.isOver || !isParked(state)) return quiet(state)
  const interrupts = interruptsOf(state)
  const pending = [...state.calls].filter(([, { status }]) => status === 'client')
  const pendingToolCallIds = pending.map(([id]) => id)
  const outcome: AgUiOutcome =
    interrupts.length > 0
      ? { type: 'interrupt', interrupts }
      : { type: 'success', ...(state.run.isCurrent && { pendingToolCallIds }) }
  const ended = endStep(state)
  const snapshot = interrupts.length > 0 ? [snapshotOf(state)] : []
  const finish: AgUiEvent = { type: 'RUN_FINISHED', ...runOf(state), outcome }
  const chunks = numbered([...ended.events, ...snapshot, finish], from)
  return { state: { ...ended.state, isOver: true }, chunks }
}

/** Ends the run with the end of its turn. */
export function finished(state: AgUiState, finish: AgUiEvent): Fold {
  const discarded = discard(state, state.writing)
  const ended = endStep(state)
  const chunks = [...discarded, ...numbered([...ended.events, finish], slots.snapshot + 1)]
  return { state: { ...ended.state, writing: undefined, isOver: true } as AgUiState, chunks }
}

export const runOf = ({ run: { threadId, runId } }: AgUiState) => ({ threadId, runId })

export function interruptsOf({ calls, budget }: AgUiState): AgUiInterrupt[] {
  const asked = [...calls.values()].flatMap((call) =>
    call.status === 'asked' ? [call.interrupt] : [],
  )
  return budget ? [...asked, budget] : asked
}

function isParked({ calls, budget }: AgUiState): boolean {
  if (budget) return true
  const all = [...calls.values()]
  const isStill = all.every(({ status }) => status !== 'pending' && status !== 'running')
  return isStill && all.some(({ status }) => status === 'asked' || status === 'client')
}
