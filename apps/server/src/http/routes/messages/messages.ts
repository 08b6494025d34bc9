import {
  type ClientTool,
  ErrorResponse,
  type EventMessage,
  Message,
  MessagePage,
  NewMessage,
  type OnBusy,
  PageQuery,
} from '@outlast/contract'
import type { FastifyRequest } from 'fastify'
import { checkControls, checkNeed, checkSettings } from '../../../access/grants.ts'
import type { Principal } from '../../../access/principal.ts'
import { checkTurnSettings, needsOwnTurn } from '../../../capabilities/turns/turn-settings.ts'
import { ApiError, invalidAt } from '../../../errors.ts'
import { databaseNow, newId, parseId } from '../../../ids.ts'
import { traceparentOf } from '../../../observe/trace-context.ts'
import { holdsScript } from '../../../providers/simulated/script.ts'
import { acceptInput, checkContent } from '../../../runtime/inbox/accept.ts'
import { withImageNames } from '../../../runtime/inbox/message-images.ts'
import { checkMessageTools } from '../../../runtime/inbox/message-tools.ts'
import { submitResults } from '../../../runtime/inbox/results.ts'
import { eventMessage, messageTypes } from '../../../store/log/conversation.ts'
import { countEvents } from '../../../store/log/events.ts'
import { asMessage, findSequence, messageBatches } from '../../../store/sessions/messages.ts'
import type { Api } from '../../core/api.ts'
import { streamList } from '../../core/page.ts'
import { messageView } from '../../security/token-view.ts'
import { checkIds } from '../people/answers.ts'

export const messageBytesMax = 8 * 1024 * 1024

type Params = { session_id: string }

export function messageRoutes(api: Api): void {
  createRoute(api)
  listRoute(api)
}

function createRoute({ app, node }: Api): void {
  app.route<{ Params: Params; Body: NewMessage }>({
    method: 'POST',
    url: '/v1/sessions/:session_id/messages',
    bodyLimit: messageBytesMax,
    config: {
      forToken: 'write',
      tokenFields: ['message', 'on_busy', 'if_sequence', 'if_key', 'controls', 'metadata', 'tags'],
      unaudited: true,
      allowsNul: true,
    },
    schema: {
      operationId: 'create_message',
      body: NewMessage,
      response: { 201: Message, '4xx': ErrorResponse },
    },
    async handler({ params, principal, body, db, committed, headers }, reply) {
      const sessionId = parseId('session', params.session_id)
      await node.quotas.checkStorage(db, principal.orgId)
      if (body.message.role === 'tool_result') {
        checkNeed(principal, 'tool_results', 'write')
        const to = { sessionId, by: principal }
        return reply.code(201).send(await acceptResults({ node, db, committed }, to, body))
      }
      checkControls(principal, body.controls)
      checkSettings(principal, body)
      const ownOnly = principal.kind === 'token'
      if (node.config.SIMULATED_SCRIPTS && ownOnly) refuseScript(body.message)
      const where = { orgId: principal.orgId, sessionId }
      const tools = body.tools && (await checkMessageTools({ ...node, db }, where, body.tools))
      const message = messageFrom(body, tools ?? [])
      message.content = await withImageNames(db, { ...where, ownOnly }, message.content)
      const onBusy = onBusyOf(message, body)
      const conditions = { ifSequence: body.if_sequence, ifKey: body.if_key }
      const traceparent = traceparentOf(headers.traceparent)
      const from = { endUser: principal.endUser, traceparent }
      const sent = { ...where, message, onBusy, ...from, ...conditions }
      const { sequence, json, publish } = await acceptInput(node, db, { ...sent, mayBegin: true })
      committed.push(publish)
      // Serialized once: a message may have megabytes.
      const answer = `${json.slice(0, -1)},"session_id":"${sessionId}","sequence":${sequence}}`
      reply.header('content-type', 'application/json; charset=utf-8')
      return reply.code(201).send(answer)
    },
  })
}

function listRoute({ app }: Api): void {
  app.route<{ Params: Params; Querystring: PageQuery }>({
    method: 'GET',
    url: '/v1/sessions/:session_id/messages',
    config: { forToken: 'read' },
    schema: {
      operationId: 'list_messages',
      querystring: PageQuery,
      response: { 200: MessagePage, '4xx': ErrorResponse },
    },
    async handler({ params, principal, query, db }, reply) {
      const sessionId = parseId('session', params.session_id)
      const upTo = await findSequence(db, principal.orgId, sessionId)
      if (upTo === undefined) throw new ApiError('not_found', 'Session')
      const { offset = 0, limit = Number.MAX_SAFE_INTEGER } = query
      const partial = query.limit !== undefined || offset > 0
      const total = partial
        ? await countEvents(db, sessionId, { after: 0, upTo, types: messageTypes })
        : undefined
      const batches = messageBatches(db, sessionId, {
        upTo,
        offset,
        limit,
        view: messageView(principal),
      })
      return streamList(reply, { ...(total !== undefined && { total }), offset, batches })
    },
  })
}

/** Contract: throws 403 `not_granted` for a script, which could call any tool of the agent. */
export function refuseScript({ content }: Pick<EventMessage, 'content'>): void {
  const hasScript = content.some((part) => part.type === 'text' && holdsScript(part.text))
  if (hasScript) throw new ApiError('not_granted', 'scripts')
}

/** Results of client tools, sent as a message: they answer calls and begin no turn. */
async function acceptResults(
  { node, db, committed }: Pick<FastifyRequest, 'db' | 'committed'> & Pick<Api, 'node'>,
  { sessionId, by }: { sessionId: string; by: Principal },
  { message: { content } }: NewMessage,
): Promise<Message> {
  const odd = content.findIndex(({ type }) => type !== 'tool_result')
  if (odd >= 0 || content.length === 0) {
    throw invalidAt('message/content', 'of a tool_result message holds tool_result parts only')
  }
  const results = content.filter((part) => part.type === 'tool_result')
  const callIds = results.map(({ tool_call_id }) => tool_call_id)
  checkIds(callIds, 'message/content')
  const where = { orgId: by.orgId, sessionId }
  const { drafts, first, ts, publish } = await submitResults(node, db, where, { results, by })
  committed.push(publish)
  const messages = drafts.map(({ stored }, index) =>
    eventMessage({ ...stored, sequence: first + index, ts }),
  )
  const all = messages.flatMap(({ content }) => content)
  return asMessage(sessionId, first, { ...messages[0]!, content: all })
}

/** Contract: throws 400 for a message that would join a turn but has settings for its own. */
function onBusyOf(message: EventMessage, { on_busy: wanted }: NewMessage): OnBusy {
  if (!needsOwnTurn(message)) return wanted ?? 'steer'
  if (wanted !== 'steer') return wanted ?? 'queue'
  throw invalidAt(
    'on_busy',
    'must be `queue`, `interrupt` or `reject`: the message has settings for a turn of its own',
  )
}

function messageFrom(body: NewMessage, tools: ClientTool[]): EventMessage {
  const { message, metadata, tags, external_actor } = body
  checkContent(message.content, 'message/content')
  return {
    id: newId('message'),
    role: 'user',
    content: message.content,
    created_at: new Date(databaseNow()).toISOString(),
    ...checkTurnSettings(body),
    ...(tools.length > 0 && { tools }),
    ...(metadata && { metadata }),
    ...(tags && { tags }),
    ...(external_actor && { external_actor }),
  }
}
