import {
  ErrorResponse,
  NewSessionToken,
  PageQuery,
  SessionToken,
  SessionTokenPage,
} from '@outlast/contract'
import type { Grants } from '../../../access/grants.ts'
import { allows, checkAccount, type Principal } from '../../../access/principal.ts'
import { processClaim } from '../../../access/session-tokens.ts'
import { ApiError, invalidAt } from '../../../errors.ts'
import { newId, parseId } from '../../../ids.ts'
import { modelScope } from '../../../providers/keys.ts'
import {
  countSessionTokens,
  createSessionToken,
  deleteSessionToken,
  listSessionTokens,
  type TokenMaker,
  type TokensOf,
} from '../../../store/access/session-tokens.ts'
import type { Db } from '../../../store/database.ts'
import { checkModel } from '../../../store/models/models.ts'
import { findSequence } from '../../../store/sessions/messages.ts'
import type { Api } from '../../core/api.ts'
import { inBatches, sendList } from '../../core/list.ts'
import { checkNumber } from '../../core/number-limit.ts'

const secondsDefault = 900

type Params = { session_id: string }

/** Tokens that a product's server makes for its customers' browsers. */
export function sessionTokenRoutes(api: Api): void {
  createRoute(api)
  storedRoutes(api)
}

function createRoute({ app, node: { access, config } }: Api): void {
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
      if (!access.tokens) throw new ApiError('encryption_not_configured')
      const { orgId } = principal
      const grants = grantsOf(body)
      if (!allows(principal.level, grants.access)) throw new ApiError('forbidden', grants.access)
      await checkSession(unit, orgId, sessionId)
      await checkNumber({
        max: config.SESSION_TOKENS_MAX,
        what: 'tokens of a session',
        count: () => countSessionTokens(unit, { orgId, sessionId, userId: undefined }),
      })
      for (const [at, id] of grants.models.entries()) {
        await checkModel(unit, modelScope(config, orgId), id, `models/${at}`)
      }
      const id = newId('session_token')
      const seconds = body.expires_in ?? secondsDefault
      const maker = makerOf(principal)
      const made = { ...grants, ...maker, id, orgId, sessionId, seconds }
      const times = await createSessionToken(unit, made)
      const sub = makerClaim(principal)
      const claims = { sub, org: orgId, session: sessionId, access: grants.access, jti: id }
      request.auditNote = { target: id, details: { session_id: sessionId, ...grants } }
      return reply.code(201).send({
        id,
        token: await access.tokens.sign('session', claims, seconds),
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
      const of = tokensOf(principal, params)
      await checkSession(db, of.orgId, of.sessionId)
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
      await deleteSessionToken(unit, tokensOf(principal, params), id)
      return reply.code(204).send()
    },
  })
}

async function checkSession(db: Db, orgId: string, sessionId: string) {
  if ((await findSequence(db, orgId, sessionId)) === undefined) {
    throw new ApiError('not_found', 'Session')
  }
}

/** Callers that may only read see and revoke the tokens that they made themselves. */
function tokensOf(principal: Principal, { session_id }: Params): TokensOf {
  const { orgId, level, userId } = principal
  const sessionId = parseId('session', session_id)
  if (level === 'read') checkAccount(principal)
  return { orgId, sessionId, userId: allows(level, 'write') ? undefined : userId }
}

/** The grants of a request; the least by default. Contract: throws 400 for unusable grants. */
function grantsOf(body: NewSessionToken): Grants {
  const grants: Grants = {
    access: body.access ?? 'read',
    models: [...new Set(body.models ?? [])],
    tool_results: [...new Set(body.tool_results ?? [])],
    view: body.view ?? 'chat',
    files: body.files ?? 'none',
  }
  if (grants.access === 'write') return grants
  const needsWrite = 'needs `access: write`'
  if (grants.models.length > 0) throw invalidAt('models', needsWrite)
  if (grants.tool_results.length > 0) throw invalidAt('tool_results', needsWrite)
  if (grants.files === 'write') throw invalidAt('files', needsWrite)
  return grants
}

/** Contract: throws 403 for a user of the product, whose access cannot be checked later. */
function makerOf(principal: Principal): TokenMaker {
  const { kind, id, userId, loginId } = principal
  if (kind === 'user') checkAccount(principal)
  if (kind === 'anonymous' || kind === 'server') return { userId: null, keyId: null, loginId: null }
  return { userId, keyId: kind === 'key' ? id : null, loginId: loginId ?? null }
}

/** The claim that names the creator of a token. */
function makerClaim({ kind, id, userId }: Principal): string {
  if (kind === 'server') return processClaim
  return kind === 'key' ? `key:${id}` : `user:${userId}`
}
