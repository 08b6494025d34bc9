import {
  ErrorResponse,
  NewSessionToken,
  PageQuery,
  SessionToken,
  SessionTokenPage,
} from '@outlast/contract'
import { allows, checkAccount, type Principal } from '../../../access/principal.ts'
import { ApiError } from '../../../errors.ts'
import { newId, parseId } from '../../../ids.ts'
import {
  countSessionTokens,
  createSessionToken,
  deleteSessionToken,
  listSessionTokens,
  type TokensOf,
} from '../../../store/access/session-tokens.ts'
import { getSequence } from '../../../store/sessions/messages.ts'
import type { Api } from '../../core/api.ts'
import { inBatches, sendList } from '../../core/list.ts'
import { checkNumber } from '../../core/number-limit.ts'
import {
  checkGivable,
  grantsOf,
  makerClaim,
  makerOf,
  tokenSecondsDefault,
} from './token-requests.ts'

type Params = { session_id: string }

/** Tokens that a product's server makes for its customers' browsers. */
export function sessionTokenRoutes(api: Api): void {
  createRoute(api)
  storedRoutes(api)
}

function createRoute(api: Api): void {
  const { app, node } = api
  const { access, config } = node
  app.route<{ Params: Params; Body: NewSessionToken }>({
    method: 'POST',
    url: '/v1/sessions/:session_id/tokens',
    config: { access: 'read', answersSecret: true, bodyOptional: true },
    schema: {
      operationId: 'create_session_token',
      body: NewSessionToken,
      response: { 201: SessionToken, '4xx': ErrorResponse },
    },
    async handler(request, reply) {
      const { params, principal, body, db: unit } = request
      const sessionId = parseId('session', params.session_id)
      if (!access.tokens) throw new ApiError('encryption_not_configured', 'tokens')
      const { orgId } = principal
      const grants = grantsOf(body, api)
      await getSequence(unit, orgId, sessionId)
      await checkGivable(node, unit, { principal, grants })
      await checkNumber({
        max: config.SESSION_TOKENS_MAX,
        what: 'tokens of a session',
        count: () => countSessionTokens(unit, { orgId, sessionId, userId: undefined }),
      })
      const id = newId('session_token')
      const seconds = body.expires_in ?? tokenSecondsDefault
      const maker = makerOf(principal)
      const made = { ...grants, ...maker, id, orgId, sessionId, seconds }
      const times = await createSessionToken(unit, made)
      const sub = makerClaim(principal)
      const claims = { sub, org: orgId, session: sessionId, access: grants.access, jti: id }
      request.auditNote = { target: id, details: { session_id: sessionId, ...grants } }
      return reply.code(201).send({
        id,
        token: await access.tokens.sign('grant', claims, seconds),
        session_id: sessionId,
        organization_id: orgId,
        ...grants,
        ...times,
      })
    },
  })
}

function storedRoutes({ app }: Api): void {
  app.route<{ Params: Params; Querystring: PageQuery }>({
    method: 'GET',
    url: '/v1/sessions/:session_id/tokens',
    schema: {
      operationId: 'list_session_tokens',
      querystring: PageQuery,
      response: { 200: SessionTokenPage, '4xx': ErrorResponse },
    },
    async handler({ params, principal, query, db }, reply) {
      const of = tokensOfCaller(principal, params)
      await getSequence(db, of.orgId, of.sessionId)
      return sendList(reply, query, {
        batches: inBatches((span) => listSessionTokens(db, of, span)),
        count: () => countSessionTokens(db, of),
      })
    },
  })

  app.route<{ Params: Params & { token_id: string } }>({
    method: 'DELETE',
    url: '/v1/sessions/:session_id/tokens/:token_id',
    config: { access: 'read' },
    schema: {
      operationId: 'delete_session_token',
      response: { '4xx': ErrorResponse },
    },
    async handler({ params, principal, db: unit }, reply) {
      const id = parseId('session_token', params.token_id)
      await deleteSessionToken(unit, tokensOfCaller(principal, params), id)
      return reply.code(204).send()
    },
  })
}

/** Callers that may only read see and revoke the tokens that they made themselves. */
function tokensOfCaller(principal: Principal, { session_id }: Params): TokensOf {
  const { orgId, level, userId } = principal
  const sessionId = parseId('session', session_id)
  if (level === 'read') checkAccount(principal)
  return { orgId, sessionId, userId: allows(level, 'write') ? undefined : userId }
}
