import {
  beginResponse,
  foldResponse,
  type ResponseFacts,
  type ResponseObject,
  responseOf,
} from '@outlast/contract/folds/openai'
import {
  beginChat,
  type ChatFacts,
  type ChatState,
  chatChunk,
  completionOf,
  foldChat,
  lastChoice,
  usageChunk,
} from '@outlast/contract/folds/openai-chat'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { streamTurn } from '../../adapters/turn-stream.ts'
import { dropBody } from '../../core/body.ts'
import { messageBytesMax } from '../messages/messages.ts'
import { areAwaited } from './answers.ts'
import { type Begin, beginFor } from './begin.ts'
import { type AskedChat, readChat } from './chat-request.ts'
import { beginCompletion } from './chat-sessions.ts'
import { answerAndSteer, type BegunResponse } from './create.ts'
import { interruption, invalidParam } from './errors.ts'
import { addResult } from './items.ts'
import type { ResponsePlace } from './place.ts'
import { adapterClient } from './reading.ts'
import { awaitResponse } from './responses.ts'
import { hidden, type OpenAI } from './routes.ts'

/** Chat Completions: a request has the whole conversation, which finds or makes its session. */
export function chatRoutes(openai: OpenAI): void {
  const { scope, api } = openai
  scope.route<{ Body: unknown }>({
    method: 'POST',
    url: '/chat/completions',
    bodyLimit: messageBytesMax,
    config: { access: 'adapter', allowsNul: true },
    schema: hidden('create_openai_chat_completion'),
    async handler(request, reply) {
      const asked = readChat(request.body)
      const calls = adapterClient(api, request)
      const { place, facts } = await beginChatTurn(beginFor(request, calls), asked)
      const chat = { id: facts.id.replace('resp_', 'chatcmpl-'), model: asked.model }
      const { stream, withUsage } = asked
      if (stream) return streamChat(openai, request, reply, { withUsage, chat, facts, place })
      const response = responseOf(await awaitResponse(openai, request, { facts, place }))
      if (response.error === null) return completionOf(chat, response)
      reply.header('x-should-retry', 'false')
      return reply.code(502).send(completionError(response))
    },
  })
}

async function beginChatTurn(begin: Begin, asked: AskedChat): Promise<BegunResponse> {
  const { answers, content, history } = asked.input
  if (answers.length > 0 && (content.length === 0 || (await areAwaited(begin, answers)))) {
    return answerAndSteer(begin, asked, undefined)
  }
  for (const one of answers) addResult(history, one)
  if (content.length === 0) throw invalidParam('messages', 'must end with a message of the user')
  return beginCompletion(begin, asked)
}

const completionError = ({ error }: ResponseObject) => ({
  error: { message: error?.message, type: 'server_error', code: error?.code, param: null },
})

type Streamed = { withUsage: boolean; chat: ChatFacts; facts: ResponseFacts; place: ResponsePlace }

const chatFrame = (data: object) => `data: ${JSON.stringify(data)}\n\n`

function streamChat(
  { api, streams }: OpenAI,
  request: FastifyRequest,
  reply: FastifyReply,
  { withUsage, chat, facts, place }: Streamed,
): Promise<void> {
  dropBody(request)
  let response = beginResponse(facts)
  let state: ChatState = beginChat(chat)
  return streamTurn(api, streams, request, reply, {
    sessionId: place.sessionId,
    after: place.start - 1,
    interrupted: (reason) => chatFrame(interruption(reason)),
    fold(event) {
      const folded = foldResponse(response, event)
      response = folded.state
      const frames = folded.chunks.flatMap((chunk) => {
        const next = foldChat(state, chunk, response)
        state = next.state
        return next.choices.map((choice) => chatFrame(chatChunk(state, choice)))
      })
      if (response.phase !== 'over') return { frames: frames.join('') }
      const last = lastFrames(state, responseOf(response), withUsage)
      return { frames: [...frames, ...last].join(''), isLast: true }
    },
  })
}

function lastFrames(state: ChatState, response: ResponseObject, withUsage: boolean): string[] {
  if (response.error !== null) return [chatFrame(completionError(response))]
  const usage = withUsage ? [chatFrame(usageChunk(state, response))] : []
  return [chatFrame(chatChunk(state, lastChoice(response))), ...usage, 'data: [DONE]\n\n']
}
