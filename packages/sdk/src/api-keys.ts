import type { ApiKey, CreatedApiKey, NewApiKey, PageQuery } from '@outlast/contract'
import { type CallOptions, type Http, path } from './http.ts'
import { listOf } from './page.ts'

export function apiKeys(http: Http) {
  const { call } = http
  return {
    /** Metadata of one's keys, for an administrator of all in the organization; not the keys. */
    list: (query?: PageQuery, options?: CallOptions) =>
      listOf<ApiKey>(http, '/v1/auth/api-keys', query, options),
    /** The answer holds the key; it is shown this once. */
    create: (body: NewApiKey, options?: CallOptions) =>
      call<CreatedApiKey>('POST', '/v1/auth/api-keys', { body }, options),
    /** The key is refused from now on, everywhere within a second. */
    delete: (id: string, options?: CallOptions) =>
      call<void>('DELETE', path`/v1/auth/api-keys/${id}`, {}, options),
  }
}
