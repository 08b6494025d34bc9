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
import { type CallOptions, type Http, path } from '../http/http.ts'
import { listOf } from '../http/page.ts'

export function schedules(http: Http) {
  const { call } = http
  return {
    /** Lists the schedules of the organization, newest first. */
    list: (query?: ScheduleQuery, options?: CallOptions) =>
      listOf<Schedule>(http, '/v1/durable/schedules', query, options),
    /** Creates a schedule. `schedule_exists` for its name; `invalid_cron`. */
    create: (body: NewSchedule, options?: CallOptions) =>
      call<Schedule>('POST', '/v1/durable/schedules', { body }, options),
    /** Returns a schedule. `not_found` for an unknown id. */
    get: (id: string, options?: CallOptions) =>
      call<Schedule>('GET', path`/v1/durable/schedules/${id}`, {}, options),
    /** Changes the given properties. */
    update: (id: string, body: ScheduleChange, options?: CallOptions) =>
      call<Schedule>('PATCH', path`/v1/durable/schedules/${id}`, { body }, options),
    /** Deletes a schedule and its executions. Running turns continue. */
    delete: (id: string, options?: CallOptions) =>
      call<void>('DELETE', path`/v1/durable/schedules/${id}`, {}, options),
    /** Pauses a schedule. Its times until `resume` are skipped. */
    pause: (id: string, options?: CallOptions) =>
      call<Schedule>('POST', path`/v1/durable/schedules/${id}/pause`, {}, options),
    /** Resumes a schedule with its next time. */
    resume: (id: string, options?: CallOptions) =>
      call<Schedule>('POST', path`/v1/durable/schedules/${id}/resume`, {}, options),
    /** Starts an execution now, in addition to its times. */
    trigger: (id: string, options?: CallOptions) =>
      call<Triggered>('POST', path`/v1/durable/schedules/${id}/trigger`, {}, options),
    /** Lists the executions of a schedule, newest first. */
    listExecutions: (id: string, query?: ExecutionQuery, options?: CallOptions) =>
      listOf<Execution>(http, path`/v1/durable/schedules/${id}/executions`, query, options),
    /** Returns counts of the stored executions. */
    getStats: (id: string, options?: CallOptions) =>
      call<ScheduleStats>('GET', path`/v1/durable/schedules/${id}/stats`, {}, options),
    /** Returns an execution. `not_found` for an unknown id. */
    getExecution: (executionId: string, options?: CallOptions) =>
      call<Execution>('GET', path`/v1/durable/executions/${executionId}`, {}, options),
  }
}
