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
import { type CallOptions, type Http, path } from './http.ts'
import { listOf } from './page.ts'

export function providers(http: Http) {
  const { call } = http
  return {
    /** Accounts at vendors of models. Keys are never told. */
    list: (query?: PageQuery, options?: CallOptions) =>
      listOf<Provider>(http, '/v1/llm-providers', query, options),
    /** Adds one. */
    create: (body: NewProvider, options?: CallOptions) =>
      call<Provider>('POST', '/v1/llm-providers', { body }, options),
    /** `not_found` if there is none of this id. */
    get: (id: string, options?: CallOptions) =>
      call<Provider>('GET', path`/v1/llm-providers/${id}`, {}, options),
    /** Changes what is given. */
    update: (id: string, body: ProviderChange, options?: CallOptions) =>
      call<Provider>('PATCH', path`/v1/llm-providers/${id}`, { body }, options),
    /** Deletes it and its models; `model_in_use` while an agent or a session names one. */
    delete: (id: string, options?: CallOptions) =>
      call<void>('DELETE', path`/v1/llm-providers/${id}`, {}, options),
    /** Asks the vendor for its models; `provider_failed` if that fails, which is not retried. */
    syncModels: (id: string, options?: CallOptions) =>
      call<ModelSync>('POST', path`/v1/llm-providers/${id}/sync-models`, {}, options),
    /** Makes one tiny call and says what is wrong. */
    test: (id: string, body: ProviderTest = {}, options?: CallOptions) =>
      call<ProviderTestResult>('POST', path`/v1/llm-providers/${id}/test`, { body }, options),
    /** Models of one provider. */
    listModels: (id: string, query?: PageQuery, options?: CallOptions) =>
      listOf<Model>(http, path`/v1/llm-providers/${id}/models`, query, options),
    /** Adds a model by hand; `model_exists` if it is there. */
    createModel: (id: string, body: NewModel, options?: CallOptions) =>
      call<Model>('POST', path`/v1/llm-providers/${id}/models`, { body }, options),
  }
}
