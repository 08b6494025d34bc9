/** Data of the events about tool calls. */
import { Type } from 'typebox'
import { Timestamp } from '../core/id.ts'
import { AnyObject, count, described, oneOf, optional } from '../core/shape.ts'
import { ContentPart } from '../messages/message.ts'
import { QuestionOutcome, QuestionSet } from '../messages/question.ts'
import {
  Decider,
  durationMs,
  HookDecision,
  imported,
  RuleScope,
  ToolCall,
  ToolCallSummary,
  ToolRef,
  toolCallFields,
  turnId,
} from './event-parts.ts'

export const ActStartedData = Type.Object(
  {
    tool_calls: Type.Array(ToolCallSummary, { description: 'Tool calls of the reply, in order.' }),
  },
  {
    title: 'ActStartedData',
    description: 'Appended with a reply that has tool calls, before the first one runs.',
  },
)

export const ToolInputDeltaData = Type.Object(
  {
    ...turnId,
    tool_call_id: Type.String({
      description:
        'Id that the model gave the call. Later events have another one if the session already had it.',
      examples: ['call_1'],
    }),
    name: toolCallFields.tool_name,
    delta: Type.String({
      description: 'New text of the arguments, a part of a JSON object.',
      examples: ['{"to":"ada@exa'],
    }),
  },
  {
    title: 'ToolInputDeltaData',
    description:
      'Streamed at most every 50 ms while the model writes the arguments of a call. Not stored, without `sequence`. Append `delta` to the text of the call; `output.message.completed` has the complete calls. Hidden from session tokens with the `chat` view.',
  },
)

const hookOf = (calls: string) =>
  Type.Optional(
    described(HookDecision, `Decision of the hook on ${calls}. Absent if no hook was asked then.`),
  )

const expiresAt = (outcome: string) =>
  described(Timestamp, `Time at which ${outcome} and the turn continues.`)

const toolRef = Type.Optional(ToolRef)

export const ToolApprovalRequestedData = Type.Object(
  {
    tool_call: described(ToolCall, 'The call that waits, with its arguments.'),
    expires_at: expiresAt('the approval expires, the call ends without running'),
    hook: hookOf('the call'),
    tool_ref: toolRef,
  },
  {
    title: 'ToolApprovalRequestedData',
    description:
      'Appended when a call must be approved before it runs. Ask a person, and send the decision to `POST /v1/sessions/{session_id}/approvals/{tool_call_id}`.',
  },
)

export const ToolApprovalResolvedData = Type.Object(
  {
    ...toolCallFields,
    decision: described(
      oneOf('approved', 'denied', 'expired'),
      '`approved`: the call runs. `denied`: it does not run. `expired`: there was no decision in time, and it does not run.',
    ),
    reason: Type.Optional(
      Type.String({ description: 'Reason that the caller gave. Absent if it gave none.' }),
    ),
    arguments: Type.Optional(
      described(AnyObject, "Arguments that replace the model's. Absent if they are unchanged."),
    ),
    always: Type.Optional(
      Type.Boolean({
        description: 'True if the decision holds for all calls of the tool in the session.',
      }),
    ),
    scope: Type.Optional(
      described(
        RuleScope,
        'With `always`: `agent` if the decision holds in all sessions of the agent. Absent: `session`.',
      ),
    ),
    tool_ref: toolRef,
    decided_by: Type.Optional(
      described(Decider, 'Caller that decided. Absent if the approval expired.'),
    ),
  },
  {
    title: 'ToolApprovalResolvedData',
    description:
      'Appended when an approval has been decided or has expired. Stop asking. A call that does not run has its `tool.completed` right after this event.',
    examples: [
      {
        tool_call_id: 'call_1',
        tool_name: 'delete_file',
        decision: 'denied',
        reason: 'The file is still needed.',
        decided_by: {
          kind: 'user',
          id: '01933b5a-0000-7000-8000-000000000001',
          name: 'Ada Lovelace',
        },
      },
    ],
  },
)

export const ToolCallRequestedData = Type.Object(
  {
    tool_calls: Type.Array(ToolCall, { description: 'Calls that the client must run.' }),
    expires_at: expiresAt('the calls end with the status `timeout`'),
    input: Type.Optional(
      described(
        QuestionSet,
        'Questions to a person. Present if the call asks them: then no client runs it.',
      ),
    ),
    hook: hookOf('these calls'),
  },
  {
    title: 'ToolCallRequestedData',
    description:
      'Appended when client tools are called. Run them, and send the results to `POST /v1/sessions/{session_id}/tool-results`. With `input`: appended when a tool asks a person. Show the questions, and send the answers to `POST /v1/sessions/{session_id}/question-answers`.',
  },
)

export const ToolInputResolvedData = Type.Object(
  {
    ...toolCallFields,
    ...QuestionOutcome.properties,
    decided_by: Type.Optional(
      described(Decider, 'Caller that answered or declined. Absent for the other outcomes.'),
    ),
  },
  {
    title: 'ToolInputResolvedData',
    description:
      'Appended when the questions of a running tool have their outcome. The tool then runs again, and gets the answers. The answers to `ask_user` are its result in `tool.completed` instead.',
    examples: [
      {
        tool_call_id: 'call_1',
        tool_name: 'book_flight',
        status: 'answered',
        answered_by: 'user',
        answers: [{ id: 'q1', selected: ['Window'] }],
        decided_by: {
          kind: 'user',
          id: '01933b5a-0000-7000-8000-000000000001',
          name: 'Ada Lovelace',
        },
      },
    ],
  },
)

export const ToolStartedData = Type.Object(
  {
    tool_call: described(ToolCall, 'The call, with its arguments.'),
    replay: Type.Optional(
      described(
        oneOf('safe', 'unsafe', 'until_changed'),
        'Whether the call may run again after its node died. `safe`: yes. `unsafe`: no, its outcome is reported as unknown. `until_changed`: only if it has not changed files. Absent if the call cannot run.',
      ),
    ),
    hook: hookOf('the call'),
  },
  {
    title: 'ToolStartedData',
    description:
      'Appended before the server runs a tool. Show the tool as running. A call that cannot run, or that a hook denied, has its `tool.completed` right after this event. A call that is approved after an interruption starts again.',
    examples: [
      {
        tool_call: { id: 'call_1', name: 'read_file', arguments: { path: '/notes/today.md' } },
        replay: 'safe',
      },
    ],
  },
)

export const ToolCompletedData = Type.Object(
  {
    ...toolCallFields,
    success: Type.Boolean({ description: 'True if `status` is `success`.' }),
    status: described(
      oneOf('success', 'error', 'timeout', 'cancelled'),
      '`success`: the tool returned a result. `error`: it failed or was denied. `timeout`: it took too long, or there was no answer in time. `cancelled`: the turn was cancelled, or a message ended the wait.',
    ),
    result: optional(
      Type.Array(ContentPart),
      'Result for the model: a text part with JSON, then images. A long result is shortened; its JSON names the file that has all of it. Absent on failure.',
    ),
    error: optional(Type.String(), 'Reason of the failure, for the model. Absent on success.'),
    error_code: Type.Optional(
      Type.String({
        description:
          '`tool_missing`: the tool no longer exists on the server. `tool_changed`: the tool has changed since the call was made, and refuses its arguments, or another tool has replaced it since the call was approved. Otherwise the code of an error of the API, such as `secret_missing`, `secret_not_allowed` and `secret_unusable` about a secret that a tool sends, or `file_not_found`. Absent for other failures.',
        examples: ['tool_changed'],
      }),
    ),
    duration_ms: durationMs(
      'Time that the call ran in milliseconds. Absent if it did not run here.',
    ),
    answered_by: Type.Optional(
      described(
        Decider,
        "Caller that submitted a client tool's result or answered questions. Absent for other tools.",
      ),
    ),
    imported,
  },
  {
    title: 'ToolCompletedData',
    description:
      'Appended when a tool call has its outcome, in the order of outcomes. Show the result with its call.',
    examples: [
      {
        tool_call_id: 'call_1',
        tool_name: 'open_door',
        success: true,
        status: 'success',
        result: [{ type: 'text', text: '{"open":true}' }],
        duration_ms: 42,
      },
    ],
  },
)

export const ToolProgressData = Type.Object(
  {
    ...toolCallFields,
    progress: Type.Number({
      description: 'Progress in a unit of the tool. Each event of a call has a larger value.',
    }),
    total: Type.Optional(
      Type.Number({ description: 'Value of `progress` at the end. Absent if it is unknown.' }),
    ),
    message: Type.Optional(
      Type.String({
        description: 'Current work in words, at most 500 characters. Absent if there is none.',
      }),
    ),
  },
  {
    title: 'ToolProgressData',
    description:
      'Appended while a tool runs that reports progress: at once, then at most every second, 100 times per call. Update the progress shown.',
    examples: [
      { tool_call_id: 'call_1', tool_name: 'mcp_tracker__export', progress: 40, total: 100 },
    ],
  },
)

export const ActCompletedData = Type.Object(
  {
    completed: Type.Boolean({ description: 'True if every call has an outcome.' }),
    success_count: count('Number of calls with the status `success`.'),
    error_count: count('Number of calls with another status.'),
    duration_ms: durationMs(
      'Time of the step in milliseconds, without waits for clients and approvals.',
    ),
  },
  {
    title: 'ActCompletedData',
    description:
      'Appended when all tool calls of a reply have their outcomes. The next model call follows.',
  },
)
