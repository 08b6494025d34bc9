/** Conversations: sessions under the ids of OpenAI's API, or under a key of the client. */
import type { Message, SeedMessage, Session } from '@outlast/contract'
import { ApiError } from '../../../errors.ts'
import { isJsonObject } from '../../../json.ts'
import { findKeyedSession } from '../../adapters/keyed-session.ts'
import { createOrFindSession } from '../../adapters/new-session.ts'
import { messageBytesMax } from '../messages/messages.ts'
import { invalidParam } from './errors.ts'
import { readInput } from './items.ts'
import { metadataOf } from './params.ts'
import { conversationId, sessionOf } from './place.ts'
import { adapterClient, type Client } from './reading.ts'
import { hidden, type OpenAI } from './routes.ts'
import { type ItemRange, readItems } from './transcript.ts'

type Params = { conversation_id: string }

/**
 * Finds the session of a conversation. One that began without an agent has its session under its id
 * as key.
 * Contract: throws 404 for an unknown id.
 */
export async function conversationSession(
  calls: Client,
  id: string,
  user: string | undefined,
): Promise<Session> {
  const keyed = await findKeyedSession(calls, calls.request, { key: id, user })
  if (keyed) return keyed
  const sessionId = sessionOf(id)
  if (sessionId === undefined) throw new ApiError('not_found', 'Conversation')
  return calls.run<Session>('GET', `/v1/sessions/${sessionId}`)
}

/** The messages of a conversation, with which a session under its id begins. */
export async function seedsOfSession({ run }: Client, { id }: Session): Promise<SeedMessage[]> {
  const { data } = await run<{ data: Message[] }>('GET', `/v1/sessions/${id}/messages`)
  return data.map(({ role, content }) => ({ role: role as SeedMessage['role'], content }))
}

const shown = (id: string, { created_at, hints }: Session) => ({
  id,
  object: 'conversation',
  created_at: Math.floor(Date.parse(created_at) / 1000),
  metadata: (hints?.conversation as object | undefined) ?? {},
})

export function conversationRoutes(openai: OpenAI): void {
  createRoute(openai)
  readRoutes(openai)
}

function createRoute({ scope, api }: OpenAI): void {
  scope.route<{ Body: unknown }>({
    method: 'POST',
    url: '/conversations',
    bodyLimit: messageBytesMax,
    config: { access: 'adapter', allowsNul: true, bodyOptional: true },
    schema: hidden('create_openai_conversation'),
    async handler(request) {
      const body = isJsonObject(request.body) ? request.body : {}
      const { history, content, instructions, answers } = readInput(body.items ?? [], 'items')
      if (instructions.length > 0 || answers.length > 0) {
        throw invalidParam('items', 'must be messages, and calls with their outputs')
      }
      const last = content.length > 0 ? [{ role: 'user' as const, content }] : []
      const messages = [...history, ...last]
      const metadata = metadataOf(body)
      const { session } = await createOrFindSession(adapterClient(api, request), {
        ...(messages.length > 0 && { messages }),
        ...(metadata && { hints: { conversation: metadata } }),
      })
      return shown(conversationId(session.id), session)
    },
  })
}

/** `user`: end user of the conversation, for a caller that is none. */
type UserQuery = { user?: string }

export type ItemsQuery = UserQuery & { limit?: string; order?: string; after?: string }

export function itemRange({ limit = '20', order = 'desc', after }: ItemsQuery): ItemRange {
  if (order !== 'asc' && order !== 'desc') throw invalidParam('order', 'must be asc or desc')
  const number = Number(limit)
  if (Number.isInteger(number) && number >= 1 && number <= 100) {
    return { limit: number, isAscending: order === 'asc', after }
  }
  throw invalidParam('limit', 'must be between 1 and 100')
}

function readRoutes({ scope, api }: OpenAI): void {
  scope.route<{ Params: Params; Querystring: UserQuery }>({
    method: 'GET',
    url: '/conversations/:conversation_id',
    exposeHeadRoute: false,
    config: { access: 'adapter' },
    schema: hidden('get_openai_conversation'),
    async handler(request) {
      const { params, query } = request
      const { conversation_id: id } = params
      const calls = adapterClient(api, request)
      const first = sessionOf(id)
      const session = first
        ? await calls.run<Session>('GET', `/v1/sessions/${first}`)
        : await conversationSession(calls, id, query.user)
      return shown(id, session)
    },
  })

  scope.route<{ Params: Params; Querystring: ItemsQuery }>({
    method: 'GET',
    url: '/conversations/:conversation_id/items',
    exposeHeadRoute: false,
    config: { access: 'adapter' },
    schema: hidden('list_openai_conversation_items'),
    async handler(request) {
      const { params, query } = request
      const range = itemRange(query)
      const calls = adapterClient(api, request)
      const { id } = await conversationSession(calls, params.conversation_id, query.user)
      return readItems(calls, id, range)
    },
  })

  scope.route<{ Params: Params; Querystring: UserQuery }>({
    method: 'DELETE',
    url: '/conversations/:conversation_id',
    config: { access: 'adapter' },
    schema: hidden('delete_openai_conversation'),
    async handler(request) {
      const { conversation_id: id } = request.params
      const calls = adapterClient(api, request)
      const session = await conversationSession(calls, id, request.query.user)
      const first = sessionOf(id)
      await calls.run('DELETE', `/v1/sessions/${session.id}`)
      if (first !== undefined && first !== session.id) {
        await calls.call('DELETE', `/v1/sessions/${first}`)
      }
      return { id, object: 'conversation.deleted', deleted: true }
    },
  })
}
