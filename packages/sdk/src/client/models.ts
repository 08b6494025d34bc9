import type { Model, ModelChange, ModelQuery, ModelWithProvider } from '@outlast/contract'
import { type CallOptions, type Http, path } from '../http/http.ts'
import { listOf } from '../http/page.ts'

export function models(http: Http) {
  const { call } = http
  return {
    /** Lists the usable models of all providers. */
    list: (query?: ModelQuery, options?: CallOptions) =>
      listOf<ModelWithProvider>(http, '/v1/llm-models', query, options),
    /** Returns a model. `not_found` for an unknown id. */
    get: (id: string, options?: CallOptions) =>
      call<ModelWithProvider>('GET', path`/v1/llm-models/${id}`, {}, options),
    /** Changes the given properties. */
    update: (id: string, body: ModelChange, options?: CallOptions) =>
      call<Model>('PATCH', path`/v1/llm-models/${id}`, { body }, options),
    /** Deletes a model. `model_in_use` while an agent or a session names it. */
    delete: (id: string, options?: CallOptions) =>
      call<void>('DELETE', path`/v1/llm-models/${id}`, {}, options),
  }
}
