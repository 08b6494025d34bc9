import type {
  CancelTurnResponse,
  Event,
  PageQuery,
  Workflow,
  WorkflowDetail,
  WorkflowQuery,
} from '@outlast/contract'
import { type CallOptions, type Http, path } from './http.ts'
import { listOf } from './page.ts'

export function workflows(http: Http) {
  const { call } = http
  return {
    /** Turns that run, wait, or failed for good. */
    list: (query?: WorkflowQuery, options?: CallOptions) =>
      listOf<Workflow>(http, '/v1/durable/workflows', query, options),
    get: (turnId: string, options?: CallOptions) =>
      call<WorkflowDetail>('GET', path`/v1/durable/workflows/${turnId}`, {}, options),
    listEvents: (turnId: string, query?: PageQuery, options?: CallOptions) =>
      listOf<Event>(http, path`/v1/durable/workflows/${turnId}/events`, query, options),
    cancel: (turnId: string, options?: CallOptions) =>
      call<CancelTurnResponse>('POST', path`/v1/durable/workflows/${turnId}/cancel`, {}, options),
    /** A new turn for the message of one that failed for good. */
    retry: (turnId: string, options?: CallOptions) =>
      call<WorkflowDetail>('POST', path`/v1/durable/workflows/${turnId}/retry`, {}, options),
  }
}
