import { type Static, Type } from 'typebox'
import { SessionId, Timestamp, TurnId, Uuid } from '../core/id.ts'
import { count, described, oneOf, optional, pageOf, pageParameters } from '../core/shape.ts'

export const ExecutionStatus = oneOf('pending', 'running', 'completed', 'failed', 'skipped')
export type ExecutionStatus = Static<typeof ExecutionStatus>

export const Execution = Type.Object(
  {
    id: described(Uuid, 'Id of the execution. The `metadata` of its message contains it.'),
    schedule_id: described(Uuid, 'Schedule of the execution.'),
    scheduled_at: described(
      Timestamp,
      'Due time of the execution, or the time of the manual trigger.',
    ),
    started_at: described(Timestamp, 'Time at which a node began it.'),
    status: described(
      ExecutionStatus,
      '`pending`: a quota refused it, and it is retried. `running`: its turn has not ended. `completed`: its turn ended. `failed`: its turn failed or was cancelled, or its message was not stored. `skipped`: nothing was done.',
    ),
    completed_at: optional(Timestamp, 'Time at which it ended. Absent until then.'),
    duration_ms: optional(
      Type.Integer(),
      'Time from `started_at` to its end in milliseconds, waits included. Absent until then.',
    ),
    error: optional(Type.String(), 'Why it failed or was skipped. Absent otherwise.'),
    workflow_id: optional(Uuid, 'Id of its turn as a UUID with dashes. Absent before the turn.'),
    task_id: optional(Uuid, 'Id of its session as a UUID with dashes. Absent without a session.'),
    session_id: optional(
      SessionId,
      'Session of its message. Absent without one, and after its deletion.',
    ),
    turn_id: optional(TurnId, 'Turn that answers its message. Absent until the turn begins.'),
    created_at: described(Timestamp, 'Time at which the execution was recorded.'),
  },
  {
    title: 'ScheduleExecutionResponse',
    description: 'One time of a schedule and its outcome.',
    examples: [
      {
        id: '01933b5a-0000-7000-8000-000000000501',
        schedule_id: '01933b5a-0000-7000-8000-000000000401',
        scheduled_at: '2026-11-25T07:00:00.000Z',
        started_at: '2026-11-25T07:00:00.042Z',
        status: 'completed',
        completed_at: '2026-11-25T07:00:06.310Z',
        duration_ms: 6_268,
        workflow_id: '01933b5a-0000-7000-8000-00000000c001',
        task_id: '01933b5a-0000-7000-8000-00000000a001',
        session_id: 'session_01933b5a00007000800000000000a001',
        turn_id: 'turn_01933b5a00007000800000000000c001',
        created_at: '2026-11-25T07:00:00.042Z',
      },
    ],
  },
)
export type Execution = Static<typeof Execution>
export const ExecutionPage = pageOf(Execution, 'ScheduleExecutionsListResponse')

export const ExecutionQuery = Type.Object({
  ...pageParameters,
  status: Type.Optional(described(ExecutionStatus, 'Only executions with this status.')),
})
export type ExecutionQuery = Static<typeof ExecutionQuery>

export const ScheduleStats = Type.Object(
  {
    total_executions: count('Number of executions.'),
    successful_executions: count('Number of executions with the status `completed`.'),
    failed_executions: count('Number of executions with the status `failed`.'),
    skipped_executions: count('Number of executions with the status `skipped`.'),
    avg_duration_ms: optional(
      count(),
      'Average `duration_ms` in milliseconds. Absent before the first end.',
    ),
    last_execution_status: optional(
      Type.String(),
      'Status of the latest execution. Absent before the first one.',
    ),
  },
  {
    title: 'ScheduleStatsResponse',
    description:
      'Counts of the stored executions of a schedule. They are stored for SCHEDULE_EXECUTIONS_DAYS.',
    examples: [
      {
        total_executions: 20,
        successful_executions: 18,
        failed_executions: 1,
        skipped_executions: 1,
        avg_duration_ms: 6_100,
        last_execution_status: 'completed',
      },
    ],
  },
)
export type ScheduleStats = Static<typeof ScheduleStats>

export const Triggered = Type.Object(
  { execution_id: described(Uuid, 'Id of the new execution.') },
  {
    title: 'TriggerResponse',
    description: 'The execution that a manual trigger began.',
    examples: [{ execution_id: '01933b5a-0000-7000-8000-000000000501' }],
  },
)
export type Triggered = Static<typeof Triggered>
