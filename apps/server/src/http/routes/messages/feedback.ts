import { ErrorResponse, Feedback, NewFeedback } from '@outlast/contract'
import { deciderOf } from '../../../access/grants.ts'
import { parseId } from '../../../ids.ts'
import { giveFeedback } from '../../../runtime/inbox/feedback.ts'
import type { Api } from '../../core/api.ts'

export function feedbackRoutes({ app, node }: Api): void {
  app.route<{ Params: { session_id: string }; Body: NewFeedback }>({
    method: 'POST',
    url: '/v1/sessions/:session_id/feedback',
    config: { forToken: 'write', unaudited: true },
    schema: {
      operationId: 'give_feedback',
      body: NewFeedback,
      response: { 200: Feedback, '4xx': ErrorResponse },
    },
    async handler({ params, principal, body, db, committed }) {
      const { orgId } = principal
      const sessionId = parseId('session', params.session_id)
      await node.quotas.checkStorage(db, orgId)
      const by = deciderOf(principal)
      const { feedback, publish } = await giveFeedback(node, db, {
        orgId,
        sessionId,
        wanted: body,
        by,
      })
      if (publish) committed.push(publish)
      return feedback
    },
  })
}
