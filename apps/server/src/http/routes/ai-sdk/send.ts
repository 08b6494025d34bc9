/** The POST of a client of the AI SDK. The log is the truth: a client adds to it only. */
import type { AiSdkChat, Message, OnBusy, Session, UIMessage } from '@outlast/contract'
import { clientIdField } from '@outlast/contract/folds/ai-sdk'
import { ApiError, invalidAt } from '../../../errors.ts'
import { getSequence } from '../../../store/sessions/messages.ts'
import { againIfChanged } from '../../adapters/again-if-changed.ts'
import type { FoundInput } from '../../adapters/find-input.ts'
import { hashOf } from '../../adapters/hash.ts'
import type { InnerResponse } from '../../adapters/inner-calls.ts'
import { retakeNow } from '../../adapters/retake.ts'
import { listEvents } from '../../adapters/session-events.ts'
import { sendAnswers } from './answers.ts'
import { attachTo, type Chat, findLastTurn, findSession, findTurn, readTurn } from './chats.ts'
import { contentOf } from './content.ts'
import {
  type ChatReply,
  findTurnFor,
  follow,
  followQueued,
  replyTo,
  sentInput,
  showTurn,
} from './replies.ts'

export async function sendChat(chat: Chat, body: AiSdkChat): Promise<ChatReply> {
  const last = body.messages.at(-1)!
  if (body.trigger === 'regenerate-message') return regenerate(chat, body, last)
  if (last.role === 'user') return sendMessage(chat, body, last)
  const session = await getChatSession(chat)
  return continueTurn(chat, body, session)
}

async function getChatSession(chat: Chat): Promise<Session> {
  const session = await findSession(chat)
  if (!session) throw new ApiError('not_found', 'Session')
  return session
}

async function sendMessage(chat: Chat, body: AiSdkChat, last: UIMessage): Promise<ChatReply> {
  const content = contentOf(last)
  const session = await openChatSession(chat)
  if (body.messageId != null) {
    const known = await chat.findInput(session.id, body.messageId)
    if (known) return edit(chat, body, { session, input: known.event, content })
  }
  const { controls, instructions, context, tools, metadata } = body
  const given = { controls, instructions, context, tools }
  const own = typeof last.metadata === 'object' ? last.metadata : {}
  // Messages of a client without ids may all have an empty one.
  const clientId = last.id || undefined
  const message = {
    message: { role: 'user', content },
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value != null)),
    metadata: { ...own, ...metadata, ...(clientId && { [clientIdField]: clientId }) },
  }
  const { on_busy, posted, to } = await againIfChanged(async (tries) => {
    const to = tries === 1 ? session : await openChatSession(chat)
    const busy = body.on_busy ? { on_busy: body.on_busy } : await onBusyInChat(chat, to, clientId)
    const sent = { ...message, ...busy, if_key: chat.id }
    const posting = { message: sent, content, clientId, tries }
    return { ...busy, posted: await post(chat, to.id, posting), to }
  })
  if ('known' in posted) return replyTo(chat, to.id, sentInput(posted.known))
  const { id, sequence } = posted.sent
  if (on_busy === 'steer') return replyTo(chat, to.id, { id, sequence, isQueued: false })
  const followed = to.status === 'active' ? followQueued : follow
  return followed(chat, to.id, posted.sent)
}

type Input = FoundInput['event']
type Content = ReturnType<typeof contentOf>

type Posting = {
  message: object & Busy
  content: Content
  clientId: string | undefined
  /** A refusal is stored with its key: a later try has another one. */
  tries: number
}

/** How a message meets a running turn; `if_sequence`: the last event on which that was decided. */
type Busy = { on_busy: OnBusy; if_sequence?: number }

type Posted = { sent: Message } | { known: Input }

const codeOf = ({ body }: InnerResponse) => (body as { code?: string }).code

const isContent = ({ data }: Input, content: Content) =>
  JSON.stringify(data.message.content) === JSON.stringify(content)

/**
 * Posts a message once. A repeat finds the message, also with other settings; after a refusal
 * it is a new request.
 */
async function post(
  chat: Chat,
  sessionId: string,
  { message, content, clientId, tries }: Posting,
): Promise<Posted> {
  const path = `/v1/sessions/${sessionId}/messages`
  const { calls } = chat
  if (clientId === undefined) return { sent: await calls.run<Message>('POST', path, message) }
  const key = keyOf(chat, clientId)
  const again = `${key}:${sessionId}:${message.if_sequence}`
  const headers = { 'idempotency-key': tries === 1 ? key : again }
  const response = await calls.call<Message>('POST', path, message, headers)
  const isRefused = response.status >= 400
  const isReplayed = response.headers['idempotency-replayed'] === 'true'
  if (isReplayed || codeOf(response) === 'idempotency_key_reused') {
    const known = await chat.findInput(sessionId, clientId)
    if (known && isContent(known.event, content)) return { known: known.event }
    if (isRefused && !known) return { sent: await calls.run<Message>('POST', path, message) }
  }
  return { sent: isRefused ? calls.fail(response) : response.body }
}

async function openChatSession(chat: Chat): Promise<Session> {
  const { principal, agentId, id, user, calls } = chat
  if (principal.sessionId !== undefined) return getChatSession(chat)
  const about = { agent_id: agentId, key: id, ...(user !== null && { user }) }
  return calls.run<Session>('POST', '/v1/sessions', about)
}

/** A message while the turn waits for a person ends that turn, unless it was sent before. */
async function onBusyInChat(chat: Chat, { id, status }: Session, clientId?: string): Promise<Busy> {
  const { db, principal } = chat
  if (status !== 'active') return { on_busy: 'queue' }
  const if_sequence = await getSequence(db, principal.orgId, id)
  const turn = await findLastTurn(chat, id)
  const now = turn && (await readTurn(chat, id, turn))
  if (!now?.isParked || now.calls.length === 0) return { on_busy: 'queue' }
  const isKnown = clientId !== undefined && (await chat.findInput(id, clientId))
  return isKnown ? { on_busy: 'queue' } : { on_busy: 'interrupt', if_sequence }
}

/** The same for every repeat of a message; ids of clients can have any characters. */
const keyOf = ({ id }: Chat, messageId: string) => `aisdk:${hashOf([id, messageId])}`

async function regenerate(chat: Chat, body: AiSdkChat, last: UIMessage): Promise<ChatReply> {
  const session = await getChatSession(chat)
  const turn = await findTurn(chat, session.id, body.messageId ?? undefined)
  const clientId = turn?.inputId ?? (last.role === 'user' ? last.id : undefined)
  const input = clientId === undefined ? undefined : await chat.findInput(session.id, clientId)
  if (!input)
    throw invalidAt('messageId', 'names no message of the chat that can be answered again')
  const { event } = input
  // A repeat does not name the answer that the first request began.
  const isRepeat = turn === undefined && (await isRetaken(chat, session, event))
  const running = isRepeat ? await unfinished(chat, session, event) : undefined
  if (running && !running.isParked) return running.reply
  return replace(chat, body, { session, input: event })
}

/** True for the message with which a retake began the session. */
async function isRetaken(chat: Chat, { id, forked_from: from }: Session, { data }: Input) {
  if (!from) return false
  // A turn that the fork ended has no `turn.started`.
  const types = 'input.message,turn.started'
  const query = { types, after_sequence: from.sequence, limit: 1 }
  const [first] = await listEvents<'input.message' | 'turn.started'>(chat.calls, id, query)
  // A message that waited is in the copied part, and its turn may have yet to begin.
  if (!first) return true
  const began = 'message' in first.data ? first.data.message.id : first.data.input_message_id
  return began === data.message.id
}

type Replacing = { session: Session; input: Input; content?: Content }

/** Replaces a message. The same message while its turn runs is a repeat. */
async function edit(
  chat: Chat,
  body: AiSdkChat,
  replacing: Replacing & { content: Content },
): Promise<ChatReply> {
  const { session, input, content } = replacing
  const running = isContent(input, content) ? await unfinished(chat, session, input) : undefined
  return running?.reply ?? replace(chat, body, replacing)
}

/** The reply to a message whose turn runs or is about to. */
async function unfinished(chat: Chat, { id, status }: Session, input: Input) {
  if (status !== 'active') return undefined
  const sent = sentInput(input)
  const begun = await findTurnFor(chat, id, sent)
  if (begun?.snapshot.endedAt !== undefined) return undefined
  const reply = begun ? showTurn(chat, id, begun) : await followQueued(chat, id, sent)
  return { reply, isParked: begun?.snapshot.isParked ?? false }
}

/** Answers a message again, in a session that takes the place of this one. */
async function replace(
  chat: Chat,
  { context }: AiSdkChat,
  { session, input, content }: Replacing,
): Promise<ChatReply> {
  const wanted = {
    message_id: input.data.message.id,
    ...(content && { message: { content } }),
    ...(context != null && { context }),
  }
  const taken = await retakeNow(chat.calls, session.id, wanted)
  return follow(chat, taken.session.id, taken.message)
}

/**
 * Answers the calls of a turn that a client has decided or run, and goes on with the message of the
 * turn after what the client has of it. Without open answers it only attaches.
 */
async function continueTurn(chat: Chat, body: AiSdkChat, session: Session): Promise<ChatReply> {
  const last = body.messages.at(-1)!
  const turn = (await findTurn(chat, session.id, last.id)) ?? (await findLastTurn(chat, session.id))
  if (!turn) throw invalidAt('messages', 'must end with a message of a user')
  const before = await readTurn(chat, session.id, turn)
  const answered = await sendAnswers(chat, body, { session, open: before.calls })
  const fold = attachTo(chat, turn, before)
  const shownUntil = turn.turnId === last.id ? shownBy(last, before.sequence) : 0
  return {
    sessionId: session.id,
    after: turn.sequence - 1,
    fold: {
      ...fold,
      answered,
      shownUntil,
      ...(answered.length > 0 && { answeredUntil: before.sequence }),
    },
  }
}

/** The part of the turn that the client's message has. Its metadata says so once it has ended. */
function shownBy({ metadata }: UIMessage, latest: number): number {
  const { sequence } = (metadata ?? {}) as { sequence?: unknown }
  return typeof sequence === 'number' && sequence > 0 ? sequence : latest
}
