import type { Model, ModelChange, ModelQuery, ModelWithProvider } from '@outlast/contract'
import { type CallOptions, type Http, path } from './http.ts'
import { listOf } from './page.ts'

export function models(http: Http) {
  const { call } = http
  return {
    /** Models of all providers that can be used. */
    list: (query?: ModelQuery, options?: CallOptions) =>
      listOf<ModelWithProvider>(http, '/v1/llm-models', query, options),
    /** `not_found` if there is none of this id. */
    get: (id: string, options?: CallOptions) =>
      call<ModelWithProvider>('GET', path`/v1/llm-models/${id}`, {}, options),
    /** Changes what is given. */
    update: (id: string, body: ModelChange, options?: CallOptions) =>
      call<Model>('PATCH', path`/v1/llm-models/${id}`, { body }, options),
    /** `model_in_use` while an agent or a session names it. */
    delete: (id: string, options?: CallOptions) =>
      call<void>('DELETE', path`/v1/llm-models/${id}`, {}, options),
  }
}
