/** Parts that the data of several events have in common. */
import { type Static, Type } from 'typebox'
import { ImageId, MessageId, TurnId } from '../core/id.ts'
import { AnyObject, count, described, oneOf, optional } from '../core/shape.ts'
import { TokenUsage } from '../core/usage.ts'

export const turnId = { turn_id: described(TurnId, 'Id of the turn.') }

export const turnAndInput = {
  ...turnId,
  input_message_id: described(MessageId, 'Id of the message that the turn answers.'),
}

export const imported = Type.Optional(
  Type.Literal(true, {
    description: 'True if the session was created with this message. Absent otherwise.',
  }),
)

export const durationMs = (description: string) => Type.Optional(count(description))

export const usageOf = (description: string) => Type.Optional(described(TokenUsage, description))

const callId = Type.String({
  description: 'Id of the call, unique in the session.',
  examples: ['call_1'],
})
const toolName = Type.String({ description: 'Name of the tool.', examples: ['open_door'] })

export const toolCallFields = { tool_call_id: callId, tool_name: toolName }

/** Identifies a tool by its origin. */
export const ToolRef = Type.String({
  description:
    'Identifies the tool by its origin: the id of its capability, and its name there. Decisions for all calls hold only for it. Absent for events of older servers.',
  examples: ['session_file_system/write_file'],
})

export const RuleScope = oneOf('session', 'agent')
export type RuleScope = Static<typeof RuleScope>

export const ToolCall = Type.Object(
  {
    id: callId,
    name: toolName,
    arguments: described(
      AnyObject,
      'Arguments that the model chose. Empty for a session token that may not see them.',
    ),
  },
  {
    title: 'ToolCall',
    description: 'A call of a tool by the model.',
    examples: [{ id: 'call_1', name: 'open_door', arguments: { door: 'red' } }],
  },
)
export type ToolCall = Static<typeof ToolCall>

export const ToolCallSummary = Type.Object(
  { id: callId, name: toolName },
  { title: 'ToolCallSummary', description: 'A call of a tool, without its arguments.' },
)

export const ToolSummary = Type.Object(
  {
    name: toolName,
    description: Type.String({ description: 'Description of the tool that the model received.' }),
  },
  { title: 'ToolDefinitionSummary', description: 'A tool that the model could call.' },
)

export const ModelMetadata = Type.Object(
  {
    model: Type.String({
      description: "The provider's own name of the model.",
      examples: ['gpt-5-mini'],
    }),
    model_id: optional(
      Type.String({ format: 'uuid' }),
      'Id of the model on this server as a UUID with dashes, without the prefix `model_`. Absent if no model was usable.',
    ),
    provider_id: optional(
      Type.String({ format: 'uuid' }),
      'Id of the provider on this server as a UUID with dashes, without the prefix `provider_`. Absent if no model was usable.',
    ),
  },
  {
    title: 'ModelMetadata',
    description: 'The model of a call.',
    examples: [
      {
        model: 'gpt-5-mini',
        model_id: '01933b5a-0000-7000-8000-00000000020a',
        provider_id: '01933b5a-0000-7000-8000-000000000001',
      },
    ],
  },
)
export type ModelMetadata = Static<typeof ModelMetadata>

const RetryInfo = Type.Object(
  {
    attempts: count('Number of repeated calls, without the first one.'),
    total_wait_ms: count('Total time before and between the calls in milliseconds.'),
    error_codes: Type.Optional(
      Type.Array(Type.String(), {
        description: 'Error code of each failed call, in order.',
        examples: [['llm_rate_limited', 'llm_overloaded']],
      }),
    ),
    usage: usageOf(
      'Tokens and cost of replies that were dropped, also of a failed summary. Absent if the provider reported none.',
    ),
  },
  {
    title: 'LlmRetryInfo',
    description: 'Repeated calls, waits before calls, and usage of dropped replies.',
  },
)

export const CompactionInfo = Type.Object(
  {
    compacted: Type.Boolean({ description: 'True if the conversation was shortened.' }),
    input_tokens_before: Type.Optional(
      count('Estimated tokens of the prompt before it was shortened.'),
    ),
    input_tokens_after: Type.Optional(count('Estimated tokens of the prompt afterwards.')),
    duration_ms: durationMs('Time that it took in milliseconds, summaries included.'),
  },
  {
    title: 'LlmCompactionInfo',
    description: 'Compaction before a call, because the conversation did not fit the model.',
  },
)
export type CompactionInfo = Static<typeof CompactionInfo>

export const HookDecision = Type.Object(
  {
    decision: described(
      oneOf('allowed', 'denied', 'approval_required', 'changed'),
      '`allowed`: the call runs by the policy of its tool. `denied`: it does not run. `approval_required`: a person must approve it. `changed`: it runs with other arguments, which the event has.',
    ),
    reason: Type.Optional(
      Type.String({ description: 'Reason of `denied`, for the model. Absent if there is none.' }),
    ),
  },
  {
    title: 'HookDecision',
    description: 'Decision of the `hooks.call` of the project about a tool call.',
    examples: [{ decision: 'denied', reason: 'Refunds above 100 EUR need a ticket.' }],
  },
)
export type HookDecision = Static<typeof HookDecision>

export const OmittedImage = Type.Object(
  {
    image_id: Type.Optional(
      described(ImageId, 'Id of an uploaded image. Absent for an image by address or in base64.'),
    ),
    filename: Type.Optional(Type.String({ description: 'File name of an uploaded image.' })),
    reason: Type.String({
      description: 'Reason, as the rest of a sentence.',
      examples: ['the model does not support images'],
    }),
  },
  {
    title: 'OmittedImage',
    description: 'An image of the conversation that the model received as text.',
    examples: [
      {
        image_id: 'img_01933b5a000070008000000000000001',
        filename: 'chart.png',
        reason: 'the model does not support images',
      },
    ],
  },
)
export type OmittedImage = Static<typeof OmittedImage>

export const errorFields = {
  error: Type.Optional(
    Type.String({ description: 'Reason of the failure, for people. Absent on success.' }),
  ),
  error_code: Type.Optional(
    Type.String({
      description: 'Code of the failure, as in `turn.failed`. Absent on success.',
      examples: ['llm_rate_limited'],
    }),
  ),
}

export const GenerationMetadata = Type.Object(
  {
    model: Type.String({
      description: "The provider's own name of the model.",
      examples: ['gpt-5-mini'],
    }),
    success: Type.Boolean({ description: 'True if the call returned a complete reply.' }),
    provider: Type.Optional(
      Type.String({
        description: 'Type of the provider. Absent if no model was usable.',
        examples: ['openai'],
      }),
    ),
    usage: usageOf('Tokens and cost of the call. Absent if the provider reported none.'),
    duration_ms: durationMs('Time from the request to the end of the reply in milliseconds.'),
    time_to_first_token_ms: durationMs(
      'Time from the request to the first piece of the reply in milliseconds. Absent without a piece.',
    ),
    finish_reasons: Type.Optional(
      Type.Array(Type.String(), {
        description:
          'Why the reply ended, one item: `stop`, `tool_calls`, `length`, `content_filter` or `error`.',
        examples: [['stop']],
      }),
    ),
    response_id: Type.Optional(
      Type.String({ description: 'Id that the provider gave the reply. Absent if it gave none.' }),
    ),
    error: Type.Optional(
      Type.String({
        description:
          "The provider's own error text, without keys. No other event contains it. Absent on success.",
      }),
    ),
    error_code: errorFields.error_code,
    retry: Type.Optional(
      described(
        RetryInfo,
        'Repeated calls, waits before calls, and usage of dropped replies. Absent if there were none.',
      ),
    ),
    compaction: Type.Optional(
      described(CompactionInfo, 'Compaction before the call. Absent if there was none.'),
    ),
    omitted_images: Type.Optional(
      Type.Array(OmittedImage, {
        description:
          'Images that the model received as text, newest first, at most 20. Absent if there were none.',
      }),
    ),
  },
  { title: 'LlmGenerationMetadata', description: 'Model, usage, times and outcome of a call.' },
)
export type GenerationMetadata = Static<typeof GenerationMetadata>

export const Decider = Type.Object(
  {
    kind: Type.String({
      description: 'Kind of caller: `user`, `key`, `token`, `server` or `anonymous`.',
      examples: ['user'],
    }),
    id: Type.String({ description: 'Id of the user, API key or token.' }),
    name: Type.String({ description: 'Name of the caller when it answered.' }),
    user: Type.Optional(
      Type.String({
        description: 'The end user whose token the caller used. Absent for other callers.',
      }),
    ),
  },
  {
    title: 'Decider',
    description: 'The caller that decided on a tool call or submitted its result.',
    examples: [{ kind: 'user', id: '01933b5a-0000-7000-8000-000000000001', name: 'Ada Lovelace' }],
  },
)
export type Decider = Static<typeof Decider>
