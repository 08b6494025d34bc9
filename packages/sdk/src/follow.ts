import type { Event, EventMessage, TokenUsage } from '@outlast/contract'
import { OutlastError, TurnFailedError } from './error.ts'

/** What came of a message. */
export type Answer = {
  /** The text of the turn's last message; of a cancelled turn as far as it came. */
  text: string
  /** That message; undefined when the turn was cancelled before it said anything to what was sent. */
  message: EventMessage | undefined
  turnId: string
  outcome: 'completed' | 'cancelled'
  /** Tokens of the turn. */
  usage: TokenUsage | undefined
}

/** The turn of a message, as far as events have told of it. */
export type Following = {
  /** Whose turn it is: of a message that was sent, the next that begins, or the one that is known. */
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
 * What one more event says of the turn that answers a message. It is the turn that begins for it, or the running one when it
 * asks the model after the message came: that call has seen it. A turn that is cancelled before that takes the message
 * with it.
 * Contract: pure. `isOver` stands with the last event of the turn, or with the first that is not of it any more.
 */
export function follow(state: Following, event: Event): Following {
  switch (event.type) {
    case 'input.message':
      if (!isFor(state, event.data.message.id)) return state
      return { ...state, isQueued: event.data.on_busy === 'queue' }
    case 'session.activated':
      if (state.ended) return { ...state, isOver: true }
      if (state.turnId || !(state.of === 'next' || isFor(state, event.data.input_message_id))) {
        return state
      }
      return { ...state, turnId: event.data.turn_id }
    case 'output.message.started':
      return isSteering(state) ? { ...state, turnId: event.data.turn_id } : state
    case 'turn.cancelled':
      if (!isSteering(state) && !isUnbegun(state, event)) break
      return { ...state, turnId: event.data.turn_id, ended: event, isUnseen: true }
    case 'session.idled':
      return { ...state, isOver: true }
  }
  return event.context.turn_id === state.turnId ? followOwn(state, event) : state
}

const isFor = ({ of }: Following, messageId: string | undefined) =>
  typeof of === 'object' && of.messageId === messageId

/** Whichever turn runs may be the one. */
const isSteering = ({ of, turnId, isQueued }: Following) =>
  typeof of === 'object' && turnId === undefined && isQueued === false

/** A turn of its own that was cancelled before it began: nothing else tells of it. */
const isUnbegun = (state: Following, { context }: Event) =>
  state.turnId === undefined && isFor(state, context.input_message_id)

function followOwn(state: Following, event: Event): Following {
  switch (event.type) {
    case 'output.message.completed':
      return state.isUnseen ? state : { ...state, message: event.data.message }
    case 'turn.completed':
    case 'turn.failed':
    case 'turn.cancelled':
      return { ...state, ended: event }
    default:
      return state
  }
}

/** True once nothing can change the answer: of a cancelled turn what it said comes after its end. */
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
