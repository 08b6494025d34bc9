import {
  ErrorResponse,
  NewUserToken,
  UserToken,
  UserTokenPage,
  UserTokenQuery,
} from '@outlast/contract'
import { allows, checkAccount, type Principal } from '../../../access/principal.ts'
import { ApiError } from '../../../errors.ts'
import { newId, parseId } from '../../../ids.ts'
import {
  checkAgents,
  countUserTokens,
  createUserToken,
  deleteUserToken,
  listUserTokens,
  type UserTokensOf,
} from '../../../store/access/user-tokens.ts'
import type { Api } from '../../core/api.ts'
import { checkNumber } from '../../core/number-limit.ts'
import { listed, rangeOf } from '../../core/page.ts'
import {
  checkGivable,
  grantsOf,
  makerClaim,
  makerOf,
  tokenSecondsDefault,
} from './token-requests.ts'

/** Tokens that a product's server makes for its end users, for all of their sessions. */
export function userTokenRoutes(api: Api): void {
  createRoute(api)
  storedRoutes(api)
}

function createRoute(api: Api): void {
  const { app, node } = api
  const { access, config } = node
  app.route<{ Body: NewUserToken }>({
    method: 'POST',
    url: '/v1/tokens',
    config: { access: 'read', answersSecret: true },
    schema: {
      operationId: 'create_token',
      body: NewUserToken,
      response: { 201: UserToken, 404: ErrorResponse, '4xx': ErrorResponse },
    },
    async handler(request, reply) {
      const { principal, body, db } = request
      const { orgId } = principal
      if (!access.tokens) throw new ApiError('encryption_not_configured', 'tokens')
      const { user } = body
      const grants = grantsOf(body, api)
      await checkGivable(node, db, { principal, grants })
      const agentIds = body.agent_ids ? [...new Set(body.agent_ids)] : null
      await checkAgents(db, orgId, agentIds ?? [])
      const maker = makerOf(principal)
      await checkNumber({
        max: config.SESSION_TOKENS_MAX,
        what: 'tokens of an end user',
        count: () => countUserTokens(db, { orgId, user }),
      })
      const id = newId('session_token')
      const seconds = body.expires_in ?? tokenSecondsDefault
      const times = await createUserToken(db, {
        ...grants,
        ...maker,
        id,
        orgId,
        user,
        agentIds,
        seconds,
      })
      // Without the user: entries of the audit log stay when the user is deleted.
      request.auditNote = { target: id, details: { agent_ids: agentIds, ...grants } }
      const claims = { sub: makerClaim(principal), org: orgId, access: grants.access, jti: id }
      return reply.code(201).send({
        id,
        token: await access.tokens.sign('grant', claims, seconds),
        organization_id: orgId,
        user,
        agent_ids: agentIds,
        ...grants,
        ...times,
      })
    },
  })
}

function storedRoutes({ app }: Api): void {
  app.route<{ Querystring: UserTokenQuery }>({
    method: 'GET',
    url: '/v1/tokens',
    schema: {
      operationId: 'list_tokens',
      querystring: UserTokenQuery,
      response: { 200: UserTokenPage, '4xx': ErrorResponse },
    },
    async handler({ principal, query, db }) {
      const range = rangeOf(query)
      const of = { ...ownTokens(principal), user: query.user }
      const [data, total] = await Promise.all([
        listUserTokens(db, of, range),
        countUserTokens(db, of),
      ])
      return listed({ data, total }, range)
    },
  })

  app.route<{ Params: { user_token_id: string } }>({
    method: 'DELETE',
    url: '/v1/tokens/:user_token_id',
    config: { access: 'read' },
    schema: { operationId: 'delete_token', response: { '4xx': ErrorResponse } },
    async handler({ params, principal, db }, reply) {
      const id = parseId('session_token', params.user_token_id)
      await deleteUserToken(db, ownTokens(principal), id)
      return reply.code(204).send()
    },
  })
}

/** Callers that may only read see and revoke the tokens that they made themselves. */
function ownTokens(principal: Principal): UserTokensOf {
  const { orgId, level, userId } = principal
  if (level === 'read') checkAccount(principal)
  return { orgId, madeBy: allows(level, 'write') ? undefined : userId }
}
