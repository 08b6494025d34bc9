import { type Static, type TSchema, Type } from 'typebox'
import { CapabilityUnavailable } from '../agents/capability.ts'
import { EventId, ExecId, MessageId, SessionId, Timestamp, TurnId } from '../core/id.ts'
import { described, integerMax, pageOf } from '../core/shape.ts'
import { FeedbackGivenData } from '../messages/feedback.ts'
import { McpUnavailable } from '../models/mcp-server.ts'
import {
  BudgetExhaustedData,
  BudgetPausedData,
  BudgetResumedData,
  BudgetWarningData,
} from './budget-events.ts'
import {
  ContextCompactedData,
  ContextCompactingData,
  LlmGenerationData,
  OutputMessageCompletedData,
  OutputMessageDeltaData,
  OutputMessageStartedData,
  ReasonCompletedData,
  ReasonStartedData,
  ReasonThinkingCompletedData,
  ReasonThinkingDeltaData,
  ReasonThinkingStartedData,
} from './model-events.ts'
import {
  ActCompletedData,
  ActStartedData,
  ToolApprovalRequestedData,
  ToolApprovalResolvedData,
  ToolCallRequestedData,
  ToolCompletedData,
  ToolInputDeltaData,
  ToolInputResolvedData,
  ToolProgressData,
  ToolStartedData,
} from './tool-events.ts'
import {
  FilesChangedData,
  InputMessageData,
  SessionActivatedData,
  SessionIdledData,
  SessionStartedData,
  TurnCancelledData,
  TurnCompletedData,
  TurnFailedData,
  TurnStartedData,
} from './turn-events.ts'

/** Schema of `data` for each event type of a session. */
export const eventData = {
  'input.message': InputMessageData,
  'session.started': SessionStartedData,
  'session.activated': SessionActivatedData,
  'turn.started': TurnStartedData,
  'mcp.unavailable': McpUnavailable,
  'capability.unavailable': CapabilityUnavailable,
  'reason.started': ReasonStartedData,
  'context.compacting': ContextCompactingData,
  'context.compacted': ContextCompactedData,
  'output.message.started': OutputMessageStartedData,
  'reason.thinking.started': ReasonThinkingStartedData,
  'reason.thinking.delta': ReasonThinkingDeltaData,
  'reason.thinking.completed': ReasonThinkingCompletedData,
  'output.message.delta': OutputMessageDeltaData,
  'tool.input.delta': ToolInputDeltaData,
  'llm.generation': LlmGenerationData,
  'output.message.completed': OutputMessageCompletedData,
  'reason.completed': ReasonCompletedData,
  'act.started': ActStartedData,
  'tool.approval_requested': ToolApprovalRequestedData,
  'tool.approval_resolved': ToolApprovalResolvedData,
  'tool.call_requested': ToolCallRequestedData,
  'tool.input_resolved': ToolInputResolvedData,
  'tool.started': ToolStartedData,
  'tool.completed': ToolCompletedData,
  'tool.progress': ToolProgressData,
  'act.completed': ActCompletedData,
  'files.changed': FilesChangedData,
  'budget.warning': BudgetWarningData,
  'budget.exhausted': BudgetExhaustedData,
  'budget.paused': BudgetPausedData,
  'budget.resumed': BudgetResumedData,
  'turn.completed': TurnCompletedData,
  'turn.failed': TurnFailedData,
  'turn.cancelled': TurnCancelledData,
  'session.idled': SessionIdledData,
  'feedback.given': FeedbackGivenData,
} as const satisfies Record<string, TSchema>

export type EventType = keyof typeof eventData
export const eventTypes = Object.keys(eventData) as EventType[]
export type EventDataOf<T extends EventType> = Static<(typeof eventData)[T]>

/** Types that are streamed while a reply is written. They are never stored and have no sequence. */
export const liveEventTypes = [
  'output.message.delta',
  'reason.thinking.delta',
  'tool.input.delta',
] as const

export const EventContext = Type.Object(
  {
    turn_id: Type.Optional(
      described(TurnId, 'Turn that the event belongs to. Absent for messages and client changes.'),
    ),
    input_message_id: Type.Optional(
      described(MessageId, 'Message that the turn answers. Absent without a turn.'),
    ),
    exec_id: Type.Optional(
      described(
        ExecId,
        'Step of the turn: one model call with its retries, or all tool calls of one reply. Absent for events about the turn as a whole.',
      ),
    ),
    trace_id: Type.Optional(
      Type.String({
        description: 'Id of the turn, as the trace of its spans. Absent without one.',
      }),
    ),
    span_id: Type.Optional(
      Type.String({
        description:
          'Span of the event: the turn id, or a UUID. Events of one call or step share it. Absent without one.',
      }),
    ),
    parent_span_id: Type.Optional(
      Type.String({ description: 'Span that contains `span_id`. Absent for the turn itself.' }),
    ),
    traceparent: Type.Optional(
      Type.String({
        description:
          'W3C `traceparent` header of the request that posted the message. Only on `input.message`, and absent if the request had none.',
        examples: ['00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'],
      }),
    ),
    v: Type.Optional(
      Type.Integer({
        minimum: 1,
        description: 'Version of the shape of `data`. Absent for version 1.',
      }),
    ),
  },
  {
    title: 'EventContext',
    description: 'Turn, step and trace that an event belongs to. Empty for `input.message`.',
  },
)
export type EventContext = Static<typeof EventContext>

export const EventDataSchema = Type.Union(Object.values(eventData), {
  title: 'EventData',
  description: 'Data of an event. The `type` of the event selects its shape.',
})

const envelope = {
  id: described(
    EventId,
    'Id of the event. Send it as `since_id` or `Last-Event-ID` to resume after the event.',
  ),
  type: Type.String({
    description: 'Type of the event, which selects the shape of `data`. Skip unknown types.',
    examples: ['output.message.completed'],
  }),
  ts: described(Timestamp, 'Time at which the event was stored, or streamed if it is a delta.'),
  session_id: described(SessionId, 'Session that the event belongs to.'),
  context: described(EventContext, 'Turn, step and trace that the event belongs to.'),
  sequence: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: integerMax,
      description:
        'Position in the log of the session: 1, 2, 3 and so on without gaps. Absent for deltas, which are not stored.',
    }),
  ),
  metadata: Type.Optional(
    Type.Unknown({ description: 'Reserved. The server sets no metadata on events.' }),
  ),
  tags: Type.Optional(
    Type.Array(Type.String(), {
      description: 'Labels of the posted message, on its `input.message`. Absent otherwise.',
    }),
  ),
}

export const Event = Type.Object(
  { ...envelope, data: EventDataSchema },
  {
    title: 'Event',
    description:
      'One entry in the append-only log of a session. `type` selects the shape of `data`.',
    examples: [
      {
        id: 'event_01933b5a00007000800000000000e008',
        type: 'turn.completed',
        ts: '2026-11-25T09:30:04.871Z',
        session_id: 'session_01933b5a00007000800000000000a001',
        context: {
          turn_id: 'turn_01933b5a00007000800000000000c001',
          input_message_id: 'message_01933b5a00007000800000000000b001',
          trace_id: 'turn_01933b5a00007000800000000000c001',
          span_id: 'turn_01933b5a00007000800000000000c001',
        },
        sequence: 11,
        data: {
          turn_id: 'turn_01933b5a00007000800000000000c001',
          iterations: 1,
          usage: { input_tokens: 1_840, output_tokens: 212, cost_usd: 0.000_884 },
          duration_ms: 4_751,
          input_content: 'Summarize the sales of last week.',
        },
      },
    ],
  },
)
const page = pageOf(Event, 'EventPage')
export const EventPage = Type.Object(
  {
    ...page.properties,
    scanned_to: Type.Optional(
      Type.Integer({
        minimum: 1,
        description:
          'Last `sequence` that a search has looked at, if more of the log is left: go on with it as `after_sequence`, or as `before_sequence` if the search went backwards. Absent otherwise, and without search parameters.',
      }),
    ),
  },
  { title: 'EventPage', description: 'Stored events of a session.' },
)

export type Event<T extends EventType = EventType> = {
  [K in T]: {
    id: string
    type: K
    ts: string
    session_id: string
    context: EventContext
    data: EventDataOf<K>
    sequence?: number
    tags?: string[]
  }
}[T]
