import type {
  Execution,
  ExecutionQuery,
  NewSchedule,
  Schedule,
  ScheduleChange,
  ScheduleQuery,
  ScheduleStats,
  Triggered,
} from '@outlast/contract'
import { type CallOptions, type Http, path } from './http.ts'
import { listOf } from './page.ts'

export function schedules(http: Http) {
  const { call } = http
  return {
    list: (query?: ScheduleQuery, options?: CallOptions) =>
      listOf<Schedule>(http, '/v1/durable/schedules', query, options),
    create: (body: NewSchedule, options?: CallOptions) =>
      call<Schedule>('POST', '/v1/durable/schedules', { body }, options),
    get: (id: string, options?: CallOptions) =>
      call<Schedule>('GET', path`/v1/durable/schedules/${id}`, {}, options),
    update: (id: string, body: ScheduleChange, options?: CallOptions) =>
      call<Schedule>('PATCH', path`/v1/durable/schedules/${id}`, { body }, options),
    delete: (id: string, options?: CallOptions) =>
      call<void>('DELETE', path`/v1/durable/schedules/${id}`, {}, options),
    pause: (id: string, options?: CallOptions) =>
      call<Schedule>('POST', path`/v1/durable/schedules/${id}/pause`, {}, options),
    resume: (id: string, options?: CallOptions) =>
      call<Schedule>('POST', path`/v1/durable/schedules/${id}/resume`, {}, options),
    /** Runs it now, beside its times. */
    trigger: (id: string, options?: CallOptions) =>
      call<Triggered>('POST', path`/v1/durable/schedules/${id}/trigger`, {}, options),
    listExecutions: (id: string, query?: ExecutionQuery, options?: CallOptions) =>
      listOf<Execution>(http, path`/v1/durable/schedules/${id}/executions`, query, options),
    getStats: (id: string, options?: CallOptions) =>
      call<ScheduleStats>('GET', path`/v1/durable/schedules/${id}/stats`, {}, options),
    getExecution: (executionId: string, options?: CallOptions) =>
      call<Execution>('GET', path`/v1/durable/executions/${executionId}`, {}, options),
  }
}
