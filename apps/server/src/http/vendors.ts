import { ErrorResponse, ModelSync, ProviderTest, ProviderTestResult } from '@outlast/contract'
import type { FastifyRequest } from 'fastify'
import { ApiError } from '../errors.ts'
import { parseId } from '../ids.ts'
import { discoverModels } from '../providers/discovery.ts'
import type { ModelList } from '../providers/provider.ts'
import type { Node } from '../runtime/node.ts'
import { tryModel } from '../runtime/try-model.ts'
import { getProviderPlace, saveDiscovered } from '../store/discovery.ts'
import { getTrialRoute } from '../store/models.ts'
import type { Api } from './api.ts'

type Params = { id: string }

const tags = ['llm-providers']
/** Requests of this node that wait for a vendor at once. */
const askingMax = 16
const retrySeconds = 5

/** Operations that ask a provider's server something: before their transaction begins, so that none waits for a vendor. */
export function vendorRoutes(api: Api): void {
  const asking = createGate()
  vendorRoutesAt(api, asking, { base: '/v1/llm-providers', hide: false })
  vendorRoutesAt(api, asking, { base: '/v1/providers', hide: true })
}

export type Gate = <T>(work: () => Promise<T>) => Promise<T>

/** Contract: throws 429 when too many are inside. */
export function createGate(): Gate {
  let inside = 0
  return async (work) => {
    if (inside >= askingMax) {
      throw new ApiError('rate_limited', String(retrySeconds), undefined, retrySeconds)
    }
    inside += 1
    return work().finally(() => {
      inside -= 1
    })
  }
}

type At = { base: string; hide: boolean }

function vendorRoutesAt({ app, node }: Api, asking: Gate, { base, hide }: At): void {
  const lists = new WeakMap<FastifyRequest, ModelList>()
  const results = new WeakMap<FastifyRequest, ProviderTestResult>()

  app.route<{ Params: Params }>({
    method: 'POST',
    url: `${base}/:id/sync-models`,
    config: { access: 'admin' },
    schema: {
      operationId: 'sync_models',
      summary: 'Ask the vendor which models it has, and add those that are new.',
      tags,
      hide,
      response: { 200: ModelSync, '4xx': ErrorResponse, 502: ErrorResponse },
    },
    async preHandler(request) {
      const id = parseId('provider', request.params.id)
      const list = await asking(() => discover(node, request.principal.orgId, id))
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
    config: { access: 'admin', bodyOptional: true },
    schema: {
      operationId: 'test_provider',
      summary: 'Make one tiny call of a model, and say what is wrong if it fails.',
      tags,
      hide,
      body: ProviderTest,
      response: { 200: ProviderTestResult, '4xx': ErrorResponse },
    },
    async preHandler(request) {
      const { orgId } = request.principal
      const providerId = parseId('provider', request.params.id)
      const wanted = request.body.model_id ?? undefined
      const route = await getTrialRoute(node.db, { orgId, providerId }, wanted)
      results.set(request, await asking(() => tryModel(node, orgId, route)))
    },
    async handler(request) {
      const result = results.get(request)!
      request.auditNote = { target: request.params.id, details: { ok: result.ok } }
      return result
    },
  })
}

async function discover(node: Node, orgId: string, id: string): Promise<ModelList> {
  const { provider_type: type, base_url, api_key } = await getProviderPlace(node.db, orgId, id)
  return discoverModels(node, { orgId, id, type, baseUrl: base_url, sealed: api_key })
}
