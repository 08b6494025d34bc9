import type { CapabilityInfo, CapabilityQuery } from '@outlast/contract'
import { type CallOptions, type Http, path } from '../http/http.ts'
import { listOf } from '../http/page.ts'

export function capabilities(http: Http) {
  const { call } = http
  return {
    /** Lists the capabilities that agents can use, with the JSON Schemas of their configs. */
    list: (query?: CapabilityQuery, options?: CallOptions) =>
      listOf<CapabilityInfo>(http, '/v1/capabilities', query, options),
    /** Returns a capability. `not_found` for an unknown id. */
    get: (id: string, options?: CallOptions) =>
      call<CapabilityInfo>('GET', path`/v1/capabilities/${id}`, {}, options),
  }
}
