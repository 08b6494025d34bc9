/** Finds the turn whose events answer a request. */
import type { EventType, Session } from '@outlast/contract'
import type { FoldOptions } from '@outlast/contract/folds/ai-sdk'
import { ApiError } from '../../../errors.ts'
import type { FoundInput } from '../../adapters/find-input.ts'
import { listEvents } from '../../adapters/session-events.ts'
import { waitsNow } from '../../adapters/waiting-calls.ts'
import {
  attachTo,
  type Chat,
  findLastTurn,
  findSession,
  findTurn,
  formOf,
  readTurn,
  startOf,
  type TurnSnapshot,
  type TurnStart,
} from './chats.ts'

/** The events to answer with: those of one turn. */
export type ChatReply = { sessionId: string; after: number; fold: FoldOptions }

/** A turn that ended, or began to wait, this recently is sent once more. */
const recentMs = 30_000

export type SentInput = { id: string; sequence: number; isQueued: boolean }

export const sentInput = ({ data, sequence = 1 }: FoundInput['event']): SentInput => ({
  id: data.message.id,
  sequence,
  isQueued: data.on_busy === 'queue',
})

/** Follows the turn that a message begins. */
export const follow = (
  chat: Chat,
  sessionId: string,
  { id, sequence }: Omit<SentInput, 'isQueued'>,
): ChatReply => ({
  sessionId,
  after: sequence - 1,
  fold: { ...formOf(chat), target: { messageId: id } },
})

/**
 * Follows the turn that a message begins. The reply ends if the turn before waits for a budget,
 * unless that wait is over.
 */
export async function followQueued(
  chat: Chat,
  sessionId: string,
  input: Omit<SentInput, 'isQueued'>,
): Promise<ChatReply> {
  const { unpaidTurn, waiting, last } = await waitsNow(chat.calls, chat.read, sessionId)
  const reply = follow(chat, sessionId, input)
  if (unpaidTurn !== undefined) return { ...reply, after: Math.min(reply.after, last - 1) }
  if (waiting.size > 0) return reply
  return { ...reply, fold: { ...reply.fold, answeredUntil: last } }
}

export type BegunTurn = { start: TurnStart; snapshot: TurnSnapshot }

const begunTurn = async (chat: Chat, sessionId: string, start: TurnStart): Promise<BegunTurn> => ({
  start,
  snapshot: await readTurn(chat, sessionId, start),
})

/** Streams a turn from its beginning. */
export const showTurn = (
  chat: Chat,
  sessionId: string,
  { start, snapshot }: BegunTurn,
): ChatReply => ({
  sessionId,
  after: start.sequence - 1,
  fold: attachTo(chat, start, snapshot),
})

/** The reply to a message that was sent before. */
export async function replyTo(chat: Chat, sessionId: string, input: SentInput): Promise<ChatReply> {
  const begun = await findTurnFor(chat, sessionId, input)
  return begun ? showTurn(chat, sessionId, begun) : followQueued(chat, sessionId, input)
}

/**
 * Finds the turn that answers a message: its own, or the running one that it has joined. Undefined
 * if its turn has yet to begin.
 */
export async function findTurnFor(
  chat: Chat,
  sessionId: string,
  { id, sequence, isQueued }: SentInput,
): Promise<BegunTurn | undefined> {
  const before = isQueued ? undefined : await findLastTurn(chat, sessionId, sequence)
  // Read first: after its end the log also has the turn that follows, or that none does.
  const running = before && (await begunTurn(chat, sessionId, before))
  const { own, isIdle } = await readAfter(chat, sessionId, { id, sequence })
  if (own) return begunTurn(chat, sessionId, own)
  const endedAt = running?.snapshot.endedAt
  const hasJoined = endedAt === undefined || (endedAt > sequence && isIdle)
  return hasJoined ? running : undefined
}

/** The turn that a message began, and whether the session was idle before one did. */
async function readAfter(
  chat: Chat,
  sessionId: string,
  { id, sequence: after }: Omit<SentInput, 'isQueued'>,
) {
  const types = ['session.activated', 'session.idled']
  let own: TurnStart | undefined
  let isIdle = false
  await chat.read(sessionId, { after, types }, (event) => {
    isIdle = event.type === 'session.idled'
    if (event.type === 'session.activated' && event.data.input_message_id === id) {
      own = startOf(event)
    }
    return isIdle || own !== undefined
  })
  return { own, isIdle }
}

/**
 * Finds the turn of an answer, or of a message of the user, however long ago it ended.
 * Contract: throws 404.
 */
export async function findNamed(chat: Chat, messageId: string): Promise<ChatReply> {
  const session = await findSession(chat)
  if (!session) throw new ApiError('not_found', 'Session')
  const start = await findTurn(chat, session.id, messageId)
  if (start) return showTurn(chat, session.id, await begunTurn(chat, session.id, start))
  const input = await chat.findInput(session.id, messageId)
  if (!input) throw new ApiError('not_found', 'Message')
  return replyTo(chat, session.id, sentInput(input.event))
}

/** Finds the turn that runs or is about to begin, or whose end a client may have missed. */
export async function findRunning(chat: Chat): Promise<ChatReply | undefined> {
  const session = await findSession(chat)
  if (!session) return undefined
  const start = await findLastTurn(chat, session.id)
  const last = start && (await begunTurn(chat, session.id, start))
  const next = session.status === 'active' ? await findNext(chat, session, last) : undefined
  if (next || !last) return next
  const { isOver, isParked, at } = last.snapshot
  const isRecent = at !== undefined && Date.now() - Date.parse(at) < recentMs
  if ((isOver || isParked) && !isRecent) return undefined
  return showTurn(chat, session.id, last)
}

/** Finds the turn that waits to begin, for example for a node with room. */
async function findNext(
  chat: Chat,
  { id }: Session,
  last: BegunTurn | undefined,
): Promise<ChatReply | undefined> {
  const { isOver = true, endedAt = 0, sequence = 0 } = last?.snapshot ?? {}
  if (!isOver && endedAt === 0) return undefined
  const [idled] = await latest(chat, id, 'session.idled')
  const [input] = await latest(chat, id, 'input.message')
  // A turn that was cancelled for a message has its end when the turn of that message begins.
  if (!isOver && (input?.sequence ?? 0) < endedAt) return undefined
  // Read last: the session is active after the end that was read.
  const now = await findSession(chat)
  if (now?.id !== id || now.status !== 'active') return undefined
  const after = Math.max(sequence, idled?.sequence ?? 0)
  return { sessionId: id, after, fold: { ...formOf(chat), target: { isNext: true } } }
}

const latest = (chat: Chat, sessionId: string, types: EventType) =>
  listEvents(chat.calls, sessionId, { types, order_desc: true, limit: 1 })
