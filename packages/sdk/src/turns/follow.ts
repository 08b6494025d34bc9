import type { Event, EventMessage, EventType, TokenUsage } from '@outlast/contract'
import { OutlastError, TurnFailedError } from '../http/error.ts'

/** The answer to a message. */
export type Answer<Output = unknown> = {
  /** Text of the last message of the turn. For a cancelled turn, the text so far. */
  text: string
  /** That message. Undefined if the turn was cancelled before it replied. */
  message: EventMessage | undefined
  /** The value of the answer, if the message or the agent has an output schema. */
  output: Output
  turnId: string
  outcome: 'completed' | 'cancelled'
  /** Tokens and cost of the turn. Undefined if no call reported tokens. */
  usage: TokenUsage | undefined
}

/** State of a followed turn after the events so far. */
export type Following = {
  /** The followed turn: that of a sent message, the next one, or the one with `turnId`. */
  of: { messageId: string } | 'next' | 'known'
  /** `sequence` of the event before the first one of the turn. */
  sequence: number
  turnId?: string
  /** The message waits for a turn of its own. */
  isQueued?: boolean
  message?: EventMessage
  ended?: Event<'turn.completed' | 'turn.failed' | 'turn.cancelled'>
  /** The turn was cancelled before it read the message, so its text is not the answer. */
  isUnseen?: boolean
  isOver?: boolean
}

/**
 * Updates the state by one event. The turn that answers a message is the one that begins for it, or
 * the running one if it calls the model after the message arrived. A turn that is cancelled before
 * that also ends the message.
 * Contract: pure. `isOver` is set at the last event of the turn, or the first one after it.
 */
export function follow(state: Following, event: Event): Following {
  const read = readers[event.type] as Reader<EventType> | 'ignored' | undefined
  return typeof read === 'function' ? read(state, event) : state
}

type Reader<T extends EventType> = (state: Following, event: Event<T>) => Following

/** Ignores events of other turns. */
const own =
  <T extends EventType>(read: Reader<T>): Reader<T> =>
  (state, event) =>
    event.context.turn_id === state.turnId ? read(state, event) : state

const ends = own<NonNullable<Following['ended']>['type']>((state, ended) => ({ ...state, ended }))

const readers: { [T in EventType]: Reader<T> | 'ignored' } = {
  'input.message': (state, { data }) =>
    isFor(state, data.message.id) ? { ...state, isQueued: data.on_busy === 'queue' } : state,
  'session.started': 'ignored',
  'session.activated': (state, { data }) => {
    if (state.ended) return { ...state, isOver: true }
    const isOther = state.of !== 'next' && !isFor(state, data.input_message_id)
    return state.turnId || isOther ? state : { ...state, turnId: data.turn_id }
  },
  'turn.started': 'ignored',
  'mcp.unavailable': 'ignored',
  'capability.unavailable': 'ignored',
  'reason.started': 'ignored',
  'context.compacting': 'ignored',
  'context.compacted': 'ignored',
  'output.message.started': (state, { data }) =>
    isSteering(state) ? { ...state, turnId: data.turn_id } : state,
  'reason.thinking.started': 'ignored',
  'reason.thinking.delta': 'ignored',
  'reason.thinking.completed': 'ignored',
  'output.message.delta': 'ignored',
  'tool.input.delta': 'ignored',
  'llm.generation': 'ignored',
  'output.message.completed': own((state, { data }) =>
    state.isUnseen ? state : { ...state, message: data.message },
  ),
  'reason.completed': 'ignored',
  'act.started': 'ignored',
  'tool.approval_requested': 'ignored',
  'tool.approval_resolved': 'ignored',
  'tool.call_requested': 'ignored',
  'tool.input_resolved': 'ignored',
  'tool.started': 'ignored',
  'tool.completed': 'ignored',
  'tool.progress': 'ignored',
  'act.completed': 'ignored',
  'files.changed': 'ignored',
  'budget.warning': 'ignored',
  'budget.exhausted': 'ignored',
  'budget.paused': 'ignored',
  'budget.resumed': 'ignored',
  'turn.completed': ends,
  'turn.failed': ends,
  'turn.cancelled': (state, event) => {
    if (!isSteering(state) && !isUnbegun(state, event)) return ends(state, event)
    return { ...state, turnId: event.data.turn_id, ended: event, isUnseen: true }
  },
  'session.idled': (state) => ({ ...state, isOver: true }),
  'feedback.given': 'ignored',
}

const isFor = ({ of }: Following, messageId: string | undefined) =>
  typeof of === 'object' && of.messageId === messageId

/** Tests whether the running turn can be the one that answers. */
const isSteering = ({ of, turnId, isQueued }: Following) =>
  typeof of === 'object' && turnId === undefined && isQueued === false

/** Tests whether the message's own turn was cancelled before it began. */
const isUnbegun = (state: Following, { context }: Event) =>
  state.turnId === undefined && isFor(state, context.input_message_id)

/** True once the answer is final: text of a cancelled turn comes after its end. */
export const isAnswered = ({ ended, isOver = false }: Following) =>
  isOver || (ended !== undefined && ended.type !== 'turn.cancelled')

/** Returns the answer of a turn that is over. Contract: throws if it failed or is missing. */
export function answerOf({ ended, message, turnId }: Following): Answer {
  if (!ended || !turnId) {
    throw new OutlastError('unanswered', 'The session is idle, and no turn answered the message.')
  }
  if (ended.type === 'turn.failed') {
    const { error, error_code = 'turn_failed', output_errors } = ended.data
    throw new TurnFailedError(turnId, error_code, error, output_errors)
  }
  const outcome = ended.type === 'turn.completed' ? 'completed' : 'cancelled'
  const output = ended.type === 'turn.completed' ? ended.data.output : undefined
  return { text: textOf(message), message, output, turnId, outcome, usage: ended.data.usage }
}

/** Returns the text parts of a message, joined. */
export const textOf = (message: Pick<EventMessage, 'content'> | undefined) =>
  message?.content.map((part) => (part.type === 'text' ? part.text : '')).join('') ?? ''
