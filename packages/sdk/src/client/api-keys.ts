import type { ApiKey, CreatedApiKey, NewApiKey, PageQuery } from '@outlast/contract'
import { type CallOptions, type Http, path } from '../http/http.ts'
import { listOf } from '../http/page.ts'

export function apiKeys(http: Http) {
  const { call } = http
  return {
    /** Lists the caller's keys, for administrators all of the organization, without secrets. */
    list: (query?: PageQuery, options?: CallOptions) =>
      listOf<ApiKey>(http, '/v1/auth/api-keys', query, options),
    /** Creates a key. Only this response contains its secret. */
    create: (body: NewApiKey, options?: CallOptions) =>
      call<CreatedApiKey>('POST', '/v1/auth/api-keys', { body }, options),
    /** Revokes a key. All nodes refuse it within a second. */
    delete: (id: string, options?: CallOptions) =>
      call<void>('DELETE', path`/v1/auth/api-keys/${id}`, {}, options),
  }
}
