import { randomBytes } from 'node:crypto'
import {
  ApiKeyPage,
  CreatedApiKey,
  ErrorResponse,
  NewApiKey,
  PageQuery,
  type Scope,
} from '@outlast/contract'
import type { FastifyRequest } from 'fastify'
import { keyStart } from '../../../access/credentials.ts'
import {
  allows,
  checkAccount,
  hasAccount,
  levels,
  type Principal,
} from '../../../access/principal.ts'
import { secretHash } from '../../../access/tokens.ts'
import { ApiError } from '../../../errors.ts'
import { parseUuid } from '../../../ids.ts'
import { countKeys, createKey, deleteKey, listKeys } from '../../../store/access/api-keys.ts'
import type { Api } from '../../core/api.ts'
import { inBatches, sendList } from '../../core/list.ts'
import { checkNumber } from '../../core/number-limit.ts'

const prefixLength = keyStart.length + 8

/**
 * Administrators see all keys, other callers their own.
 * Contract: throws 403 for others without an account.
 */
function whose(principal: Principal) {
  const { orgId, userId, level } = principal
  if (level === 'admin') return { orgId, userId: undefined }
  if (!hasAccount(principal)) throw new ApiError('account_required')
  return { orgId, userId }
}

/** Requires a user or a key with admin access: other keys could outlive themselves. */
function checkKeeper({ kind, level }: Principal) {
  if (kind === 'anonymous') throw new ApiError('authentication_off')
  if (kind === 'key' && level !== 'admin') throw new ApiError('forbidden', 'admin')
}

/**
 * The scopes of a new key: without any in the request, those of the key that makes it, or `*` for a
 * user's.
 * Contract: throws 403 for more than the maker has. `*` is more than `admin`: it may make owners.
 */
function scopesOf(wanted: Scope[] | null | undefined, { level, key }: Principal): Scope[] {
  const scopes = wanted ?? key?.scopes ?? ['*']
  const most = levels.findLast((one) => scopes.includes(one))
  if (most !== undefined && !allows(level, most)) throw new ApiError('forbidden', most)
  if (key && scopes.includes('*') && !key.scopes.includes('*')) throw new ApiError('forbidden', '*')
  return [...new Set(scopes)]
}

const ancestorsMax = 10

/** The creating key. Contract: throws 403 at the maximum depth of a chain. */
function parentOf({ id, key }: Principal): string | null {
  if (!key) return null
  if (key.ancestors.length < ancestorsMax) return id
  throw new ApiError('keys_nested_too_deep', String(ancestorsMax))
}

type Creation = Pick<FastifyRequest<{ Body: NewApiKey }>, 'body' | 'principal' | 'db'>

async function newKey({ body, principal, db }: Creation, scopes: Scope[]) {
  const key = keyStart + randomBytes(32).toString('hex')
  const stored = await createKey(db, principal.orgId, {
    userId: principal.userId,
    name: body.name,
    prefix: `${key.slice(0, prefixLength)}...`,
    hash: secretHash(key),
    scopes,
    days: body.expires_in_days ?? null,
    parentId: parentOf(principal),
  })
  const { user_id: _, last_used_at: __, ...made } = stored
  return { ...made, key }
}

export function apiKeyRoutes({ app, node: { config } }: Api): void {
  app.route<{ Querystring: PageQuery }>({
    method: 'GET',
    url: '/v1/auth/api-keys',
    schema: {
      operationId: 'list_api_keys',
      querystring: PageQuery,
      response: { 200: ApiKeyPage, '4xx': ErrorResponse },
    },
    handler({ query, principal, db }, reply) {
      const of = whose(principal)
      return sendList(reply, query, {
        batches: inBatches((span) => listKeys(db, of, span)),
        count: () => countKeys(db, of),
      })
    },
  })

  app.route<{ Body: NewApiKey }>({
    method: 'POST',
    url: '/v1/auth/api-keys',
    config: { access: 'read', answersSecret: true },
    schema: {
      operationId: 'create_api_key',
      body: NewApiKey,
      response: { 201: CreatedApiKey, '4xx': ErrorResponse },
    },
    async handler(request, reply) {
      const { body, principal, db: unit } = request
      checkKeeper(principal)
      checkAccount(principal)
      const scopes = scopesOf(body.scopes, principal)
      const all = { orgId: principal.orgId, userId: undefined }
      await checkNumber({
        max: config.API_KEYS_MAX,
        what: 'API keys',
        count: () => countKeys(unit, all),
      })
      const { key, ...made } = await newKey(request, scopes)
      request.auditNote = {
        target: made.id,
        details: { name: made.name, scopes, parent_id: made.parent_id },
      }
      return reply.code(201).send({ ...made, key })
    },
  })

  app.route<{ Params: { key_id: string } }>({
    method: 'DELETE',
    url: '/v1/auth/api-keys/:key_id',
    config: { access: 'read' },
    schema: {
      operationId: 'delete_api_key',
      response: { '4xx': ErrorResponse },
    },
    async handler({ params, principal, db: unit }, reply) {
      const id = parseUuid('API key', params.key_id)
      checkKeeper(principal)
      await deleteKey(unit, whose(principal), id)
      return reply.code(204).send()
    },
  })
}
