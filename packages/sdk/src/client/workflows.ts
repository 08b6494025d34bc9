import type {
  CancelTurnResponse,
  Event,
  PageQuery,
  Workflow,
  WorkflowDetail,
  WorkflowQuery,
} from '@outlast/contract'
import { type CallOptions, type Http, path } from '../http/http.ts'
import { listOf } from '../http/page.ts'

export function workflows(http: Http) {
  const { call } = http
  return {
    /** Lists turns that have not ended or have failed, newest first. */
    list: (query?: WorkflowQuery, options?: CallOptions) =>
      listOf<Workflow>(http, '/v1/durable/workflows', query, options),
    /** Returns such a turn with an explanation of its state. */
    get: (turnId: string, options?: CallOptions) =>
      call<WorkflowDetail>('GET', path`/v1/durable/workflows/${turnId}`, {}, options),
    /** Lists the events of a turn. */
    listEvents: (turnId: string, query?: PageQuery, options?: CallOptions) =>
      listOf<Event>(http, path`/v1/durable/workflows/${turnId}/events`, query, options),
    /** Cancels this turn, and no other one of its session. */
    cancel: (turnId: string, options?: CallOptions) =>
      call<CancelTurnResponse>('POST', path`/v1/durable/workflows/${turnId}/cancel`, {}, options),
    /** Starts a new turn for the message of a failed one. `turn_not_failed`, `turn_retried`. */
    retry: (turnId: string, options?: CallOptions) =>
      call<WorkflowDetail>('POST', path`/v1/durable/workflows/${turnId}/retry`, {}, options),
  }
}
