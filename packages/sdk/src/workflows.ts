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
    /** One of them, and why it is as it is. */
    get: (turnId: string, options?: CallOptions) =>
      call<WorkflowDetail>('GET', path`/v1/durable/workflows/${turnId}`, {}, options),
    /** The events of one turn. */
    listEvents: (turnId: string, query?: PageQuery, options?: CallOptions) =>
      listOf<Event>(http, path`/v1/durable/workflows/${turnId}/events`, query, options),
    /** Ends the turn, as `sessions.cancelTurn` does for whichever runs. */
    cancel: (turnId: string, options?: CallOptions) =>
      call<CancelTurnResponse>('POST', path`/v1/durable/workflows/${turnId}/cancel`, {}, options),
    /** A new turn for the message of a failed one; `turn_not_failed`, `turn_retried`. */
    retry: (turnId: string, options?: CallOptions) =>
      call<WorkflowDetail>('POST', path`/v1/durable/workflows/${turnId}/retry`, {}, options),
  }
}
