import { ErrorResponse, ModelSync, ProviderTest, ProviderTestResult } from '@outlast/contract'
import type { FastifyRequest } from 'fastify'
import { ApiError } from '../../../errors.ts'
import { parseId } from '../../../ids.ts'
import { discoverModels } from '../../../providers/discovery.ts'
import type { ModelList } from '../../../providers/provider.ts'
import { tryModel } from '../../../runtime/model/probe.ts'
import type { Node } from '../../../runtime/node.ts'
import { createShares, type Shares } from '../../../shares.ts'
import type { Db } from '../../../store/database.ts'
import { getProviderPlace, saveDiscovered } from '../../../store/models/discovery.ts'
import { getTrialRoute } from '../../../store/models/models.ts'
import type { Api } from '../../core/api.ts'
import { checkKeyText } from './providers.ts'

type Params = { id: string }

/** Limits of concurrent vendor requests, per node and per organization. */
const hostLimits = { slots: 64, slotsEach: 16, waitingMax: 0, waitingEachMax: 0 }
const retrySeconds = 5

/** Operations that call a provider's server before their transaction, which waits for no vendor. */
export function vendorRoutes(api: Api): void {
  const shares = createHostShares()
  vendorRoutesAt(api, shares, { base: '/v1/llm-providers', hide: false })
  vendorRoutesAt(api, shares, { base: '/v1/providers', hide: true })
}

/** Limits requests to hosts of organizations. Contract: throws 429 at once when no slot is free. */
export const createHostShares = (): Shares =>
  createShares(hostLimits, () => {
    return new ApiError('rate_limited', String(retrySeconds), undefined, retrySeconds)
  })

type At = { base: string; hide: boolean }

function vendorRoutesAt({ app, node }: Api, shares: Shares, { base, hide }: At): void {
  const lists = new WeakMap<FastifyRequest, ModelList>()
  const results = new WeakMap<FastifyRequest, ProviderTestResult>()

  app.route<{ Params: Params }>({
    method: 'POST',
    url: `${base}/:id/sync-models`,
    config: { access: 'admin', callsOut: true },
    schema: {
      operationId: 'sync_models',
      hide,
      response: { 200: ModelSync, '4xx': ErrorResponse, 502: ErrorResponse },
    },
    async preHandler(request) {
      const id = parseId('provider', request.params.id)
      const { principal, db } = request
      const { orgId } = principal
      const list = await shares.run(orgId, () => discover({ ...node, db }, orgId, id))
      lists.set(request, list)
    },
    async handler(request) {
      const providerId = parseId('provider', request.params.id)
      const { orgId } = request.principal
      return saveDiscovered(request.db, { orgId, providerId }, lists.get(request)!)
    },
  })

  app.route<{ Params: Params; Body: ProviderTest }>({
    method: 'POST',
    url: `${base}/:id/test`,
    config: { access: 'admin', callsOut: true, bodyOptional: true },
    schema: {
      operationId: 'test_provider',
      hide,
      body: ProviderTest,
      response: { 200: ProviderTestResult, '4xx': ErrorResponse },
    },
    async preHandler(request) {
      const { orgId } = request.principal
      const providerId = parseId('provider', request.params.id)
      const wanted = request.body.model_id ?? undefined
      const key = request.body.api_key ?? undefined
      if (key !== undefined) checkKeyText(key)
      const route = await getTrialRoute(request.db, { orgId, providerId }, wanted)
      results.set(request, await shares.run(orgId, () => tryModel(node, orgId, route, key)))
    },
    async handler(request) {
      const result = results.get(request)!
      request.auditNote = { target: request.params.id, details: { ok: result.ok } }
      return result
    },
  })
}

type Discovering = Omit<Node, 'db'> & { db: Db }

async function discover(node: Discovering, orgId: string, id: string): Promise<ModelList> {
  const { provider_type: type, base_url, api_key } = await getProviderPlace(node.db, orgId, id)
  return discoverModels(node, { orgId, id, type, baseUrl: base_url, sealed: api_key })
}
