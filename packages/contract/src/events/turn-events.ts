/** Data of the events about a session and its turns as a whole. */
import { Type } from 'typebox'
import { AgentId, MessageId, ModelId } from '../core/id.ts'
import { Anything, count, described, oneOf } from '../core/shape.ts'
import { PathChange } from '../files/file.ts'
import { EventMessage } from '../messages/message.ts'
import { OutputErrors } from '../sessions/turn-settings.ts'
import { durationMs, imported, turnAndInput, turnId, usageOf } from './event-parts.ts'

const iterations = count('Number of model calls of the turn, repeated attempts not counted.')

const inputContent = Type.Optional(
  Type.String({ description: 'Text of the message. Absent if the message has none.' }),
)

const hashOf = (text: string) =>
  Type.Optional(
    Type.String({ description: `SHA-256 of the ${text} of the turn. Absent in old events.` }),
  )

export const InputMessageData = Type.Object(
  {
    message: described(EventMessage, 'The message, with the role `user`.'),
    on_busy: Type.Optional(
      described(
        oneOf('queue'),
        '`queue` if the message waits for a turn of its own. Absent if it starts or joins a turn.',
      ),
    ),
    imported,
  },
  {
    title: 'InputMessageData',
    description: 'Appended when the server accepts a message. Add the message to the conversation.',
  },
)

export const SessionStartedData = Type.Object(
  {
    agent_id: described(AgentId, 'Agent of the session.'),
    model_id: Type.Optional(
      described(ModelId, 'Model of the session. Absent if the session names none.'),
    ),
  },
  {
    title: 'SessionStartedData',
    description: 'Appended when the session is created. Always the event with `sequence` 1.',
    examples: [{ agent_id: 'agent_01933b5a000070008000000000000101' }],
  },
)

export const SessionActivatedData = Type.Object(
  {
    ...turnAndInput,
    input_sequence: Type.Optional(
      count(
        '`sequence` of the event of that message, if the message was queued or its turn is a retry. Absent otherwise.',
      ),
    ),
    missing_capabilities: Type.Optional(
      Type.Array(Type.String(), {
        description:
          'Ids of capabilities that the turn begins without, because no node has them. Absent otherwise.',
      }),
    ),
  },
  {
    title: 'SessionActivatedData',
    description:
      'Appended when a turn begins. Show the agent as busy. With `input_sequence`, the message takes its place in the conversation here.',
  },
)

export const TurnStartedData = Type.Object(
  {
    ...turnAndInput,
    input_content: inputContent,
    prompt_hash: hashOf('system prompt'),
    tools_hash: hashOf('list of tools'),
    output_schema_hash: Type.Optional(
      Type.String({
        description: 'SHA-256 of the output schema of the turn. Absent if it has none.',
      }),
    ),
  },
  {
    title: 'TurnStartedData',
    description:
      'Appended once per turn, when a node takes it, before any model call. The system prompt and the list of tools hold for the whole turn.',
  },
)

export const FilesChangedData = Type.Object(
  {
    changes: Type.Array(PathChange, {
      description:
        'Changed paths. New parent directories and the content of moved or deleted directories are not listed.',
    }),
    tool_call_id: Type.Optional(
      Type.String({
        description: 'Id of the tool call that made the changes. Absent for a client.',
      }),
    ),
  },
  {
    title: 'FilesChangedData',
    description:
      'Appended in the transaction of a change of files, by a client or a tool. Read the listed files again.',
    examples: [
      {
        changes: [
          { change: 'created', path: '/notes/today.md', is_directory: false, size_bytes: 9 },
        ],
        tool_call_id: 'call_1',
      },
    ],
  },
)

export const TurnCompletedData = Type.Object(
  {
    ...turnId,
    iterations,
    usage: usageOf('Tokens and cost of the turn. Absent if no call reported tokens.'),
    duration_ms: durationMs(
      'Time from the start of the turn to its end in milliseconds, waits included.',
    ),
    input_content: inputContent,
    output: Type.Optional(
      described(
        Anything,
        'The answer as JSON, which matches the output schema. Absent if the turn has none.',
      ),
    ),
    status: Type.Optional(
      described(oneOf('completed'), 'Always `completed`. Absent in old events.'),
    ),
    final_message_id: Type.Optional(
      described(MessageId, 'Message that is the answer. Absent in old events.'),
    ),
    final_answer_preview: Type.Optional(
      Type.String({
        description:
          'Text of the answer: at most 200 characters, then `…`. Absent if it has no text, and in old events.',
      }),
    ),
    llm_call_count: Type.Optional(
      count('Number of model calls, repeated attempts not counted. Absent in old events.'),
    ),
    tool_call_count: Type.Optional(
      count('Number of tool calls with an outcome. Absent in old events.'),
    ),
    time_to_first_token_ms: durationMs(
      'Time of the first model call until its first token in milliseconds. Absent if it was not measured.',
    ),
  },
  {
    title: 'TurnCompletedData',
    description:
      'Appended when a turn ends with a reply without tool calls. That reply is the answer to the message.',
  },
)

export const TurnFailedData = Type.Object(
  {
    ...turnId,
    error: Type.String({ description: 'Reason of the failure as a sentence for end users.' }),
    error_code: Type.Optional(
      Type.String({
        description: 'Code of the failure; the error reference lists all codes.',
        examples: ['max_iterations', 'llm_rate_limited'],
      }),
    ),
    output_errors: Type.Optional(
      described(
        OutputErrors,
        'Violations of the output schema, at most 10. Only with `output_invalid`.',
      ),
    ),
    usage: usageOf('Tokens and cost of the turn. Absent if no call reported tokens.'),
  },
  {
    title: 'TurnFailedData',
    description:
      'Appended when a turn cannot continue and all retries are used up. Show `error`, and offer to retry the turn.',
    examples: [
      {
        turn_id: 'turn_01933b5a00007000800000000000c001',
        error: 'The turn made as many model calls as it may.',
        error_code: 'max_iterations',
      },
    ],
  },
)

export const TurnCancelledData = Type.Object(
  {
    ...turnId,
    reason: Type.Optional(
      Type.String({ description: 'Cause of the cancellation, such as a request or a message.' }),
    ),
    usage: usageOf('Tokens and cost of the turn so far. Absent if no call reported tokens.'),
  },
  {
    title: 'TurnCancelledData',
    description:
      'Appended when a turn is cancelled. Text that was streamed until then follows as `output.message.completed`, and open tool calls end as `cancelled`.',
    examples: [
      {
        turn_id: 'turn_01933b5a00007000800000000000c001',
        reason: 'User requested cancellation',
      },
    ],
  },
)

export const SessionIdledData = Type.Object(
  {
    ...turnId,
    iterations: Type.Optional(iterations),
    usage: usageOf('Tokens and cost of the whole session so far. Absent if no call reported any.'),
  },
  {
    title: 'SessionIdledData',
    description:
      'Appended after the end of a turn if no other turn follows at once. The session waits for a message.',
  },
)
