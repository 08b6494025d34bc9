import { type Static, Type } from 'typebox'
import { AgentId, ModelId, SessionId, Timestamp, TurnId, Uuid } from './id.ts'
import { Controls, InputContentPart } from './message.ts'
import { Anything, count, nullable, oneOf, optional, PageQuery, pageOf } from './shape.ts'

const integerMax = 2_147_483_647

/** What a schedule does at each of its times: `workflow` and `activity` mean the same. */
export const ScheduleTarget = Type.Object(
  {
    type: Type.String({ maxLength: 100, description: '`workflow` or `activity`.' }),
    name: Type.String({ maxLength: 100, description: '`send_message` or `start_session`.' }),
    input: Type.Optional(Anything),
  },
  { title: 'ScheduleTarget' },
)
export type ScheduleTarget = Static<typeof ScheduleTarget>

const KeptTarget = Type.Object(
  { type: Type.String(), name: Type.String(), input: Anything },
  { title: 'ScheduleTargetResponse' },
)

/** What is said: a text, or content as in a message. One of the two. */
const said = {
  text: optional(Type.String({ minLength: 1 })),
  message: optional(
    Type.Union([
      Type.String({ minLength: 1 }),
      Type.Object({ content: Type.Array(InputContentPart, { minItems: 1, maxItems: 1000 }) }),
    ]),
  ),
}

/** Input of the target `send_message`. */
export const SendMessageInput = Type.Object(
  {
    session_id: SessionId,
    ...said,
    on_busy: optional(oneOf('queue', 'reject')),
    controls: optional(Controls),
  },
  { title: 'SendMessageInput' },
)
export type SendMessageInput = Static<typeof SendMessageInput>

/** Input of the target `start_session`. */
export const StartSessionInput = Type.Object(
  {
    agent_id: AgentId,
    ...said,
    title: optional(Type.String({ maxLength: 255 })),
    tags: optional(Type.Array(Type.String({ maxLength: 100 }), { maxItems: 50 })),
    model_id: optional(ModelId),
  },
  { title: 'StartSessionInput' },
)
export type StartSessionInput = Static<typeof StartSessionInput>

/** Of a policy for retries, what is gone by; the rest is kept as it is. */
export const RetryPolicy = Type.Object(
  { max_attempts: optional(Type.Integer({ minimum: 1, maximum: 20 })) },
  { title: 'RetryPolicy' },
)

const expression = Type.String({
  minLength: 1,
  maxLength: 255,
  description: '5 fields; 6 with seconds first; 7 with the year last.',
  examples: ['0 9 * * MON-FRI'],
})
const timezone = Type.String({
  minLength: 1,
  maxLength: 64,
  description: 'A name of the IANA time zone database.',
  examples: ['Europe/Kyiv'],
})
const description = Type.String({ maxLength: 10_000 })
const limit = Type.Integer({ minimum: 0, maximum: integerMax })

/** Something that an agent does by the clock. */
export const Schedule = Type.Object(
  {
    id: Uuid,
    name: Type.String(),
    description: optional(Type.String()),
    cron_expression: Type.String(),
    timezone: Type.String(),
    target: KeptTarget,
    enabled: Type.Boolean(),
    catch_up_missed: Type.Boolean(),
    max_catch_up: optional(count()),
    max_concurrent: optional(count()),
    retry_policy: Type.Optional(Anything),
    next_trigger_at: nullable(Timestamp),
    last_triggered_at: optional(Timestamp),
    paused_reason: optional(Type.String({ description: 'Why it was paused by itself.' })),
    created_at: Timestamp,
    updated_at: Timestamp,
  },
  { title: 'ScheduleResponse' },
)
export type Schedule = Static<typeof Schedule>
export const SchedulePage = pageOf(Schedule, 'SchedulesListResponse')

export const NewSchedule = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 255 }),
    description: optional(description),
    cron_expression: expression,
    timezone: Type.Optional(timezone),
    target: ScheduleTarget,
    enabled: Type.Optional(Type.Boolean()),
    catch_up_missed: Type.Optional(Type.Boolean()),
    max_catch_up: optional(limit),
    max_concurrent: optional(limit),
    retry_policy: Type.Optional(Anything),
  },
  { title: 'CreateScheduleRequest' },
)
export type NewSchedule = Static<typeof NewSchedule>

/** Absent or `null`: unchanged. */
export const ScheduleChange = Type.Object(
  {
    description: optional(description),
    cron_expression: optional(expression),
    timezone: optional(timezone),
    target: optional(ScheduleTarget),
    enabled: optional(Type.Boolean()),
    catch_up_missed: optional(Type.Boolean()),
    max_catch_up: optional(limit),
    max_concurrent: optional(limit),
    retry_policy: Type.Optional(Anything),
  },
  { title: 'UpdateScheduleRequest' },
)
export type ScheduleChange = Static<typeof ScheduleChange>

export const ScheduleQuery = Type.Object({
  ...PageQuery.properties,
  enabled: Type.Optional(Type.Boolean()),
  target_type: Type.Optional(oneOf('workflow', 'activity')),
})
export type ScheduleQuery = Static<typeof ScheduleQuery>

export const ExecutionStatus = oneOf('pending', 'running', 'completed', 'failed', 'skipped')
export type ExecutionStatus = Static<typeof ExecutionStatus>

/** One time of a schedule, and what came of it. */
export const Execution = Type.Object(
  {
    id: Uuid,
    schedule_id: Uuid,
    scheduled_at: Timestamp,
    started_at: Timestamp,
    status: ExecutionStatus,
    completed_at: optional(Timestamp),
    duration_ms: optional(Type.Integer()),
    error: optional(Type.String()),
    workflow_id: optional(Uuid),
    task_id: optional(Uuid),
    session_id: optional(SessionId),
    turn_id: optional(TurnId),
    created_at: Timestamp,
  },
  { title: 'ScheduleExecutionResponse' },
)
export type Execution = Static<typeof Execution>
export const ExecutionPage = pageOf(Execution, 'ScheduleExecutionsListResponse')

export const ExecutionQuery = Type.Object({
  ...PageQuery.properties,
  status: Type.Optional(ExecutionStatus),
})
export type ExecutionQuery = Static<typeof ExecutionQuery>

/** Of the executions that are kept. */
export const ScheduleStats = Type.Object(
  {
    total_executions: count(),
    successful_executions: count(),
    failed_executions: count(),
    skipped_executions: count(),
    avg_duration_ms: optional(count()),
    last_execution_status: optional(Type.String()),
  },
  { title: 'ScheduleStatsResponse' },
)
export type ScheduleStats = Static<typeof ScheduleStats>

export const Triggered = Type.Object({ execution_id: Uuid }, { title: 'TriggerResponse' })
export type Triggered = Static<typeof Triggered>
