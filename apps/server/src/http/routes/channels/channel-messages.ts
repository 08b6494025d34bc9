import { ErrorResponse, type EventMessage, Message, NewAgentMessage } from '@outlast/contract'
import { databaseNow, newId } from '../../../ids.ts'
import { traceparentOf } from '../../../observe/trace-context.ts'
import { acceptInput } from '../../../runtime/inbox/accept.ts'
import type { Api } from '../../core/api.ts'
import { refuseScript } from '../messages/messages.ts'
import { base, checkSpending, ownSession, type SessionParams } from './caller.ts'

const bodyBytesMax = 1024 * 1024

/** Messages of callers, which have text only and steer a running turn. */
export function channelMessageRoutes({ app, node }: Api): void {
  app.route<{ Params: SessionParams; Body: NewAgentMessage }>({
    method: 'POST',
    url: `${base}/sessions/:session_id/messages`,
    bodyLimit: bodyBytesMax,
    config: { access: 'channel', unaudited: true, allowsNul: true },
    schema: {
      operationId: 'send_agent_message',
      body: NewAgentMessage,
      response: { 201: Message, '4xx': ErrorResponse },
    },
    async handler(request, reply) {
      const { db, principal, committed, headers, params, body } = request
      const { id: sessionId } = await ownSession(request, params)
      await checkSpending(request)
      const { orgId, endUser } = principal
      await node.quotas.checkStorage(db, orgId)
      const message = messageFrom(body)
      if (node.config.SIMULATED_SCRIPTS && endUser) refuseScript(message)
      const posted = { orgId, sessionId, message, endUser, onBusy: 'steer' as const }
      const traceparent = traceparentOf(headers.traceparent)
      const about = { ...posted, traceparent, mayBegin: true }
      const { sequence, publish } = await acceptInput(node, db, about)
      committed.push(publish)
      return reply.code(201).send({ ...message, session_id: sessionId, sequence })
    },
  })
}

const messageFrom = ({ message: { content } }: NewAgentMessage): EventMessage => ({
  id: newId('message'),
  role: 'user',
  content: content.map(({ text }) => ({ type: 'text', text })),
  created_at: new Date(databaseNow()).toISOString(),
})
