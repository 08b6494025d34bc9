import { ErrorResponse, NewRetake, Retake } from '@outlast/contract'
import { masked } from '../../../capabilities/catalog/masking.ts'
import { parseId } from '../../../ids.ts'
import { traceparentOf } from '../../../observe/trace-context.ts'
import { retakeMessage } from '../../../runtime/inbox/retake.ts'
import { asMessage } from '../../../store/sessions/messages.ts'
import type { Api } from '../../core/api.ts'
import { messageView, sessionView } from '../../security/token-view.ts'
import { messageBytesMax, refuseScript } from './messages.ts'

export function retakeRoutes({ app, node }: Api): void {
  app.route<{ Params: { session_id: string }; Body: NewRetake }>({
    method: 'POST',
    url: '/v1/sessions/:session_id/retake',
    bodyLimit: messageBytesMax,
    config: {
      forToken: 'write',
      forEndUser: true,
      tokenNeeds: 'operation',
      tokenFields: ['message_id', 'message'],
      unaudited: true,
      allowsNul: true,
    },
    schema: {
      operationId: 'retake_message',
      body: NewRetake,
      response: { 200: Retake, 201: Retake, 404: ErrorResponse, '4xx': ErrorResponse },
    },
    async handler({ params, principal, body, db, committed, headers }, reply) {
      const { orgId, endUser } = principal
      const byToken = principal.kind === 'token'
      if (node.config.SIMULATED_SCRIPTS && byToken && body.message) refuseScript(body.message)
      const sessionId = parseId('session', params.session_id)
      const traceparent = traceparentOf(headers.traceparent)
      const asked = { orgId, sessionId, wanted: body, byToken, endUser, traceparent }
      const { session, message, sequence, publish } = await retakeMessage(node, db, asked)
      if (publish) {
        for (const id of [sessionId, session.id]) {
          committed.push(() => node.bus.changed(orgId, { noun: 'session', id }))
        }
        committed.push(publish)
      }
      return reply.code(publish ? 201 : 200).send({
        session: sessionView(principal, masked(node.capabilities, session)),
        message: messageView(principal)(asMessage(session.id, sequence, message)),
      })
    },
  })
}
