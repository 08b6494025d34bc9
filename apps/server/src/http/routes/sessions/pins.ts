import { ErrorResponse } from '@outlast/contract'
import { parseId } from '../../../ids.ts'
import { setPin } from '../../../store/sessions/pins.ts'
import type { Api } from '../../core/api.ts'

type Params = { session_id: string }

const pins = [
  { method: 'PUT', operationId: 'pin_session', isPinned: true },
  { method: 'DELETE', operationId: 'unpin_session', isPinned: false },
] as const

export function pinRoutes({ app }: Api): void {
  for (const { method, operationId, isPinned } of pins) {
    app.route<{ Params: Params }>({
      method,
      url: '/v1/sessions/:session_id/pin',
      // A pin is of one user and changes nothing for others.
      config: { access: 'read', unaudited: true },
      schema: { operationId, response: { '4xx': ErrorResponse } },
      async handler({ params, principal: { orgId, userId }, db }, reply) {
        const sessionId = parseId('session', params.session_id)
        await setPin(db, { orgId, sessionId, userId }, isPinned)
        return reply.code(204).send()
      },
    })
  }
}
