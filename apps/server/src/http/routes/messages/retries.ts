import { ErrorResponse, RetriedTurn } from '@outlast/contract'
import { parseId } from '../../../ids.ts'
import { retrySession } from '../../../runtime/inbox/retry.ts'
import type { Api } from '../../core/api.ts'

export function retryRoutes({ app, node }: Api): void {
  app.route<{ Params: { session_id: string } }>({
    method: 'POST',
    url: '/v1/sessions/:session_id/retry',
    config: { forToken: 'write', unaudited: true },
    schema: {
      operationId: 'retry_session',
      response: { 200: RetriedTurn, 201: RetriedTurn, '4xx': ErrorResponse },
    },
    async handler({ params, principal: { orgId, endUser }, db, committed }, reply) {
      const sessionId = parseId('session', params.session_id)
      await node.quotas.checkStorage(db, orgId)
      const { turn, isNew } = await retrySession(node, db, { orgId, sessionId, endUser })
      if (isNew) committed.push(() => node.bus.changed(orgId, { noun: 'session', id: sessionId }))
      return reply.code(isNew ? 201 : 200).send(turn)
    },
  })
}
