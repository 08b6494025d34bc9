import {
  ErrorResponse,
  type EventMessage,
  Message,
  MessagePage,
  NewMessage,
  PageQuery,
} from '@outlast/contract'
import { ApiError } from '../errors.ts'
import { newId, parseId } from '../ids.ts'
import { countEvents, messageTypes, wireEvent } from '../store/events.ts'
import { asMessage, findSequence, messageBatches } from '../store/messages.ts'
import { acceptMessage } from '../store/turns.ts'
import { previewOf, withoutNul } from '../text.ts'
import type { Api } from './api.ts'
import { streamList } from './page.ts'

const bodyBytesMax = 8 * 1024 * 1024

type Params = { session_id: string }

export function messageRoutes({ app, node }: Api): void {
  app.route<{ Params: Params; Body: NewMessage }>({
    method: 'POST',
    url: '/v1/sessions/:session_id/messages',
    bodyLimit: bodyBytesMax,
    config: { allowsNul: true },
    schema: {
      operationId: 'create_message',
      body: NewMessage,
      response: { 201: Message, '4xx': ErrorResponse },
    },
    async handler({ params, principal, body, db, committed }, reply) {
      const sessionId = parseId('session', params.session_id)
      const message = messageFrom(body)
      const data = JSON.stringify({ message })
      const tags = message.tags?.map(withoutNul) ?? null
      const accepted = await acceptMessage(db, principal.orgId, sessionId, {
        turnId: newId('turn'),
        messageId: message.id,
        data,
        tags,
        preview: previewText(message),
      })
      if (!accepted) throw new ApiError('not_found', 'Session')
      const { sequence, ts } = accepted
      committed.push(() => {
        const row = { sequence, type: 'input.message' as const, ts, context: '{}', data, tags }
        node.bus.stored(sessionId, sequence, () => [wireEvent(sessionId, row)])
      })
      return reply.code(201).send(asMessage(sessionId, sequence, message))
    },
  })

  app.route<{ Params: Params; Querystring: PageQuery }>({
    method: 'GET',
    url: '/v1/sessions/:session_id/messages',
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

function messageFrom({ message, controls, metadata, tags }: NewMessage): EventMessage {
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
