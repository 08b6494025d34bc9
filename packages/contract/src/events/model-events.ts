/** Data of the events about model calls. */
import { type Static, Type } from 'typebox'
import { AgentId, MessageId } from '../core/id.ts'
import { count, described, oneOf, optional } from '../core/shape.ts'
import { EventMessage } from '../messages/message.ts'
import { OutputErrors } from '../sessions/turn-settings.ts'
import {
  durationMs,
  errorFields,
  GenerationMetadata,
  imported,
  ModelMetadata,
  ToolCall,
  ToolSummary,
  turnId,
  usageOf,
} from './event-parts.ts'

export const ReasonStartedData = Type.Object(
  {
    agent_id: described(AgentId, 'Agent of the session.'),
    metadata: Type.Optional(described(ModelMetadata, 'Model that is called.')),
  },
  {
    title: 'ReasonStartedData',
    description: 'Appended before each model call. A turn has one per iteration.',
  },
)

export const ContextCompactingData = Type.Object(
  {
    ...turnId,
    summarized_to: count('`sequence` of the event whose message is the last one to be summarized.'),
    input_tokens: count('Estimated tokens of the prompt, which are too many for the model.'),
  },
  {
    title: 'ContextCompactingData',
    description:
      'Appended before the beginning of a conversation that is too long for the model is summarized. Show that the agent is busy.',
  },
)

export const ContextCompactedData = Type.Object(
  {
    ...turnId,
    summary: Type.Optional(
      Type.String({
        description: 'Text that replaces the summarized messages. Absent without a summary.',
      }),
    ),
    summarized_to: Type.Optional(
      count('`sequence` of the event whose message is the last one that `summary` replaces.'),
    ),
    shortened_to: Type.Optional(
      count('`sequence` of the event up to which tool results are cut to their beginning and end.'),
    ),
    input_tokens_before: count('Estimated tokens of the prompt before.'),
    input_tokens_after: count('Estimated tokens of the prompt afterwards.'),
    duration_ms: count('Time that it took in milliseconds.'),
    usage: usageOf('Tokens and cost of the summary. Absent if no model was called.'),
  },
  {
    title: 'ContextCompactedData',
    description:
      'Appended when models receive a shorter conversation from now on. The latest of these events holds alone. The log keeps all messages, so show the conversation unchanged.',
  },
)

const outputStarted = {
  ...turnId,
  model: Type.Optional(
    Type.String({
      description: "The provider's own name of the model.",
      examples: ['gpt-5-mini'],
    }),
  ),
  message_id: Type.Optional(
    described(MessageId, 'Id of the reply, the same in `output.message.completed`.'),
  ),
  attempt: Type.Optional(
    Type.Integer({
      minimum: 1,
      description:
        'Number of the attempt, from 1. It grows when a reply broke off or its node died.',
    }),
  ),
}

export const OutputMessageStartedData = Type.Object(
  {
    ...outputStarted,
    expects_json: Type.Optional(
      Type.Boolean({
        description:
          'True if the turn has an output schema. A reply with tool calls is not its answer. Absent otherwise, and in old events.',
      }),
    ),
  },
  {
    title: 'OutputMessageStartedData',
    description:
      'Appended before a request to the model is sent. With an `attempt` above 1, discard the text of the earlier attempt of the same `message_id`.',
  },
)

export const ReasonThinkingStartedData = Type.Object(outputStarted, {
  title: 'ReasonThinkingStartedData',
  description:
    'Appended before a request that selects a reasoning effort. Thinking text may follow.',
})

const textDelta = (text: string) => ({
  ...turnId,
  delta: Type.String({ description: `New ${text} since the previous delta that was sent.` }),
  accumulated: Type.Optional(
    Type.String({
      description: `All ${text} of the attempt so far. Absent with \`accumulated=false\`.`,
    }),
  ),
})

export const ReasonThinkingDeltaData = Type.Object(textDelta('thinking text'), {
  title: 'ReasonThinkingDeltaData',
  description:
    'Streamed at most every 50 ms while the model thinks. Not stored, without `sequence`. Append `delta` to the thinking shown.',
})

export const ReasonThinkingCompletedData = Type.Object(
  {
    ...turnId,
    thinking: Type.String({ description: 'Complete thinking text of the call.' }),
  },
  {
    title: 'ReasonThinkingCompletedData',
    description:
      'Appended with the end of a model call that returned thinking. Replace the streamed thinking by it.',
  },
)

export const OutputMessageDeltaData = Type.Object(textDelta('text'), {
  title: 'OutputMessageDeltaData',
  description:
    'Streamed at most every 50 ms while the model replies. Not stored, without `sequence`. Append `delta` to the reply shown.',
  examples: [
    {
      turn_id: 'turn_01933b5a00007000800000000000c001',
      delta: ' rose by 4 %',
      accumulated: 'Sales rose by 4 %',
    },
  ],
})

const GenerationOutput = Type.Object(
  {
    text: optional(Type.String(), 'Text of the reply. Absent or empty if there is none.'),
    tool_calls: Type.Optional(
      Type.Array(ToolCall, {
        description: 'Tool calls of the reply. Absent or empty without any.',
      }),
    ),
  },
  { title: 'LlmGenerationOutput', description: 'Text and tool calls that a model returned.' },
)

export const LlmGenerationData = Type.Object(
  {
    messages: Type.Array(EventMessage, {
      description:
        'Messages of the prompt that are new since the previous `llm.generation` of the session. With `expand=messages`, the whole prompt.',
    }),
    output: described(GenerationOutput, 'The reply as the model returned it.'),
    metadata: described(GenerationMetadata, 'Model, usage, times and outcome of the call.'),
    tools: Type.Optional(
      Type.Array(ToolSummary, { description: 'Tools that the model could call. Absent if none.' }),
    ),
  },
  {
    title: 'LlmGenerationData',
    description:
      'Appended when a model call has ended, with or without success. It serves for debugging and is hidden from session tokens.',
  },
)

export const WrittenSpan = Type.Object(
  {
    type: described(
      oneOf('thinking', 'text', 'arguments'),
      'What was written: thinking, text, or arguments of tool calls.',
    ),
    length: Type.Integer({ minimum: 1, description: 'UTF-16 units.' }),
  },
  { title: 'WrittenSpan', description: 'A part of a reply in the order of its stream.' },
)
export type WrittenSpan = Static<typeof WrittenSpan>

export const OutputMessageCompletedData = Type.Object(
  {
    message: described(
      EventMessage,
      'The reply, with the role `agent`: its text, then its tool calls. For a failed call without text, the sentence of the failure.',
    ),
    metadata: Type.Optional(described(ModelMetadata, 'Model that replied.')),
    usage: usageOf('Tokens and cost of the call. Absent if the provider reported none.'),
    finish_reason: Type.Optional(
      described(
        oneOf('length', 'content_filter'),
        'Why the reply is cut: a limit of tokens, or a filter of the provider. Absent if it is complete, and in old events.',
      ),
    ),
    output_errors: Type.Optional(
      described(
        OutputErrors,
        'Violations of the output schema, at most 10. The model is called once more to correct them; after that the turn fails. Absent for valid answers; empty for tokens with the `chat` view.',
      ),
    ),
    written_order: Type.Optional(
      Type.Array(WrittenSpan, {
        description:
          'The order in which the model wrote the reply, at most 1,000 spans. Absent if it is thinking, then text, then arguments. Hidden from tokens with the `chat` view.',
      }),
    ),
    imported,
  },
  {
    title: 'OutputMessageCompletedData',
    description:
      'Appended with the complete reply of a model call. Replace the streamed text by it; it is complete even if no delta arrived.',
  },
)

export const ReasonCompletedData = Type.Object(
  {
    success: Type.Boolean({ description: 'True if the model returned a complete reply.' }),
    has_tool_calls: Type.Boolean({
      description: 'True if the reply has tool calls, so that `act.started` follows.',
    }),
    tool_call_count: count('Number of tool calls in the reply.'),
    text_preview: Type.Optional(
      Type.String({
        description:
          'Beginning of the text: at most 200 characters, then `…`. Absent if there is no text.',
      }),
    ),
    ...errorFields,
    duration_ms: durationMs('Time of the step in milliseconds, repeated calls included.'),
    usage: usageOf('Tokens and cost of the step. Absent if the provider reported none.'),
  },
  {
    title: 'ReasonCompletedData',
    description: 'Appended when the model call of an iteration is over, retries included.',
  },
)
