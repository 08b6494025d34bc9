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
    /** Those of the organization. */
    list: (query?: ScheduleQuery, options?: CallOptions) =>
      listOf<Schedule>(http, '/v1/durable/schedules', query, options),
    /** Creates one; `schedule_exists` if the name is taken, `invalid_cron` with the fault. */
    create: (body: NewSchedule, options?: CallOptions) =>
      call<Schedule>('POST', '/v1/durable/schedules', { body }, options),
    /** `not_found` if there is none of this id. */
    get: (id: string, options?: CallOptions) =>
      call<Schedule>('GET', path`/v1/durable/schedules/${id}`, {}, options),
    /** Changes what is given. */
    update: (id: string, body: ScheduleChange, options?: CallOptions) =>
      call<Schedule>('PATCH', path`/v1/durable/schedules/${id}`, { body }, options),
    /** What it has begun goes on. */
    delete: (id: string, options?: CallOptions) =>
      call<void>('DELETE', path`/v1/durable/schedules/${id}`, {}, options),
    /** Its times pass by until `resume`. */
    pause: (id: string, options?: CallOptions) =>
      call<Schedule>('POST', path`/v1/durable/schedules/${id}/pause`, {}, options),
    /** It goes on with its next time. */
    resume: (id: string, options?: CallOptions) =>
      call<Schedule>('POST', path`/v1/durable/schedules/${id}/resume`, {}, options),
    /** Runs it now, beside its times. */
    trigger: (id: string, options?: CallOptions) =>
      call<Triggered>('POST', path`/v1/durable/schedules/${id}/trigger`, {}, options),
    /** What came of its times, the latest first. */
    listExecutions: (id: string, query?: ExecutionQuery, options?: CallOptions) =>
      listOf<Execution>(http, path`/v1/durable/schedules/${id}/executions`, query, options),
    /** Counts of them. */
    getStats: (id: string, options?: CallOptions) =>
      call<ScheduleStats>('GET', path`/v1/durable/schedules/${id}/stats`, {}, options),
    /** What came of one time, or of a trigger. */
    getExecution: (executionId: string, options?: CallOptions) =>
      call<Execution>('GET', path`/v1/durable/executions/${executionId}`, {}, options),
  }
}
