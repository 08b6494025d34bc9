/** The POST of a client of the AI SDK. The log is the truth: a client adds to it only. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { AiSdkChat, Message, Retake, Session, UIMessage } from '@outlast/contract'
import { clientIdField } from '@outlast/contract/folds/ai-sdk'
import { ApiError, invalidAt } from '../../../errors.ts'
import type { FoundInput } from '../../adapters/find-input.ts'
import { hashOf } from '../../adapters/hash.ts'
import { sendAnswers } from './answers.ts'
import { attachTo, type Chat, findLastTurn, findSession, findTurn, readTurn } from './chats.ts'
import { contentOf } from './content.ts'
import { follow, type Reply, replyTo, sentInput } from './replies.ts'

export async function sendChat(chat: Chat, body: AiSdkChat): Promise<Reply> {
  const last = body.messages.at(-1)!
  if (body.trigger === 'regenerate-message') return regenerate(chat, body, last)
  if (last.role === 'user') return sendMessage(chat, body, last)
  const session = await getSession(chat)
  return continueTurn(chat, body, session)
}

async function getSession(chat: Chat): Promise<Session> {
  const session = await findSession(chat)
  if (!session) throw new ApiError('not_found', 'Session')
  return session
}

async function sendMessage(chat: Chat, body: AiSdkChat, last: UIMessage): Promise<Reply> {
  const content = contentOf(last)
  const session = await openSession(chat)
  if (body.messageId != null) {
    const known = await chat.findInput(session.id, body.messageId)
    if (known) return replace(chat, { session, input: known.event, content })
  }
  const on_busy = body.on_busy ?? 'queue'
  if (session.status === 'active' && body.on_busy == null) await endWait(chat, session, last.id)
  const { controls, instructions, context, tools, metadata } = body
  const given = { controls, instructions, context, tools }
  const path = `/v1/sessions/${session.id}/messages`
  const own = typeof last.metadata === 'object' ? last.metadata : {}
  const message = {
    message: { role: 'user', content },
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value != null)),
    metadata: { ...own, ...metadata, ...(last.id && { [clientIdField]: last.id }) },
    on_busy,
  }
  const headers = last.id === undefined ? undefined : { 'idempotency-key': keyOf(chat, last.id) }
  const response = await chat.calls.call<Message>('POST', path, message, headers)
  if (response.status >= 400) chat.calls.fail(response)
  const sent = response.body
  const isRepeat = response.headers['idempotency-replayed'] === 'true'
  const { id, sequence } = sent
  if (isRepeat) {
    const known = await chat.findInput(session.id, id)
    if (known) return replyTo(chat, session.id, sentInput(known.event))
  }
  if (on_busy === 'steer') return replyTo(chat, session.id, { id, sequence, isQueued: false })
  return follow(chat, session.id, sent)
}

async function openSession(chat: Chat): Promise<Session> {
  const { principal, agentId, id, user, calls } = chat
  if (principal.sessionId !== undefined) return getSession(chat)
  const about = { agent_id: agentId, key: id, ...(user !== null && { user }) }
  return calls.run<Session>('POST', '/v1/sessions', about)
}

/** A message while the turn waits for a person ends that turn, unless it was sent before. */
async function endWait(chat: Chat, { id }: Session, clientId?: string) {
  const turn = await findLastTurn(chat, id)
  const now = turn && (await readTurn(chat, id, turn))
  if (!now?.isParked || now.calls.length === 0) return
  if (clientId !== undefined && (await chat.findInput(id, clientId))) return
  await chat.calls.run('POST', `/v1/sessions/${id}/cancel`)
}

/** The same for every repeat of a message; ids of clients can have any characters. */
const keyOf = ({ id }: Chat, messageId: string) => `aisdk:${hashOf([id, messageId])}`

async function regenerate(chat: Chat, body: AiSdkChat, last: UIMessage): Promise<Reply> {
  const session = await getSession(chat)
  const turn = await findTurn(chat, session.id, body.messageId ?? undefined)
  const clientId = turn?.inputId ?? (last.role === 'user' ? last.id : undefined)
  const input = clientId === undefined ? undefined : await chat.findInput(session.id, clientId)
  if (!input)
    throw invalidAt('messageId', 'names no message of the chat that can be answered again')
  return replace(chat, { session, input: input.event })
}

type Replacing = {
  session: Session
  input: FoundInput['event']
  content?: ReturnType<typeof contentOf>
}

/**
 * Answers a message again, in a session that takes the place of this one. The same message while
 * its turn runs is a repeat.
 */
async function replace(chat: Chat, { session, input, content }: Replacing): Promise<Reply> {
  const { message } = input.data
  const isSame = JSON.stringify(content) === JSON.stringify(message.content)
  if (content && isSame && session.status === 'active') {
    return replyTo(chat, session.id, sentInput(input))
  }
  const path = `/v1/sessions/${session.id}`
  const wanted = { message_id: message.id, ...(content && { message: { content } }) }
  if (session.status === 'active') await chat.calls.run('POST', `${path}/cancel`)
  const taken = await whenIdle(() => chat.calls.run<Retake>('POST', `${path}/retake`, wanted))
  return follow(chat, taken.session.id, taken.message)
}

const idleWaitMs = 10_000
const idlePauseMs = 100

/** Repeats an operation until the turn that was cancelled has ended. */
async function whenIdle<T>(operation: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + idleWaitMs
  for (;;) {
    try {
      return await operation()
    } catch (error) {
      const isBusy = error instanceof ApiError && error.code === 'session_not_idle'
      if (!isBusy || Date.now() >= deadline) throw error
    }
    await sleep(idlePauseMs)
  }
}

/**
 * Answers the calls of a turn that a client has decided or run, and goes on with the message of the
 * turn after what the client has of it. Without open answers it only attaches.
 */
async function continueTurn(chat: Chat, body: AiSdkChat, session: Session): Promise<Reply> {
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
