import { type Static, Type } from 'typebox'
import { ClientTool, ClientTools } from '../agents/capability.ts'
import { ImageId, MessageId, ModelId, SessionId, Timestamp, TurnId } from '../core/id.ts'
import { AnyObject, count, described, integerMax, oneOf, optional, pageOf } from '../core/shape.ts'
import { SessionKey } from '../sessions/session.ts'
import { Context, Instructions, OutputSchema } from '../sessions/turn-settings.ts'

const part = <const T extends string>(type: T) =>
  Type.Unsafe<T>({ type: 'string', enum: [type], description: `Always \`${type}\`.` })

export const TextPart = Type.Object(
  { type: part('text'), text: Type.String({ description: 'The text, as UTF-8.' }) },
  {
    title: 'TextContentPart',
    description: 'Text.',
    examples: [{ type: 'text', text: 'Summarize the sales of last week.' }],
  },
)
export const ImagePart = Type.Object(
  {
    type: part('image'),
    url: optional(
      Type.String(),
      'Public http or https address of the image. Absent if `base64` holds it.',
    ),
    base64: optional(
      Type.String(),
      'The image itself in base64, used instead of `url` if both are present.',
    ),
    media_type: optional(
      Type.String(),
      'Media type of an image by URL that the vendor fetches. Default: `image/*`. Of other images the first bytes decide.',
    ),
  },
  {
    title: 'ImageContentPart',
    description:
      'An image, by address or as base64. A message has at most 20. Text replaces an image that is broken, that cannot be fetched, or that the model cannot see.',
    examples: [{ type: 'image', url: 'https://example.com/chart.png' }],
  },
)
export const ImageFilePart = Type.Object(
  {
    type: part('image_file'),
    image_id: ImageId,
    filename: optional(
      Type.String(),
      'File name of the image, for people and for models without vision. Default: that of the upload.',
    ),
  },
  {
    title: 'ImageFileContentPart',
    description:
      'An uploaded image: see `POST /v1/images`. The model receives its bytes. A model that cannot see images receives its name, as does any model once the image is deleted.',
    examples: [{ type: 'image_file', image_id: 'img_01933b5a000070008000000000000001' }],
  },
)
export const ToolCallPart = Type.Object(
  {
    type: part('tool_call'),
    id: Type.String({
      description: 'Id of the call, unique in the session. Results refer to it.',
      examples: ['call_1'],
    }),
    name: Type.String({ description: 'Name of the tool.', examples: ['open_door'] }),
    arguments: Type.Unknown({
      description: "Arguments that the model chose: a JSON object for the tool's parameters.",
    }),
  },
  {
    title: 'ToolCallContentPart',
    description: 'A tool call of the model. Only messages of the role `agent` have it.',
    examples: [{ type: 'tool_call', id: 'call_1', name: 'open_door', arguments: { door: 'red' } }],
  },
)
export const ToolResultPart = Type.Object(
  {
    type: part('tool_result'),
    tool_call_id: Type.String({ description: 'Id of the call that the result belongs to.' }),
    result: Type.Optional(
      Type.Unknown({ description: 'Result of the tool: any JSON value. Absent if it failed.' }),
    ),
    error: optional(Type.String(), 'Reason of the failure, for the model. Absent on success.'),
  },
  {
    title: 'ToolResultContentPart',
    description: 'Outcome of a tool call. Only messages of the role `tool_result` have it.',
    examples: [{ type: 'tool_result', tool_call_id: 'call_1', result: { open: true } }],
  },
)

export const ContentPart = Type.Union(
  [TextPart, ImagePart, ImageFilePart, ToolCallPart, ToolResultPart],
  { title: 'ContentPart', description: 'One part of a message. `type` selects its shape.' },
)
export type ContentPart = Static<typeof ContentPart>

export const MessageRole = oneOf('system', 'user', 'agent', 'tool_result')

export const ReasoningConfig = Type.Object(
  {
    effort: optional(
      Type.String({ maxLength: 50 }),
      'Reasoning effort: `none`, `minimal`, `low`, `medium`, `high` or `xhigh`. An effort that the model lacks becomes the nearest one that it has. Default: that of the model.',
    ),
  },
  { title: 'ReasoningConfig', description: 'Reasoning of models that support it.' },
)

export const Controls = Type.Object(
  {
    model_id: optional(
      ModelId,
      "Model for the turns that this message starts or joins. A model that is disabled by then is passed over. Default: the session's model.",
    ),
    reasoning: optional(ReasoningConfig, 'Reasoning effort of the model calls.'),
    max_output_tokens: optional(
      Type.Integer({ minimum: 1, maximum: integerMax }),
      "Most output tokens of each model call, with its thinking. A call that reaches it ends there, and so does the turn, unless the reply has tool calls. Some providers refuse very small limits. Default: the model's own limit.",
    ),
    output_schema: optional(
      OutputSchema,
      "JSON Schema of the answer: an object schema of at most 64 KiB and 5 levels. The turn then ends with `output`, or fails with `output_invalid`. Default: the agent's.",
    ),
    hints: optional(
      AnyObject,
      'Facts about the client for the tools of these turns, at most 16 KiB as JSON. They replace those of the session key by key. Default: none.',
    ),
  },
  {
    title: 'Controls',
    description:
      'Model, reasoning effort, output limit, output schema and hints that one message selects.',
    examples: [
      { model_id: 'model_01933b5a00007000800000000000020a', reasoning: { effort: 'high' } },
    ],
  },
)
export type Controls = Static<typeof Controls>

export const ExternalActor = Type.Object(
  {
    source: Type.String({
      minLength: 1,
      maxLength: 100,
      description: 'System that knows the person, such as `slack` or `whatsapp`.',
      examples: ['slack'],
    }),
    actor_id: Type.String({
      minLength: 1,
      maxLength: 200,
      description: 'Id of the person in that system.',
      examples: ['U024BE7LH'],
    }),
    actor_name: optional(Type.String({ maxLength: 200 }), 'Name of the person. Default: none.'),
    metadata: optional(AnyObject, 'Any JSON object. Default: none.'),
  },
  {
    title: 'ExternalActor',
    description:
      'Person who wrote a message in another system. Stored with the message, not sent to the model, and no authentication.',
    examples: [{ source: 'slack', actor_id: 'U024BE7LH', actor_name: 'Ada Lovelace' }],
  },
)
export type ExternalActor = Static<typeof ExternalActor>

const messageFields = {
  id: described(MessageId, 'Id of the message. It is the same in every list and event.'),
  role: described(
    MessageRole,
    '`user`: posted by a client. `agent`: reply of a model. `tool_result`: outcome of a tool call. `system`: system prompt, in `llm.generation` only.',
  ),
  content: Type.Array(ContentPart, {
    description: 'Parts of the message, in order. Tool calls follow the text of a reply.',
  }),
  created_at: described(Timestamp, 'Time at which the message was stored.'),
  controls: optional(
    Controls,
    'Model, reasoning effort, output limit and output schema that the message selected. Absent if none were given.',
  ),
  instructions: optional(
    Instructions,
    'Additional system text of the turn that the message started. Absent if none was given.',
  ),
  context: optional(
    Context,
    'Facts for the turn that the message started. Absent if none were given.',
  ),
  tools: optional(
    Type.Array(ClientTool),
    'Client tools of the turn that the message started. Absent if none were given.',
  ),
  metadata: optional(
    AnyObject,
    'For a posted message: the `metadata` of the request, unchanged. For a reply: `model` and `reasoning_effort`. Absent if empty.',
  ),
  tags: Type.Optional(
    Type.Array(Type.String(), {
      description: 'Labels from the request. Absent if none were given.',
    }),
  ),
  external_actor: Type.Optional(
    described(ExternalActor, 'Person who wrote the message in another system. Absent if unknown.'),
  ),
}

export const EventMessage = Type.Object(
  {
    ...messageFields,
    thinking: optional(
      Type.String(),
      'Thinking text of a reply. Absent if the model returned none.',
    ),
    thinking_signature: optional(
      Type.String(),
      'Opaque text with the reasoning signatures of the provider. The server replays it to the same model. Absent if there are none.',
    ),
  },
  { title: 'EventMessage', description: 'A message as events contain it.' },
)
export type EventMessage = Static<typeof EventMessage>

export const Message = Type.Object(
  {
    ...messageFields,
    session_id: described(SessionId, 'Session that the message belongs to.'),
    sequence: count(
      '`sequence` of the event that stored the message. Messages are listed by it, with gaps.',
    ),
  },
  {
    title: 'Message',
    description:
      'A message of a session: posted by a client, a reply of the agent, or a tool result.',
    examples: [
      {
        id: 'message_01933b5a00007000800000000000b001',
        role: 'user',
        content: [{ type: 'text', text: 'Summarize the sales of last week.' }],
        created_at: '2026-11-25T09:30:00.000Z',
        controls: { reasoning: { effort: 'high' } },
        metadata: { ticket: 'OPS-7' },
        tags: ['reports'],
        session_id: 'session_01933b5a00007000800000000000a001',
        sequence: 2,
      },
    ],
  },
)
export type Message = Static<typeof Message>
export const MessagePage = pageOf(Message, 'MessagePage')

export const InputContentPart = Type.Union([TextPart, ImagePart, ImageFilePart, ToolResultPart], {
  title: 'InputContentPart',
  description:
    'One part of a message that a client sends. `tool_result` is only allowed in a message of the role `tool_result`, which contains no other parts.',
})
export type InputContentPart = Static<typeof InputContentPart>

export const InputMessage = Type.Object(
  {
    role: Type.Optional(
      described(
        oneOf('user', 'agent', 'tool_result'),
        '`user`, which is the default, or `tool_result` to submit results of client tools. `agent` is accepted for compatibility and stored as `user`.',
      ),
    ),
    content: Type.Array(InputContentPart, {
      maxItems: 1000,
      description: 'Parts of the message, in order: at most 1,000, with at most 20 images.',
    }),
  },
  {
    title: 'InputMessage',
    description: 'Role and content of a message that a client sends.',
    examples: [
      { role: 'user', content: [{ type: 'text', text: 'Summarize the sales of last week.' }] },
    ],
  },
)

export const OnBusy = oneOf('steer', 'queue', 'interrupt', 'reject')
export type OnBusy = Static<typeof OnBusy>

export const NewMessage = Type.Object(
  {
    message: described(InputMessage, 'The message. The whole request has at most 8 MiB.'),
    on_busy: optional(
      OnBusy,
      'Effect while a turn runs. `steer`, the default: the turn reads the message at its next model call. `queue`: a turn of its own follows. `interrupt`: the turn is cancelled, its text so far is kept, and this message is next. `reject`: 409 `session_busy`. A message with `tools`, `context`, `instructions` or an output schema has a turn of its own: its default is `queue`, and `steer` is refused.',
    ),
    if_sequence: optional(
      Type.Integer({ minimum: 1, maximum: integerMax }),
      '`sequence` of the last event of the session that the client has read: 412 `changed_meanwhile` if there is another one. Default: no condition.',
    ),
    if_key: optional(
      SessionKey,
      'Key that the session must still have: 412 `changed_meanwhile` if it has moved to another session, as with a retake, or if the session never had it. Default: no condition.',
    ),
    controls: optional(
      Controls,
      "Model, reasoning effort, output limit and output schema of the turns that the message starts or joins. Default: the session's model, its default effort, and the agent's output schema.",
    ),
    instructions: optional(
      Instructions,
      'Additional system text for the turn of this message only, at most 32 KiB. It follows the system prompt. Default: none.',
    ),
    context: optional(
      Context,
      'Facts for the turn of this message only: at most 32, together at most 64 KiB. Default: none.',
    ),
    tools: optional(
      ClientTools,
      "Client tools for the turn of this message only: at most 128. A tool replaces that of the session or agent with the same name. Default: the session's and the agent's.",
    ),
    metadata: optional(
      AnyObject,
      'Any JSON object. It is stored and returned with the message, and is not sent to the model.',
    ),
    tags: optional(
      Type.Array(Type.String({ maxLength: 100 }), { maxItems: 50 }),
      'Labels of the message: at most 50, each of at most 100 characters. Default: none.',
    ),
    external_actor: optional(
      ExternalActor,
      'Person who wrote the message in another system, such as a chat. Refused for tokens. Default: none.',
    ),
  },
  {
    title: 'CreateMessageRequest',
    description: 'A message for the agent, and how its turn runs.',
    examples: [
      {
        message: { content: [{ type: 'text', text: 'Summarize the sales of last week.' }] },
        on_busy: 'queue',
      },
    ],
  },
)
export type NewMessage = Static<typeof NewMessage>

export const CancelTurn = Type.Object(
  {
    turn_id: optional(
      TurnId,
      'The turn to cancel. If another turn is running, nothing is cancelled. Absent: the running turn.',
    ),
  },
  {
    title: 'CancelTurn',
    description: 'The turn to cancel.',
    examples: [{}, { turn_id: 'turn_01933b5a000070008000000000000001' }],
  },
)
export type CancelTurn = Static<typeof CancelTurn>

export const CancelTurnResponse = Type.Object(
  {
    status: described(
      oneOf('cancelled', 'no_op'),
      '`cancelled`: the running turn was cancelled. `no_op`: no turn was running, or another one than `turn_id`.',
    ),
    message: Type.String({
      description: 'The same as a sentence for people.',
      examples: ['Turn cancelled successfully'],
    }),
  },
  {
    title: 'CancelTurnResponse',
    description: 'Result of a request to cancel a turn.',
    examples: [{ status: 'cancelled', message: 'Turn cancelled successfully' }],
  },
)
export type CancelTurnResponse = Static<typeof CancelTurnResponse>
