import {
  ErrorResponse,
  Model,
  ModelChange,
  ModelPage,
  ModelQuery,
  ModelWithProvider,
  ModelWithProviderPage,
  NewModel,
  PageQuery,
} from '@outlast/contract'
import type { Config } from '../../../config.ts'
import { parseId } from '../../../ids.ts'
import { profileOf } from '../../../providers/catalogue.ts'
import { providers } from '../../../providers/index.ts'
import { environmentKey, modelScope } from '../../../providers/keys.ts'
import { modelsMax } from '../../../store/models/discovery.ts'
import {
  countModels,
  countProviderModels,
  createModel,
  deleteModel,
  getModel,
  listModels,
  listProviderModels,
  type ModelRow,
  updateModel,
} from '../../../store/models/models.ts'
import { getProvider } from '../../../store/models/providers.ts'
import type { Api } from '../../core/api.ts'
import { sendList } from '../../core/list.ts'
import { checkNumber } from '../../core/number-limit.ts'

type Params = { id: string }
type OfProvider = { provider_id: string }

type ModelViewer = { config: Config; orgId: string }

/** Converts a model to a response: with its profile, and whether it can be called. */
function shownModel({ config, orgId }: ModelViewer, row: ModelRow): ModelWithProvider {
  const { provider_status: status, is_equipped, ...model } = row
  const { provider_type: type } = model
  const profile = profileOf(type, model.model_id)
  const needsKey = !providers[type].local && !is_equipped
  const hasKey = environmentKey(config, { orgId, type, baseUrl: null }) !== undefined
  return {
    ...model,
    enabled: model.status === 'active',
    healthy: status === 'active' && (!needsKey || hasKey),
    ...(profile && { profile }),
  }
}

async function* shownModels(place: ModelViewer, batches: AsyncIterable<ModelRow[]>) {
  for await (const models of batches) yield models.map((model) => shownModel(place, model))
}

export function modelRoutes(api: Api): void {
  providerModelRoutesAt(api, '/v1/llm-providers', false)
  providerModelRoutesAt(api, '/v1/providers', true)
  modelRoutesAt(api, '/v1/llm-models', false)
  modelRoutesAt(api, '/v1/models', true)
}

function providerModelRoutesAt({ app }: Api, base: string, hide: boolean): void {
  app.route<{ Params: OfProvider; Querystring: PageQuery }>({
    method: 'GET',
    url: `${base}/:provider_id/models`,
    schema: {
      operationId: 'list_provider_models',
      hide,
      querystring: PageQuery,
      response: { 200: ModelPage, '4xx': ErrorResponse },
    },
    async handler({ params, query, principal: { orgId }, db }, reply) {
      const { id } = await getProvider(db, orgId, parseId('provider', params.provider_id))
      return sendList(reply, query, {
        batches: (range) => listProviderModels(db, orgId, id, range),
        count: () => countProviderModels(db, orgId, id),
      })
    },
  })

  app.route<{ Params: OfProvider; Body: NewModel }>({
    method: 'POST',
    url: `${base}/:provider_id/models`,
    config: { access: 'admin' },
    schema: {
      operationId: 'create_model',
      hide,
      body: NewModel,
      response: { 201: Model, '4xx': ErrorResponse },
    },
    async handler({ params, body, principal: { orgId }, db }, reply) {
      const providerId = parseId('provider', params.provider_id)
      await checkNumber({
        max: modelsMax,
        what: 'models of a provider',
        count: () => countProviderModels(db, orgId, providerId),
      })
      return reply.code(201).send(await createModel(db, { orgId, providerId }, body))
    },
  })
}

function modelRoutesAt({ app, node: { config } }: Api, base: string, hide: boolean): void {
  app.route<{ Querystring: ModelQuery }>({
    method: 'GET',
    url: base,
    schema: {
      operationId: 'list_all_models',
      hide,
      querystring: ModelQuery,
      response: { 200: ModelWithProviderPage, '4xx': ErrorResponse },
    },
    async handler({ query, principal: { orgId }, db }, reply) {
      return sendList(reply, query, {
        batches: (range) =>
          shownModels({ config, orgId }, listModels(db, modelScope(config, orgId), query, range)),
        count: () => countModels(db, modelScope(config, orgId), query),
      })
    },
  })

  app.route<{ Params: Params }>({
    method: 'GET',
    url: `${base}/:id`,
    schema: {
      operationId: 'get_model',
      hide,
      response: { 200: ModelWithProvider, '4xx': ErrorResponse },
    },
    async handler({ params, principal: { orgId }, db }) {
      const model = await getModel(db, orgId, parseId('model', params.id))
      return shownModel({ config, orgId }, model)
    },
  })

  app.route<{ Params: Params; Body: ModelChange }>({
    method: 'PATCH',
    url: `${base}/:id`,
    config: { access: 'admin' },
    schema: {
      operationId: 'update_model',
      hide,
      body: ModelChange,
      response: { 200: Model, '4xx': ErrorResponse },
    },
    async handler({ params, principal: { orgId }, body, db }) {
      return updateModel(db, { orgId, id: parseId('model', params.id) }, body)
    },
  })

  app.route<{ Params: Params }>({
    method: 'DELETE',
    url: `${base}/:id`,
    config: { access: 'admin' },
    schema: {
      operationId: 'delete_model',
      hide,
      response: { '4xx': ErrorResponse },
    },
    async handler({ params, principal, db }, reply) {
      await deleteModel(db, principal.orgId, parseId('model', params.id))
      return reply.code(204).send()
    },
  })
}
