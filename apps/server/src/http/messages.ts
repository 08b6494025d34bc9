import {
  ErrorResponse,
  type EventMessage,
  Message,
  MessagePage,
  NewMessage,
  type OnBusy,
  PageQuery,
} from '@outlast/contract'
import type { FastifyRequest } from 'fastify'
import { ApiError, invalidAt } from '../errors.ts'
import { newId, parseId } from '../ids.ts'
import { traceparentOf } from '../observe/trace-context.ts'
import { interruptSession } from '../runtime/cancel.ts'
import type { Node } from '../runtime/node.ts'
import { submitResults } from '../runtime/results.ts'
import { messageOf, messageTypes } from '../store/conversation.ts'
import { countEvents, wireEvent } from '../store/events.ts'
import { acceptMessage, asMessage, findSequence, messageBatches } from '../store/messages.ts'
import { getSession } from '../store/sessions.ts'
import { previewOf, withoutNul } from '../text.ts'
import { checkIds } from './answers.ts'
import type { Api } from './api.ts'
import { streamList } from './page.ts'

const bodyBytesMax = 8 * 1024 * 1024

type Params = { session_id: string }

export function messageRoutes({ app, node }: Api): void {
  app.route<{ Params: Params; Body: NewMessage }>({
    method: 'POST',
    url: '/v1/sessions/:session_id/messages',
    bodyLimit: bodyBytesMax,
    config: { forToken: 'write', unaudited: true, allowsNul: true },
    schema: {
      operationId: 'create_message',
      body: NewMessage,
      response: { 201: Message, '4xx': ErrorResponse },
    },
    async handler({ params, principal, body, db, committed, headers }, reply) {
      const sessionId = parseId('session', params.session_id)
      await node.quotas.checkStorage(principal.orgId)
      if (body.message.role === 'tool_result') {
        const where = { orgId: principal.orgId, sessionId }
        return reply.code(201).send(await acceptResults({ node, db, committed }, where, body))
      }
      const message = messageFrom(body)
      const accepted = await accept(
        { node, db, committed },
        {
          orgId: principal.orgId,
          sessionId,
          message,
          onBusy: body.on_busy ?? 'steer',
          traceparent: traceparentOf(headers.traceparent),
        },
      )
      return reply.code(201).send(asMessage(sessionId, accepted.sequence, message))
    },
  })

  app.route<{ Params: Params; Querystring: PageQuery }>({
    method: 'GET',
    url: '/v1/sessions/:session_id/messages',
    config: { forToken: 'read' },
    schema: {
      operationId: 'list_messages',
      querystring: PageQuery,
      response: { 200: MessagePage, '4xx': ErrorResponse },
    },
    async handler({ params, principal, query }, reply) {
      const sessionId = parseId('session', params.session_id)
      const upTo = await findSequence(node.db, principal.orgId, sessionId)
      if (upTo === undefined) throw new ApiError('not_found', 'Session')
      const { offset = 0, limit = Number.MAX_SAFE_INTEGER } = query
      const partial = query.limit !== undefined || offset > 0
      const total = partial
        ? await countEvents(node.db, sessionId, { after: 0, upTo, types: messageTypes })
        : undefined
      const batches = messageBatches(node.db, sessionId, { upTo, offset, limit })
      return streamList(reply, { ...(total !== undefined && { total }), offset, batches })
    },
  })
}

/** Results of tools that the client ran, sent as a message: they answer calls, and begin no turn. */
async function acceptResults(
  { node, db, committed }: Pick<FastifyRequest, 'db' | 'committed'> & Pick<Api, 'node'>,
  where: { orgId: string; sessionId: string },
  { message: { content } }: NewMessage,
): Promise<Message> {
  const odd = content.findIndex(({ type }) => type !== 'tool_result')
  if (odd >= 0 || content.length === 0) {
    throw invalidAt('message/content', 'of a tool_result message holds tool_result parts only')
  }
  const results = content.filter((part) => part.type === 'tool_result')
  const callIds = results.map(({ tool_call_id }) => tool_call_id)
  checkIds(callIds, 'message/content')
  const { drafts, first, ts, publish } = await submitResults(node, db, where, results)
  committed.push(publish)
  const messages = drafts.map(({ stored }, index) =>
    messageOf({ ...stored, sequence: first + index, ts }),
  )
  const all = messages.flatMap(({ content }) => content)
  return asMessage(where.sessionId, first, { ...messages[0]!, content: all })
}

type Posted = {
  orgId: string
  sessionId: string
  message: EventMessage
  onBusy: OnBusy
  /** The trace that the caller is in. */
  traceparent: string | undefined
}

/** Stores a message; what becomes of it while a turn runs is decided by the statement that stores it. */
async function accept(
  { node, db, committed }: Pick<FastifyRequest, 'db' | 'committed'> & Pick<Api, 'node'>,
  { orgId, sessionId, message, onBusy, traceparent }: Posted,
): Promise<{ sequence: number }> {
  const data = JSON.stringify({ message })
  const tags = message.tags?.map(withoutNul) ?? null
  const modelId = message.controls?.model_id ?? null
  const context = traceparent ? JSON.stringify({ traceparent }) : '{}'
  const input = { data, tags, modelId, preview: previewText(message), context }
  if (onBusy === 'interrupt') {
    const interrupted = await interruptSession(node, db, { orgId, sessionId, input })
    if (interrupted) {
      committed.push(() => void settleLater(node, interrupted.settle))
      return interrupted
    }
  }
  const busyData = onBusy === 'queue' ? JSON.stringify({ on_busy: onBusy, message }) : null
  const onlyIdle = onBusy === 'reject'
  const nodeId = node.local.hasRoom() ? node.id : null
  const ids = { turnId: newId('turn'), messageId: message.id, nodeId }
  const tryIt = () =>
    acceptMessage(
      db,
      { orgId, sessionId },
      { ...input, ...ids, busyData, onlyIdle, turnsMax: node.quotas.turnsMax },
    )
  /** Contract: throws 404. */
  const isActive = async () => (await getSession(db, orgId, sessionId)).status === 'active'
  let accepted = await tryIt()
  let isBusy = !accepted && (await isActive()) && onlyIdle
  // Refused, and yet idle: the turn that was in the way may have ended since, or the quota is reached. The second try tells.
  if (!accepted && onlyIdle && !isBusy) {
    accepted = await tryIt()
    isBusy = !accepted && (await isActive())
  }
  if (!accepted) throw new ApiError(isBusy ? 'session_busy' : 'too_many_turns')
  const { sequence, ts, begins } = accepted
  const row = { sequence, type: 'input.message' as const, ts, context, tags }
  const stored = { ...row, data: begins ? data : (busyData ?? data) }
  committed.push(() => {
    node.bus.stored(sessionId, sequence, () => [wireEvent(sessionId, stored)])
    const ref = { orgId, sessionId, turnId: ids.turnId }
    if (begins && nodeId) node.local.begin({ ref, taken: accepted, input: stored })
  })
  return accepted
}

/** The client need not wait for the interrupted turn; should this node fail here, the turn's own node ends it. */
function settleLater(node: Node, settle: () => Promise<void>) {
  return settle().catch((error) =>
    node.log.warn('an interrupted turn is left to its node', { error }),
  )
}

function messageFrom({ message, controls, metadata, tags }: NewMessage): EventMessage {
  if (message.content.some(({ type }) => type === 'tool_result')) {
    throw invalidAt(
      'message/content',
      'holds a result, which only a message of the role tool_result may',
    )
  }
  return {
    id: newId('message'),
    role: 'user',
    content: message.content,
    created_at: new Date().toISOString(),
    ...(controls && { controls }),
    ...(metadata && { metadata }),
    ...(tags && { tags }),
  }
}

function previewText({ content }: EventMessage): string | null {
  const text = content.find((part) => part.type === 'text')
  return text ? previewOf(withoutNul(text.text)) : null
}
