import type { Harness, HarnessExamples, HarnessQuery } from '@outlast/contract'
import { type CallOptions, type Http, path } from '../http/http.ts'
import { listOf } from '../http/page.ts'

export function harnesses(http: Http) {
  const { call } = http
  return {
    /** Lists the one built-in harness. */
    list: (query?: HarnessQuery, options?: CallOptions) =>
      listOf<Harness>(http, '/v1/harnesses', query, options),
    /** Returns the built-in harness by its id, or as `base`, `generic` or `default`. */
    get: (idOrName: string, options?: CallOptions) =>
      call<Harness>('GET', path`/v1/harnesses/${idOrName}`, {}, options),
    /** Lists harnesses to start from: none. */
    examples: (options?: CallOptions) =>
      call<HarnessExamples>('GET', '/v1/harness-examples', {}, options),
  }
}
