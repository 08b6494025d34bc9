import { ErrorResponse, NewSessionToken, SessionToken } from '@outlast/contract'
import { allows } from '../access/principal.ts'
import { ApiError } from '../errors.ts'
import { parseId } from '../ids.ts'
import { findSequence } from '../store/messages.ts'
import type { Api } from './api.ts'

const secondsDefault = 900

/** What a product's server makes for its customer's browser. */
export function sessionTokenRoutes({ app, node: { access } }: Api): void {
  app.route<{ Params: { session_id: string }; Body: NewSessionToken }>({
    method: 'POST',
    url: '/v1/sessions/:session_id/tokens',
    config: { access: 'read', answersSecret: true, bodyOptional: true },
    schema: {
      operationId: 'create_session_token',
      summary:
        'Make a short-lived token with which a browser reads this session, or writes to it too.',
      tags: ['sessions'],
      body: NewSessionToken,
      response: { 201: SessionToken, '4xx': ErrorResponse },
    },
    async handler({ params, principal, body, db }, reply) {
      const session = parseId('session', params.session_id)
      if (!access.tokens) throw new ApiError('encryption_not_configured')
      const wanted = body.access ?? 'read'
      if (!allows(principal.level, wanted)) throw new ApiError('forbidden', wanted)
      const { kind, id, orgId } = principal
      if ((await findSequence(db, orgId, session)) === undefined) {
        throw new ApiError('not_found', 'Session')
      }
      const seconds = body.expires_in ?? secondsDefault
      const sub = `${kind === 'key' ? 'key' : 'user'}:${id}`
      const claims = { sub, org: orgId, session, access: wanted }
      return reply.code(201).send({
        token: await access.tokens.sign('session', claims, seconds),
        session_id: session,
        organization_id: orgId,
        access: wanted,
        expires_at: new Date(Date.now() + seconds * 1000).toISOString(),
      })
    },
  })
}
