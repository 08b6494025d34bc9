import type { Event, EventMessage, EventType, TokenUsage } from '@outlast/contract'
import { OutlastError, TurnFailedError } from './error.ts'

/** What came of a message. */
export type Answer = {
  /** The text of the turn's last message; of a cancelled turn as far as it came. */
  text: string
  /** That message; undefined when the turn was cancelled before it replied. */
  message: EventMessage | undefined
  turnId: string
  outcome: 'completed' | 'cancelled'
  /** Tokens of the turn. */
  usage: TokenUsage | undefined
}

/** The turn of a message, as far as events have told of it. */
export type Following = {
  /** Whose turn it is: of a sent message, the next that begins, or a given one. */
  of: { messageId: string } | 'next' | 'known'
  /** The event before the first that tells of it. */
  sequence: number
  turnId?: string
  /** The message waits for a turn of its own. */
  isQueued?: boolean
  message?: EventMessage
  ended?: Event<'turn.completed' | 'turn.failed' | 'turn.cancelled'>
  /** The turn was cancelled before it saw the message: what it said is no answer to it. */
  isUnseen?: boolean
  isOver?: boolean
}

/**
 * What one more event says of the turn that answers a message. It is the turn that begins for it,
 * or the running one when it asks the model after the message came: that call has seen it. A turn
 * that is cancelled before that takes the message with it.
 * Contract: pure. `isOver` stands with the last event of the turn, or with the first that is not of
 * it any more.
 */
export function follow(state: Following, event: Event): Following {
  const read = readers[event.type] as Reader<EventType> | 'ignored' | undefined
  return typeof read === 'function' ? read(state, event) : state
}

type Reader<T extends EventType> = (state: Following, event: Event<T>) => Following

/** Reads events of the turn that is followed, and no other. */
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
  'llm.generation': 'ignored',
  'output.message.completed': own((state, { data }) =>
    state.isUnseen ? state : { ...state, message: data.message },
  ),
  'reason.completed': 'ignored',
  'act.started': 'ignored',
  'tool.approval_requested': 'ignored',
  'tool.approval_resolved': 'ignored',
  'tool.call_requested': 'ignored',
  'tool.started': 'ignored',
  'tool.completed': 'ignored',
  'tool.progress': 'ignored',
  'act.completed': 'ignored',
  'files.changed': 'ignored',
  'turn.completed': ends,
  'turn.failed': ends,
  'turn.cancelled': (state, event) => {
    if (!isSteering(state) && !isUnbegun(state, event)) return ends(state, event)
    return { ...state, turnId: event.data.turn_id, ended: event, isUnseen: true }
  },
  'session.idled': (state) => ({ ...state, isOver: true }),
}

const isFor = ({ of }: Following, messageId: string | undefined) =>
  typeof of === 'object' && of.messageId === messageId

/** Whichever turn runs may be the one. */
const isSteering = ({ of, turnId, isQueued }: Following) =>
  typeof of === 'object' && turnId === undefined && isQueued === false

/** A turn of its own that was cancelled before it began: nothing else tells of it. */
const isUnbegun = (state: Following, { context }: Event) =>
  state.turnId === undefined && isFor(state, context.input_message_id)

/** True once the answer is final: text of a cancelled turn comes after its end. */
export const isAnswered = ({ ended, isOver = false }: Following) =>
  isOver || (ended !== undefined && ended.type !== 'turn.cancelled')

/** The answer that a turn which is over gave. */
export function answerOf({ ended, message, turnId }: Following): Answer {
  if (!ended || !turnId) {
    throw new OutlastError('unanswered', 'The session is idle, and no turn answered the message.')
  }
  if (ended.type === 'turn.failed') {
    throw new TurnFailedError(turnId, ended.data.error_code ?? 'turn_failed', ended.data.error)
  }
  const outcome = ended.type === 'turn.completed' ? 'completed' : 'cancelled'
  return { text: textOf(message), message, turnId, outcome, usage: ended.data.usage }
}

/** The text of a message, its parts joined. */
export const textOf = (message: Pick<EventMessage, 'content'> | undefined) =>
  message?.content.map((part) => (part.type === 'text' ? part.text : '')).join('') ?? ''
