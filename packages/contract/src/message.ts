import { type Static, Type } from 'typebox'
import { MessageId, ModelId, SessionId, Timestamp } from './id.ts'
import { AnyObject, Anything, count, oneOf, optional, pageOf } from './shape.ts'

const part = <const T extends string>(type: T) => Type.Unsafe<T>({ type: 'string', enum: [type] })

export const TextPart = Type.Object(
  { type: part('text'), text: Type.String() },
  { title: 'TextContentPart' },
)
export const ImagePart = Type.Object(
  {
    type: part('image'),
    url: optional(Type.String()),
    base64: optional(Type.String()),
    media_type: optional(Type.String()),
  },
  { title: 'ImageContentPart' },
)
export const ImageFilePart = Type.Object(
  {
    type: part('image_file'),
    image_id: Type.String({ pattern: '^img_[0-9a-f]{32}$' }),
    filename: optional(Type.String()),
  },
  { title: 'ImageFileContentPart' },
)
export const ToolCallPart = Type.Object(
  { type: part('tool_call'), id: Type.String(), name: Type.String(), arguments: Anything },
  { title: 'ToolCallContentPart' },
)
export const ToolResultPart = Type.Object(
  {
    type: part('tool_result'),
    tool_call_id: Type.String(),
    result: Type.Optional(Anything),
    error: optional(Type.String()),
  },
  { title: 'ToolResultContentPart' },
)

export const ContentPart = Type.Union(
  [TextPart, ImagePart, ImageFilePart, ToolCallPart, ToolResultPart],
  { title: 'ContentPart' },
)
export type ContentPart = Static<typeof ContentPart>

export const MessageRole = oneOf('system', 'user', 'agent', 'tool_result')

export const ReasoningConfig = Type.Object(
  { effort: optional(Type.String({ maxLength: 50 })) },
  { title: 'ReasoningConfig' },
)

/** What one message asks of the turns that it starts or steers. */
export const Controls = Type.Object(
  { model_id: optional(ModelId), reasoning: optional(ReasoningConfig) },
  { title: 'Controls' },
)
export type Controls = Static<typeof Controls>

const messageFields = {
  id: MessageId,
  role: MessageRole,
  content: Type.Array(ContentPart),
  created_at: Timestamp,
  controls: optional(Controls),
  metadata: optional(AnyObject),
  tags: Type.Optional(Type.Array(Type.String())),
}

/** A message as events carry it. */
export const EventMessage = Type.Object(
  {
    ...messageFields,
    thinking: optional(Type.String()),
    thinking_signature: optional(Type.String()),
  },
  { title: 'EventMessage' },
)
export type EventMessage = Static<typeof EventMessage>

/** A message of a session. `sequence` is that of its event, so gaps are normal. */
export const Message = Type.Object(
  { ...messageFields, session_id: SessionId, sequence: count() },
  { title: 'Message' },
)
export type Message = Static<typeof Message>
export const MessagePage = pageOf(Message, 'MessagePage')

/** Results are for messages of the role `tool_result`, which hold nothing else. */
export const InputContentPart = Type.Union([TextPart, ImagePart, ImageFilePart, ToolResultPart], {
  title: 'InputContentPart',
})
export type InputContentPart = Static<typeof InputContentPart>

export const InputMessage = Type.Object(
  {
    role: Type.Optional(oneOf('user', 'agent', 'tool_result')),
    content: Type.Array(InputContentPart, { maxItems: 1000 }),
  },
  { title: 'InputMessage' },
)

/**
 * What becomes of a message while a turn runs. `steer`: that turn sees it at its next model call.
 * `queue`: it gets a turn of its own after that one. `interrupt`: that turn is cancelled, what it
 * said so far stays, and this message is next. `reject`: 409 `session_busy`.
 */
export const OnBusy = oneOf('steer', 'queue', 'interrupt', 'reject')
export type OnBusy = Static<typeof OnBusy>

export const NewMessage = Type.Object(
  {
    message: InputMessage,
    on_busy: optional(OnBusy),
    controls: optional(Controls),
    metadata: optional(AnyObject),
    tags: optional(Type.Array(Type.String({ maxLength: 100 }), { maxItems: 50 })),
  },
  { title: 'CreateMessageRequest' },
)
export type NewMessage = Static<typeof NewMessage>

export const CancelTurnResponse = Type.Object(
  { status: oneOf('cancelled', 'no_op'), message: Type.String() },
  { title: 'CancelTurnResponse' },
)
export type CancelTurnResponse = Static<typeof CancelTurnResponse>
