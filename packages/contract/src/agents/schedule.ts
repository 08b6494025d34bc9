import { type Static, Type } from 'typebox'
import { AgentId, ModelId, SessionId, Timestamp, Uuid } from '../core/id.ts'
import {
  count,
  described,
  integerMax,
  nullable,
  oneOf,
  optional,
  pageOf,
  pageParameters,
} from '../core/shape.ts'
import { Controls, InputContentPart } from '../messages/message.ts'

const targetType = '`workflow` or `activity`, which mean the same.'
const targetName =
  '`send_message` sends a message to a session. `start_session` starts a session of an agent with a message.'
const targetInput =
  'Input of the target: `SendMessageInput` or `StartSessionInput`, at most 256 KiB.'

export const ScheduleTarget = Type.Object(
  {
    type: Type.String({ maxLength: 100, description: targetType, examples: ['workflow'] }),
    name: Type.String({ maxLength: 100, description: targetName, examples: ['start_session'] }),
    input: Type.Optional(Type.Unknown({ description: targetInput })),
  },
  {
    title: 'ScheduleTarget',
    description: 'Action of a schedule at each of its times.',
    examples: [
      {
        type: 'workflow',
        name: 'start_session',
        input: {
          agent_id: 'agent_01933b5a000070008000000000000101',
          text: 'Report the sales of yesterday.',
        },
      },
    ],
  },
)
export type ScheduleTarget = Static<typeof ScheduleTarget>

const KeptTarget = Type.Object(
  {
    type: Type.String({ description: targetType }),
    name: Type.String({ description: targetName }),
    input: Type.Unknown({ description: targetInput }),
  },
  { title: 'ScheduleTargetResponse', description: 'Action of a schedule at each of its times.' },
)

const messageFields = {
  text: optional(
    Type.String({ minLength: 1 }),
    'Text of the message. Not together with `message`.',
  ),
  message: optional(
    Type.Union([
      Type.String({ minLength: 1 }),
      Type.Object({
        content: Type.Array(InputContentPart, {
          minItems: 1,
          maxItems: 1000,
          description: 'Parts of the message, in order: 1 to 1,000.',
        }),
      }),
    ]),
    'The message: a text, or an object with the `content` of a message. Not together with `text`.',
  ),
}

export const SendMessageInput = Type.Object(
  {
    session_id: described(SessionId, 'Session that receives the message.'),
    ...messageFields,
    on_busy: optional(
      oneOf('queue', 'reject'),
      'Effect while a turn runs. `queue`, the default: a turn of its own follows. `reject`: the execution is skipped.',
    ),
    controls: optional(
      Controls,
      "Model and reasoning effort of the turn. Default: the session's model.",
    ),
  },
  {
    title: 'SendMessageInput',
    description: 'Input of the target `send_message`: a session and one of `text` and `message`.',
    examples: [
      {
        session_id: 'session_01933b5a00007000800000000000a001',
        text: 'Report the sales of yesterday.',
      },
    ],
  },
)
export type SendMessageInput = Static<typeof SendMessageInput>

export const StartSessionInput = Type.Object(
  {
    agent_id: described(AgentId, 'Agent of the new session. It must not be archived.'),
    ...messageFields,
    title: optional(
      Type.String({ maxLength: 255 }),
      'Title of the session, at most 255 characters. Default: none.',
    ),
    tags: optional(
      Type.Array(Type.String({ maxLength: 100 }), { maxItems: 50 }),
      'Labels of the session: at most 50, each of at most 100 characters. Default: none.',
    ),
    model_id: optional(ModelId, 'Model of the session. Default: that of the agent.'),
  },
  {
    title: 'StartSessionInput',
    description: 'Input of the target `start_session`: an agent and one of `text` and `message`.',
    examples: [
      {
        agent_id: 'agent_01933b5a000070008000000000000101',
        text: 'Report the sales of yesterday.',
      },
    ],
  },
)
export type StartSessionInput = Static<typeof StartSessionInput>

export const RetryPolicy = Type.Object(
  {
    max_attempts: optional(
      Type.Integer({ minimum: 1, maximum: 20 }),
      'Number of attempts when a quota refuses an execution, from 1 to 20. Default: 3.',
    ),
  },
  {
    title: 'RetryPolicy',
    description: 'The part of a retry policy that the server applies. It stores other properties.',
    examples: [{ max_attempts: 5 }],
  },
)

const retryPolicy =
  'Retries of an execution that a quota refuses, an object or null: `max_attempts` from 1 to 20, by default 3. Pauses double from 5 s to 5 minutes. Other properties are stored, at most 16 KiB together.'

const cron =
  'Cron expression: 5 fields; 6 with seconds first; 7 with the year last. Lists, ranges, steps, names, `L`, `#` and `W` are supported.'
const zone = 'Time zone of the expression: a name of the IANA database.'

const expression = Type.String({
  minLength: 1,
  maxLength: 255,
  description: cron,
  examples: ['0 9 * * MON-FRI'],
})
const timezone = Type.String({
  minLength: 1,
  maxLength: 64,
  description: zone,
  examples: ['Europe/Kyiv'],
})
const description = Type.String({ maxLength: 10_000 })
const limit = Type.Integer({ minimum: 0, maximum: integerMax })

const catchUp =
  'True runs the newest missed times, up to `max_catch_up`, when nodes are back. False skips them.'
const catchUpMax = 'Number of missed times to run, newest first. At most 100 count.'
const concurrentMax =
  'Number of unfinished executions at which a new time is skipped. 0 skips every time.'

export const Schedule = Type.Object(
  {
    id: described(Uuid, 'Id of the schedule.'),
    name: Type.String({ description: 'Name for people, unique in the organization.' }),
    description: optional(Type.String(), 'Purpose of the schedule. Absent if none was set.'),
    cron_expression: Type.String({ description: cron, examples: ['0 9 * * MON-FRI'] }),
    timezone: Type.String({ description: zone, examples: ['Europe/Kyiv'] }),
    target: described(KeptTarget, 'Action at each of its times.'),
    enabled: Type.Boolean({ description: 'False while the schedule is paused.' }),
    catch_up_missed: Type.Boolean({ description: catchUp }),
    max_catch_up: optional(count(), `${catchUpMax} Absent: 100.`),
    max_concurrent: optional(count(), `${concurrentMax} Absent: 100.`),
    retry_policy: Type.Optional(
      Type.Unknown({ description: `${retryPolicy} Absent: the default.` }),
    ),
    next_trigger_at: nullable(
      Timestamp,
      'Next time of the schedule. Null while it is paused, and after its last time.',
    ),
    last_triggered_at: optional(
      Timestamp,
      'Time of the latest execution. Absent before the first one.',
    ),
    paused_reason: optional(
      Type.String(),
      'Why the server paused the schedule, such as a deleted session. Absent otherwise.',
    ),
    created_at: described(Timestamp, 'Time at which the schedule was created.'),
    updated_at: described(Timestamp, 'Time of the latest change of a property.'),
  },
  {
    title: 'ScheduleResponse',
    description: 'An action that the server carries out at the times of a cron expression.',
    examples: [
      {
        id: '01933b5a-0000-7000-8000-000000000401',
        name: 'Morning report',
        cron_expression: '0 9 * * MON-FRI',
        timezone: 'Europe/Kyiv',
        target: {
          type: 'workflow',
          name: 'start_session',
          input: {
            agent_id: 'agent_01933b5a000070008000000000000101',
            text: 'Report the sales of yesterday.',
          },
        },
        enabled: true,
        catch_up_missed: false,
        next_trigger_at: '2026-11-26T07:00:00.000Z',
        last_triggered_at: '2026-11-25T07:00:00.000Z',
        created_at: '2026-11-20T08:00:00.000Z',
        updated_at: '2026-11-25T07:00:00.000Z',
      },
    ],
  },
)
export type Schedule = Static<typeof Schedule>
export const SchedulePage = pageOf(Schedule, 'SchedulesListResponse')

export const NewSchedule = Type.Object(
  {
    name: Type.String({
      minLength: 1,
      maxLength: 255,
      description: 'Name for people: 1 to 255 characters, unique in the organization.',
    }),
    description: optional(
      description,
      'Purpose of the schedule: at most 10,000 characters. Default: none.',
    ),
    cron_expression: expression,
    timezone: Type.Optional(described(timezone, `${zone} Default: \`UTC\`.`)),
    target: described(ScheduleTarget, 'Action at each of its times.'),
    enabled: Type.Optional(
      Type.Boolean({ description: 'False creates a paused schedule. Default: true.' }),
    ),
    catch_up_missed: Type.Optional(Type.Boolean({ description: `${catchUp} Default: false.` })),
    max_catch_up: optional(limit, `${catchUpMax} Default: 100.`),
    max_concurrent: optional(limit, `${concurrentMax} Default: 100.`),
    retry_policy: Type.Optional(Type.Unknown({ description: retryPolicy })),
  },
  {
    title: 'CreateScheduleRequest',
    description: 'Times and action of a new schedule.',
    examples: [
      {
        name: 'Morning report',
        cron_expression: '0 9 * * MON-FRI',
        timezone: 'Europe/Kyiv',
        target: {
          type: 'workflow',
          name: 'start_session',
          input: {
            agent_id: 'agent_01933b5a000070008000000000000101',
            text: 'Report the sales of yesterday.',
          },
        },
      },
    ],
  },
)
export type NewSchedule = Static<typeof NewSchedule>

const unchanged = 'Absent or null: unchanged.'

export const ScheduleChange = Type.Object(
  {
    description: optional(description, `New purpose: at most 10,000 characters. ${unchanged}`),
    cron_expression: optional(
      expression,
      `New expression, from which the next time is computed again. ${cron} ${unchanged}`,
    ),
    timezone: optional(timezone, `New time zone. ${unchanged}`),
    target: optional(ScheduleTarget, `New action. ${unchanged}`),
    enabled: optional(Type.Boolean(), `False pauses the schedule, true resumes it. ${unchanged}`),
    catch_up_missed: optional(Type.Boolean(), `${catchUp} ${unchanged}`),
    max_catch_up: optional(limit, `${catchUpMax} ${unchanged}`),
    max_concurrent: optional(limit, `${concurrentMax} ${unchanged}`),
    retry_policy: Type.Optional(Type.Unknown({ description: `${retryPolicy} ${unchanged}` })),
  },
  {
    title: 'UpdateScheduleRequest',
    description: 'Properties of a schedule to change. An absent or `null` property is unchanged.',
    examples: [{ cron_expression: '0 8 * * MON-FRI' }],
  },
)
export type ScheduleChange = Static<typeof ScheduleChange>

export const ScheduleQuery = Type.Object({
  ...pageParameters,
  enabled: Type.Optional(
    Type.Boolean({ description: 'True: only schedules that run. False: only paused ones.' }),
  ),
  target_type: Type.Optional(
    described(oneOf('workflow', 'activity'), 'Only schedules whose target has this `type`.'),
  ),
})
export type ScheduleQuery = Static<typeof ScheduleQuery>
