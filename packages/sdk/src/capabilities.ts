import type { CapabilityInfo, PageQuery } from '@outlast/contract'
import { type CallOptions, type Http, path } from './http.ts'
import { listOf } from './page.ts'

export function capabilities(http: Http) {
  const { call } = http
  return {
    /** What agents can be given, with the JSON Schema of its config. */
    list: (query?: PageQuery, options?: CallOptions) =>
      listOf<CapabilityInfo>(http, '/v1/capabilities', query, options),
    /** One of them; `not_found` if there is none. */
    get: (id: string, options?: CallOptions) =>
      call<CapabilityInfo>('GET', path`/v1/capabilities/${id}`, {}, options),
  }
}
