import type {
  Model,
  ModelSync,
  NewModel,
  NewProvider,
  PageQuery,
  Provider,
  ProviderChange,
  ProviderTest,
  ProviderTestResult,
} from '@outlast/contract'
import { type CallOptions, type Http, path } from '../http/http.ts'
import { listOf } from '../http/page.ts'

export function providers(http: Http) {
  const { call } = http
  return {
    /** Lists the providers of models, without their keys. */
    list: (query?: PageQuery, options?: CallOptions) =>
      listOf<Provider>(http, '/v1/llm-providers', query, options),
    /** Adds a provider. */
    create: (body: NewProvider, options?: CallOptions) =>
      call<Provider>('POST', '/v1/llm-providers', { body }, options),
    /** Returns a provider. `not_found` for an unknown id. */
    get: (id: string, options?: CallOptions) =>
      call<Provider>('GET', path`/v1/llm-providers/${id}`, {}, options),
    /** Changes the given properties. */
    update: (id: string, body: ProviderChange, options?: CallOptions) =>
      call<Provider>('PATCH', path`/v1/llm-providers/${id}`, { body }, options),
    /** Deletes a provider and its models. `model_in_use` while an agent or session names one. */
    delete: (id: string, options?: CallOptions) =>
      call<void>('DELETE', path`/v1/llm-providers/${id}`, {}, options),
    /** Adds models that the vendor lists. `provider_failed` is not retried. */
    syncModels: (id: string, options?: CallOptions) =>
      call<ModelSync>('POST', path`/v1/llm-providers/${id}/sync-models`, {}, options),
    /** Makes a small model call and reports its result. */
    test: (id: string, body: ProviderTest = {}, options?: CallOptions) =>
      call<ProviderTestResult>('POST', path`/v1/llm-providers/${id}/test`, { body }, options),
    /** Lists the models of a provider, disabled ones too. */
    listModels: (id: string, query?: PageQuery, options?: CallOptions) =>
      listOf<Model>(http, path`/v1/llm-providers/${id}/models`, query, options),
    /** Adds a model. `model_exists` if the provider has it. */
    createModel: (id: string, body: NewModel, options?: CallOptions) =>
      call<Model>('POST', path`/v1/llm-providers/${id}/models`, { body }, options),
  }
}
