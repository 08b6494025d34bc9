import type { DocsTable } from '../../core/docs.ts'

const session = 'session_01933b5a000070008000000000000001'

/** Errors of a decision about tool calls. */
export const decisionErrors = [
  'approval_not_pending',
  'not_granted',
  'validation_timeout',
  'session_changing',
  'tool_rules_full',
] as const

export const answerDocs = {
  submit_tool_results: {
    tag: 'Tool calls',
    summary: 'Submit results of client tools',
    description:
      'Stores the results of tool calls that the client ran, after the event `tool.call_requested`. The turn continues once every call of the reply has an outcome. Send all results in one request or each in its own; `error` in place of `result` reports a failed tool to the model. Each call accepts one result: if one call of a request is not waiting, nothing of the request is stored. A session token may answer only tools in its `tool_results`. The body has at most 8 MiB.',
    errors: ['tool_call_not_waiting', 'quota_exceeded', 'session_changing'],
    sample: `const accepted = await outlast.sessions.submitToolResults('${session}', {\n  tool_results: [{ tool_call_id: 'call_1', result: { open: true } }],\n})`,
  },
  decide_tool_call: {
    tag: 'Tool calls',
    summary: 'Approve or deny a tool call',
    description:
      'Decides on a tool call that requires approval, after the event `tool.approval_requested`. `approve` runs the call, with `arguments` in place of those of the model if given, which tokens may not send; `deny` reports the refusal and the `reason` to the model. The turn then continues. `always` also stores a rule for all later calls of the tool, in this session or in all sessions of the agent. Each call accepts one decision. The event `tool.approval_resolved` records the caller.',
    errors: decisionErrors,
    sample: `const result = await outlast.sessions.decideToolCall('${session}', 'call_1', {\n  decision: 'approve',\n})`,
  },
} as const satisfies DocsTable
