/** Queries of stored and streamed events. */
import { type Static, Type } from 'typebox'
import { EventId, ExecId, Timestamp, TurnId } from '../core/id.ts'
import { described, integerMax } from '../core/shape.ts'

const typeList = (description: string) =>
  Type.Optional(
    Type.Array(Type.String({ maxLength: 1000 }), {
      maxItems: 64,
      description,
      examples: [['turn.completed', 'turn.failed']],
    }),
  )

const sequence = (description: string, minimum = 1) =>
  Type.Optional(Type.Integer({ minimum, maximum: integerMax, description }))

const eventFilter = {
  since_id: Type.Optional(
    Type.String({
      pattern: '^event_[0-9a-f]{32}$',
      description:
        'Only events after this one. The id of a delta resumes inside its message. 32 zeros: from the start. Default: from the start.',
      examples: ['event_01933b5a00007000800000000000e008'],
    }),
  ),
  after_sequence: sequence(
    'Only events after this `sequence`. It cannot detect lost events; prefer `since_id`. Default: 0.',
    0,
  ),
  exclude: typeList(
    'Event types to leave out, as repeated parameters or separated by commas. Unknown types have no effect. Default: none.',
  ),
  types: typeList(
    'Event types to return, as repeated parameters or separated by commas. An unknown type is refused with 400. Default: all.',
  ),
}

const text = (maxLength: number, description: string, example: string) =>
  Type.Optional(Type.String({ minLength: 1, maxLength, description, examples: [example] }))

/** Parameters that make a list a search: it has pages, not the whole log. */
const eventSearch = {
  before_sequence: sequence(
    'Only events before this `sequence`: the last `limit` of them, oldest first. Default: none.',
  ),
  around: Type.Optional(
    described(
      EventId,
      'This event and `window` events on each side of it. Not with `since_id`, `after_sequence`, `before_sequence`, `order_desc` or `limit`.',
    ),
  ),
  window: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 500,
      description: 'Number of events on each side of `around`, at most 500. Default: 50.',
    }),
  ),
  order_desc: Type.Optional(
    Type.Boolean({ description: 'True: newest first, from the end. Default: false.' }),
  ),
  from_ts: Type.Optional(
    described(Timestamp, 'Only events from this time on, in RFC 3339 format with any offset.'),
  ),
  to_ts: Type.Optional(
    described(Timestamp, 'Only events up to this time, in RFC 3339 format with any offset.'),
  ),
  turn_id: Type.Optional(described(TurnId, 'Only events of this turn.')),
  exec_id: Type.Optional(described(ExecId, 'Only events of this step of a turn.')),
  trace_id: text(
    100,
    'Only events with this `context.trace_id`.',
    'turn_01933b5a00007000800000000000c001',
  ),
  tags: Type.Optional(
    Type.Array(Type.String({ minLength: 1, maxLength: 1000 }), {
      maxItems: 50,
      description:
        'Only events with one of these labels, as repeated parameters or separated by commas.',
      examples: [['reports']],
    }),
  ),
  tool_name: text(255, 'Only `tool.*` events about calls of this tool.', 'get_current_time'),
  q: text(
    200,
    'Only events whose `data`, as JSON, contains this text, in any case. Session tokens cannot use it.',
    'refund',
  ),
}

export const EventQuery = Type.Object({
  ...eventFilter,
  limit: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: integerMax,
      description:
        'Maximum number of events to return, oldest first. Default: all, or 100 with `expand` or with a parameter below, which also allow at most 1,000.',
    }),
  ),
  expand: Type.Optional(
    Type.Unsafe<'messages'>({
      type: 'string',
      enum: ['messages'],
      description:
        '`messages` returns the whole prompt in each `llm.generation`, for at most 100 events. Default: only new messages.',
    }),
  ),
  ...eventSearch,
})
export type EventQuery = Static<typeof EventQuery>

export const Heartbeat = Type.Optional(
  Type.Unsafe<'comment' | 'event'>({
    type: 'string',
    enum: ['comment', 'event'],
    description:
      'Form of the heartbeat of a silent stream: a `comment` of SSE, or `event: heartbeat`. Default: `comment`.',
  }),
)

export const StreamQuery = Type.Object({
  ...eventFilter,
  accumulated: Type.Optional(
    Type.Boolean({
      description:
        'False leaves `accumulated` out of deltas, which makes long replies much smaller. Default: true.',
    }),
  ),
  heartbeat: Heartbeat,
})
export type StreamQuery = Static<typeof StreamQuery>
