import type {
  DurableHealth,
  PageQuery,
  TurnHistory,
  TurnHistoryQuery,
  Worker,
} from '@outlast/contract'
import { type CallOptions, type Http, path } from '../http/http.ts'
import { listOf } from '../http/page.ts'

export function workers(http: Http) {
  const { call } = http
  return {
    /** Lists the nodes. Requires the operator. */
    list: (query?: PageQuery, options?: CallOptions) =>
      listOf<Worker>(http, '/v1/durable/workers', query, options),
    /** Drains a node: it takes no new turns. Requires the operator. */
    drain: (id: string, options?: CallOptions) =>
      call<Worker>('POST', path`/v1/durable/workers/${id}/drain`, {}, options),
    /** Resumes a node: it takes turns again. Requires the operator. */
    resume: (id: string, options?: CallOptions) =>
      call<Worker>('POST', path`/v1/durable/workers/${id}/resume`, {}, options),
    /** Returns counts of turns, and for operators of nodes. */
    getHealth: (options?: CallOptions) =>
      call<DurableHealth>('GET', '/v1/durable/health', {}, options),
    /** Returns counts and times of ended turns on all nodes. Requires the operator. */
    getHistory: (query: TurnHistoryQuery = {}, options?: CallOptions) =>
      call<TurnHistory>('GET', '/v1/durable/history', { query }, options),
  }
}
