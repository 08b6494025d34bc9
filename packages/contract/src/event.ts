import { type Static, type TSchema, Type } from 'typebox'
import { CapabilityUnavailable } from './capability.ts'
import { PathChange } from './file.ts'
import { AgentId, EventId, ExecId, MessageId, ModelId, SessionId, Timestamp, TurnId } from './id.ts'
import { McpUnavailable } from './mcp-server.ts'
import { ContentPart, EventMessage } from './message.ts'
import { AnyObject, Anything, count, oneOf, optional, pageOf } from './shape.ts'
import { TokenUsage } from './usage.ts'

export const ToolCall = Type.Object(
  { id: Type.String(), name: Type.String(), arguments: AnyObject },
  { title: 'ToolCall' },
)
export type ToolCall = Static<typeof ToolCall>

const ToolCallSummary = Type.Object(
  { id: Type.String(), name: Type.String() },
  { title: 'ToolCallSummary' },
)

const ToolSummary = Type.Object(
  { name: Type.String(), description: Type.String() },
  { title: 'ToolDefinitionSummary' },
)

export const ModelMetadata = Type.Object(
  {
    model: Type.String(),
    model_id: optional(Type.String({ format: 'uuid' })),
    provider_id: optional(Type.String({ format: 'uuid' })),
  },
  { title: 'ModelMetadata' },
)
export type ModelMetadata = Static<typeof ModelMetadata>

/** How often a call was made again, how long it waited between, and what went wrong each time. */
const RetryInfo = Type.Object(
  {
    attempts: count(),
    total_wait_ms: count(),
    error_codes: Type.Optional(Type.Array(Type.String())),
  },
  { title: 'LlmRetryInfo' },
)

/** What was done before the call to a history that did not fit. Tokens are estimates. */
export const CompactionInfo = Type.Object(
  {
    compacted: Type.Boolean(),
    input_tokens_before: Type.Optional(count()),
    input_tokens_after: Type.Optional(count()),
    duration_ms: Type.Optional(count()),
  },
  { title: 'LlmCompactionInfo' },
)
export type CompactionInfo = Static<typeof CompactionInfo>

export const GenerationMetadata = Type.Object(
  {
    model: Type.String(),
    success: Type.Boolean(),
    provider: Type.Optional(Type.String()),
    usage: Type.Optional(TokenUsage),
    duration_ms: Type.Optional(count()),
    time_to_first_token_ms: Type.Optional(count()),
    finish_reasons: Type.Optional(Type.Array(Type.String())),
    response_id: Type.Optional(Type.String()),
    /** What the vendor said of a failure. It stands nowhere else. */
    error: Type.Optional(Type.String()),
    /** The kind of that failure. */
    error_code: Type.Optional(Type.String()),
    retry: Type.Optional(RetryInfo),
    compaction: Type.Optional(CompactionInfo),
  },
  { title: 'LlmGenerationMetadata' },
)
export type GenerationMetadata = Static<typeof GenerationMetadata>

/** The caller that decided or answered: a user, a key, a session token, or anonymous. */
export const Decider = Type.Object(
  { kind: Type.String(), id: Type.String(), name: Type.String() },
  { title: 'Decider' },
)
export type Decider = Static<typeof Decider>

const replay = Type.Optional(oneOf('safe', 'unsafe', 'until_changed'))
const turn = { turn_id: TurnId }
const turnAndInput = { turn_id: TurnId, input_message_id: MessageId }
const outputStarted = {
  turn_id: TurnId,
  model: Type.Optional(Type.String()),
  message_id: Type.Optional(MessageId),
  attempt: Type.Optional(Type.Integer({ minimum: 1 })),
}
const textDelta = {
  turn_id: TurnId,
  delta: Type.String(),
  accumulated: Type.Optional(Type.String()),
}

/** Every event of a session: its type and what its `data` holds. Order within a turn: see docs. */
export const eventData = {
  /** A message was accepted. `on_busy` is present if it waits beside a running turn. */
  'input.message': Type.Object(
    { message: EventMessage, on_busy: Type.Optional(oneOf('queue')) },
    { title: 'InputMessageData' },
  ),
  /** The session was created. Always sequence 1. */
  'session.started': Type.Object(
    { agent_id: AgentId, model_id: Type.Optional(ModelId) },
    { title: 'SessionStartedData' },
  ),
  /** A turn begins. `input_sequence` names its message's event if that had waited or is retried. */
  'session.activated': Type.Object(
    { ...turnAndInput, input_sequence: Type.Optional(count()) },
    { title: 'SessionActivatedData' },
  ),
  /** A worker picked the turn up. Once per turn, before any model call. */
  'turn.started': Type.Object(
    { ...turnAndInput, input_content: Type.Optional(Type.String()) },
    { title: 'TurnStartedData' },
  ),
  /** An MCP server's tools could not be listed: an older list is used, if any. Once per turn. */
  'mcp.unavailable': McpUnavailable,
  /** A capability's stored config is invalid: the turn runs without it. Once per turn for each. */
  'capability.unavailable': CapabilityUnavailable,
  /** A model is about to be called. */
  'reason.started': Type.Object(
    { agent_id: AgentId, metadata: Type.Optional(ModelMetadata) },
    { title: 'ReasonStartedData' },
  ),
  /** The conversation is too long for the model: its beginning is about to be summarized. */
  'context.compacting': Type.Object(
    { ...turn, summarized_to: count(), input_tokens: count() },
    { title: 'ContextCompactingData' },
  ),
  /**
   * From here on models get less of the conversation than the log has. The latest of these events
   * says all: up to the message of the event `summarized_to` they get `summary` instead, up to that
   * of `shortened_to` tool results cut short.
   */
  'context.compacted': Type.Object(
    {
      ...turn,
      summary: Type.Optional(Type.String()),
      summarized_to: Type.Optional(count()),
      shortened_to: Type.Optional(count()),
      input_tokens_before: count(),
      input_tokens_after: count(),
      duration_ms: count(),
      usage: Type.Optional(TokenUsage),
    },
    { title: 'ContextCompactedData' },
  ),
  /**
   * The request goes out. Again, with the same `message_id` and the next `attempt`, when a reply
   * broke or its node died: drop the text of the earlier attempt.
   */
  'output.message.started': Type.Object(outputStarted, { title: 'OutputMessageStartedData' }),
  /** The model begins to think. */
  'reason.thinking.started': Type.Object(outputStarted, { title: 'ReasonThinkingStartedData' }),
  /** New thinking text. Live only, never stored. */
  'reason.thinking.delta': Type.Object(textDelta, { title: 'ReasonThinkingDeltaData' }),
  /** All thinking text of the call. */
  'reason.thinking.completed': Type.Object(
    { ...turn, thinking: Type.String() },
    { title: 'ReasonThinkingCompletedData' },
  ),
  /** New answer text. Live only, never stored. */
  'output.message.delta': Type.Object(textDelta, { title: 'OutputMessageDeltaData' }),
  /** A model call ended. `messages` holds what is new since the session's previous one. */
  'llm.generation': Type.Object(
    {
      messages: Type.Array(EventMessage),
      output: Type.Object(
        { text: optional(Type.String()), tool_calls: Type.Optional(Type.Array(ToolCall)) },
        { title: 'LlmGenerationOutput' },
      ),
      metadata: GenerationMetadata,
      tools: Type.Optional(Type.Array(ToolSummary)),
    },
    { title: 'LlmGenerationData' },
  ),
  /** The reply as a message, tool calls included. */
  'output.message.completed': Type.Object(
    {
      message: EventMessage,
      metadata: Type.Optional(ModelMetadata),
      usage: Type.Optional(TokenUsage),
    },
    { title: 'OutputMessageCompletedData' },
  ),
  /** The model's part of the step is over. */
  'reason.completed': Type.Object(
    {
      success: Type.Boolean(),
      has_tool_calls: Type.Boolean(),
      tool_call_count: count(),
      text_preview: Type.Optional(Type.String()),
      error: Type.Optional(Type.String()),
      error_code: Type.Optional(Type.String()),
      duration_ms: Type.Optional(count()),
      usage: Type.Optional(TokenUsage),
    },
    { title: 'ReasonCompletedData' },
  ),
  /** The tools that the reply asked for are about to run. */
  'act.started': Type.Object(
    { tool_calls: Type.Array(ToolCallSummary) },
    { title: 'ActStartedData' },
  ),
  /** This call needs a user's approval: POST …/approvals/{tool_call_id}. Waiting costs nothing. */
  'tool.approval_requested': Type.Object(
    { tool_call: ToolCall, expires_at: Timestamp },
    { title: 'ToolApprovalRequestedData' },
  ),
  /**
   * It was decided on. `expired`: nobody did in time. What was not approved has its
   * `tool.completed` right after this; what was runs with `arguments` where somebody changed them.
   */
  'tool.approval_resolved': Type.Object(
    {
      tool_call_id: Type.String(),
      tool_name: Type.String(),
      decision: oneOf('approved', 'denied', 'expired'),
      reason: Type.Optional(Type.String()),
      arguments: Type.Optional(AnyObject),
      decided_by: Type.Optional(Decider),
    },
    { title: 'ToolApprovalResolvedData' },
  ),
  /** The client is to run these tools: POST …/tool-results. The turn waits for that at no cost. */
  'tool.call_requested': Type.Object(
    { tool_calls: Type.Array(ToolCall), expires_at: Timestamp },
    { title: 'ToolCallRequestedData' },
  ),
  /**
   * One tool is about to run. `replay`: whether the call may run again after its node dies;
   * `until_changed`: only if it changed no files. Absent if the call cannot run.
   */
  'tool.started': Type.Object({ tool_call: ToolCall, replay }, { title: 'ToolStartedData' }),
  /** One tool ended, in order of ends. `answered_by`: the sender of a client tool's result. */
  'tool.completed': Type.Object(
    {
      tool_call_id: Type.String(),
      tool_name: Type.String(),
      success: Type.Boolean(),
      status: oneOf('success', 'error', 'timeout', 'cancelled'),
      result: optional(Type.Array(ContentPart)),
      error: optional(Type.String()),
      duration_ms: Type.Optional(count()),
      answered_by: Type.Optional(Decider),
    },
    { title: 'ToolCompletedData' },
  ),
  /** Progress of a tool, at most once a second. `progress` only grows; `total`: if known. */
  'tool.progress': Type.Object(
    {
      tool_call_id: Type.String(),
      tool_name: Type.String(),
      progress: Type.Number(),
      total: Type.Optional(Type.Number()),
      message: Type.Optional(Type.String()),
    },
    { title: 'ToolProgressData' },
  ),
  /** All tools of the step ended. */
  'act.completed': Type.Object(
    {
      completed: Type.Boolean(),
      success_count: count(),
      error_count: count(),
      duration_ms: Type.Optional(count()),
    },
    { title: 'ActCompletedData' },
  ),
  /**
   * Files of the session changed, all of these at once. `tool_call_id`: if a tool did it. New
   * parent directories are not named, nor the content of moved or deleted directories.
   */
  'files.changed': Type.Object(
    { changes: Type.Array(PathChange), tool_call_id: Type.Optional(Type.String()) },
    { title: 'FilesChangedData' },
  ),
  /** The turn ended as it should. `usage` is the turn's. */
  'turn.completed': Type.Object(
    {
      ...turn,
      iterations: count(),
      usage: Type.Optional(TokenUsage),
      duration_ms: Type.Optional(count()),
      input_content: Type.Optional(Type.String()),
    },
    { title: 'TurnCompletedData' },
  ),
  /** The turn ended because it could not go on. */
  'turn.failed': Type.Object(
    {
      ...turn,
      error: Type.String(),
      error_code: Type.Optional(Type.String()),
      usage: Type.Optional(TokenUsage),
    },
    { title: 'TurnFailedData' },
  ),
  /** Someone cancelled the turn. What was said so far follows as a message. */
  'turn.cancelled': Type.Object(
    { ...turn, reason: Type.Optional(Type.String()), usage: Type.Optional(TokenUsage) },
    { title: 'TurnCancelledData' },
  ),
  /** The session waits for the next message. `usage` is the session's so far. */
  'session.idled': Type.Object(
    { ...turn, iterations: Type.Optional(count()), usage: Type.Optional(TokenUsage) },
    { title: 'SessionIdledData' },
  ),
} as const satisfies Record<string, TSchema>

export type EventType = keyof typeof eventData
export const eventTypes = Object.keys(eventData) as EventType[]
export type EventDataOf<T extends EventType> = Static<(typeof eventData)[T]>

/** Streamed while a reply is written; never stored, so without a sequence. */
export const liveEventTypes = ['output.message.delta', 'reason.thinking.delta'] as const

export const EventContext = Type.Object(
  {
    turn_id: Type.Optional(TurnId),
    input_message_id: Type.Optional(MessageId),
    exec_id: Type.Optional(ExecId),
    trace_id: Type.Optional(Type.String()),
    span_id: Type.Optional(Type.String()),
    parent_span_id: Type.Optional(Type.String()),
    /** Of a message: the trace of whoever sent it, as its W3C header said. */
    traceparent: Type.Optional(Type.String()),
    /** The shape of `data`; absent: the first. Servers leave unknown ones to newer nodes. */
    v: Type.Optional(Type.Integer({ minimum: 1 })),
  },
  { title: 'EventContext' },
)
export type EventContext = Static<typeof EventContext>

export const EventDataSchema = Type.Union(Object.values(eventData), { title: 'EventData' })

const envelope = {
  id: EventId,
  type: Type.String(),
  ts: Timestamp,
  session_id: SessionId,
  context: EventContext,
  sequence: Type.Optional(Type.Integer({ minimum: 1, maximum: 2_147_483_647 })),
  metadata: Type.Optional(Anything),
  tags: Type.Optional(Type.Array(Type.String())),
}

/** One step of a session. `sequence` starts at 1 and has no gaps; live deltas have none. */
export const Event = Type.Object({ ...envelope, data: EventDataSchema }, { title: 'Event' })
export const EventPage = pageOf(Event, 'EventPage')

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

const typeList = Type.Optional(Type.Array(Type.String({ maxLength: 1000 }), { maxItems: 64 }))

const eventFilter = {
  since_id: Type.Optional(
    Type.String({
      pattern: '^event_[0-9a-f]{32}$',
      description: 'Only what came after this event. All zeros: from the start.',
    }),
  ),
  after_sequence: Type.Optional(Type.Integer({ minimum: 0, maximum: 2_147_483_647 })),
  exclude: typeList,
  types: typeList,
}

export const EventQuery = Type.Object({
  ...eventFilter,
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 2_147_483_647 })),
  expand: Type.Optional(Type.Unsafe<'messages'>({ type: 'string', enum: ['messages'] })),
})
export type EventQuery = Static<typeof EventQuery>

export const StreamQuery = Type.Object({
  ...eventFilter,
  accumulated: Type.Optional(Type.Boolean()),
  heartbeat: Type.Optional(
    Type.Unsafe<'comment' | 'event'>({ type: 'string', enum: ['comment', 'event'] }),
  ),
})
export type StreamQuery = Static<typeof StreamQuery>
