import type {
  DurableHealth,
  PageQuery,
  TurnHistory,
  TurnHistoryQuery,
  Worker,
} from '@outlast/contract'
import { type CallOptions, type Http, path } from './http.ts'
import { listOf } from './page.ts'

export function workers(http: Http) {
  const { call } = http
  return {
    /** The nodes. For whoever runs the server. */
    list: (query?: PageQuery, options?: CallOptions) =>
      listOf<Worker>(http, '/v1/durable/workers', query, options),
    /** It takes no more turns. */
    drain: (id: string, options?: CallOptions) =>
      call<Worker>('POST', path`/v1/durable/workers/${id}/drain`, {}, options),
    /** It takes turns again. */
    resume: (id: string, options?: CallOptions) =>
      call<Worker>('POST', path`/v1/durable/workers/${id}/resume`, {}, options),
    /** How the nodes do, and what waits. */
    getHealth: (options?: CallOptions) =>
      call<DurableHealth>('GET', '/v1/durable/health', {}, options),
    /** Counts and times of turns over the last minutes on all nodes. For operators. */
    getHistory: (query: TurnHistoryQuery = {}, options?: CallOptions) =>
      call<TurnHistory>('GET', '/v1/durable/history', { query }, options),
  }
}
