import type { WaitingItem, WaitingPage, WaitingQuery } from '@outlast/contract'
import type { CallOptions, Http } from '../http/http.ts'
import { type List, listOf } from '../http/page.ts'

export function waiting(http: Http) {
  return {
    /** Lists what waits for a person, the longest wait first. A page has the counts by type. */
    list: (query?: WaitingQuery, options?: CallOptions) =>
      listOf<WaitingItem>(http, '/v1/waiting', query, options) as List<WaitingItem> &
        PromiseLike<WaitingPage>,
  }
}
