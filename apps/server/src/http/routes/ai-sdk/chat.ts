import {
  AiSdkChat,
  AiSdkMessages,
  AiSdkMessagesQuery,
  AiSdkQuery,
  AiSdkStreamQuery,
  CancelTurnResponse,
  ErrorResponse,
  type Session,
} from '@outlast/contract'
import {
  type AiSdkVersion,
  beginTurnFold,
  type FoldOptions,
  foldMessages,
  foldTurn,
  type UIChunk,
} from '@outlast/contract/folds/ai-sdk'
import type { FastifyRequest } from 'fastify'
import { ApiError } from '../../../errors.ts'
import { agentIdIn } from '../../adapters/agent-id.ts'
import { inputFinder } from '../../adapters/find-input.ts'
import { innerCalls } from '../../adapters/inner-calls.ts'
import { logReader } from '../../adapters/read-log.ts'
import { streamTurn, type TurnStream } from '../../adapters/turn-stream.ts'
import { isUnpaid } from '../../adapters/waiting-calls.ts'
import type { Api } from '../../core/api.ts'
import { dropBody } from '../../core/body.ts'
import type { Streams } from '../../streams/open-streams.ts'
import { type Chat, checkChatId, findSession } from './chats.ts'
import { readMessages } from './messages.ts'
import { type ChatReply, findNamed, findRunning } from './replies.ts'
import { sendChat } from './send.ts'

const bodyBytesMax = 16 * 1024 * 1024
type Params = { agent_id: string; chat_id: string }

/** The chats of clients of the AI SDK. Version 6 does not know all chunks of version 7. */
export function aiSdkRoutes(api: Api, streams: Streams): void {
  for (const version of [7, 6] as const) {
    chatRoute(api, streams, version)
    streamRoute(api, streams, version)
    messagesRoute(api, version)
    stopRoute(api, version)
  }
}

const chatPath = (version: AiSdkVersion) =>
  `/v1/ai-sdk${version === 6 ? '/v6' : ''}/agents/:agent_id/chat`

const config = { access: 'adapter' } as const
/** The description has one entry for both versions. */
const hiddenIn = (version: AiSdkVersion) => version === 6 && { hide: true }

async function chatOf(
  api: Api,
  request: FastifyRequest,
  { id, user = null, version }: { id: string; user?: string | null; version: AiSdkVersion },
): Promise<Chat> {
  checkChatId(id)
  return {
    calls: innerCalls(api.app, request),
    read: logReader(api, request),
    findInput: inputFinder(api, request),
    principal: request.principal,
    db: request.db,
    agentId: await agentIdIn(request),
    id,
    user: user ?? null,
    version,
    typedTools: request.headers['outlast-typed-tools'] === '1',
  }
}

function chatRoute(api: Api, streams: Streams, version: AiSdkVersion) {
  api.app.route<{ Params: Params; Body: AiSdkChat }>({
    method: 'POST',
    url: chatPath(version),
    bodyLimit: bodyBytesMax,
    config: { ...config, allowsNul: true },
    schema: {
      operationId: 'send_ai_sdk_chat',
      body: AiSdkChat,
      produces: ['text/event-stream'],
      response: { '4xx': ErrorResponse },
      ...hiddenIn(version),
    },
    async handler(request, reply) {
      const chat = await chatOf(api, request, { ...request.body, version })
      const found = await sendChat(chat, request.body)
      dropBody(request)
      await streamTurn(api, streams, request, reply, streamOf(found))
    },
  })
}

function streamRoute(api: Api, streams: Streams, version: AiSdkVersion) {
  api.app.route<{ Params: Params; Querystring: AiSdkStreamQuery }>({
    method: 'GET',
    url: `${chatPath(version)}/:chat_id/stream`,
    exposeHeadRoute: false,
    config,
    schema: {
      operationId: 'resume_ai_sdk_chat',
      querystring: AiSdkStreamQuery,
      produces: ['text/event-stream'],
      bare: 204,
      response: { '4xx': ErrorResponse },
      ...hiddenIn(version),
    },
    async handler(request, reply) {
      const { params, query } = request
      const chat = await chatOf(api, request, { id: params.chat_id, ...query, version })
      const { message_id: named } = query
      const found = named === undefined ? await findRunning(chat) : await findNamed(chat, named)
      if (!found) return reply.code(204).send()
      await streamTurn(api, streams, request, reply, streamOf(found))
    },
  })
}

function messagesRoute(api: Api, version: AiSdkVersion) {
  api.app.route<{ Params: Params; Querystring: AiSdkMessagesQuery }>({
    method: 'GET',
    url: `${chatPath(version)}/:chat_id/messages`,
    config,
    schema: {
      operationId: 'list_ai_sdk_messages',
      querystring: AiSdkMessagesQuery,
      response: { 200: AiSdkMessages, '4xx': ErrorResponse },
      ...hiddenIn(version),
    },
    async handler(request) {
      const { params, query } = request
      const chat = await chatOf(api, request, { id: params.chat_id, ...query, version })
      const session = await findSession(chat)
      if (!session) {
        return { messages: [], status: 'idle', has_more: false, before: null, session_id: null }
      }
      const { events, before } = await readMessages(chat, session.id, query)
      const messages = foldMessages(events, { typedTools: chat.typedTools })
      return {
        messages,
        status: chatStatus(session, messages),
        has_more: before !== null,
        before,
        session_id: session.id,
      }
    },
  })
}

/** The log says that a turn waits before the session does. */
function chatStatus({ status }: Session, messages: ReturnType<typeof foldMessages>) {
  if (status !== 'active') return 'idle'
  const last = messages.findLast(({ role }) => role === 'assistant')
  return last?.metadata?.status === 'waiting' ? 'waiting' : 'active'
}

function stopRoute(api: Api, version: AiSdkVersion) {
  api.app.route<{ Params: Params; Querystring: AiSdkQuery }>({
    method: 'POST',
    url: `${chatPath(version)}/:chat_id/stop`,
    config,
    schema: {
      operationId: 'stop_ai_sdk_chat',
      querystring: AiSdkQuery,
      response: { 202: CancelTurnResponse, '4xx': ErrorResponse },
      ...hiddenIn(version),
    },
    async handler(request, reply) {
      const { params, query } = request
      const chat = await chatOf(api, request, { id: params.chat_id, ...query, version })
      const session = await findSession(chat)
      if (!session) throw new ApiError('not_found', 'Session')
      const path = `/v1/sessions/${session.id}/cancel`
      return reply.code(202).send(await chat.calls.run('POST', path))
    },
  })
}

const headers = { 'x-vercel-ai-ui-message-stream': 'v1' }
const done = 'data: [DONE]\n\n'

const chunkFrame = (chunk: UIChunk) => `data: ${JSON.stringify(chunk)}\n\n`

/** The stream of one message. */
function streamOf({ sessionId, after, fold: options }: ChatReply): TurnStream {
  return { sessionId, after, headers, fold: framesOf(options), interrupted }
}

function framesOf(options: FoldOptions): TurnStream['fold'] {
  let fold = beginTurnFold(options)
  return (event) => {
    const { sequence = 0, context } = event
    const isBefore = fold.turnId === undefined && sequence > (options.answeredUntil ?? 0)
    // A message waits with the turn before its own.
    if (isBefore && isUnpaid(event)) fold = { ...fold, turnId: context.turn_id }
    const folded = foldTurn(fold, event)
    fold = folded.fold
    const frames = folded.chunks.map(chunkFrame).join('')
    return fold.isOver ? { frames: frames + done, isLast: true } : { frames }
  }
}

/** The turn continues without the stream. */
const interrupted = (reason: string) =>
  chunkFrame({
    type: 'error',
    errorText: `The connection ended: ${reason}. Resume the stream.`,
    interrupted: true,
  })
