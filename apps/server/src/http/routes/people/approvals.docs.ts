import type { DocsTable } from '../../core/docs.ts'
import { decisionErrors } from './answers.docs.ts'

const session = 'session_01933b5a000070008000000000000001'

export const approvalDocs = {
  decide_tool_calls: {
    tag: 'Tool calls',
    summary: 'Decide on several tool calls',
    description:
      'Decides on tool calls that require approval, all or none. A call that was decided in the same way before, with the same arguments and rule, counts as decided, so that a request can be repeated. Tokens may not send `arguments`. `always` also stores a rule for all later calls of the tool, in this session or in all sessions of the agent. If a call was decided in another way or is not waiting, the response is 409 and names the calls.',
    errors: decisionErrors,
    sample: `await outlast.sessions.decideToolCalls('${session}', {\n  approvals: [{ tool_call_id: 'call_1', decision: 'approve' }],\n})`,
  },
  submit_tool_approvals: {
    tag: 'Tool calls',
    summary: 'Settle all tool calls that wait for approval',
    description:
      'Settles all tool calls that wait for an approval: those in `decisions` by their decision, all others as `not_approved`. `allow_always` and `reject_always` also store a rule for all later calls of the tool in this session. A rule allows no call for which the hook of the project requires an approval, and no tool of an MCP server that changed. Otherwise it is the same as deciding on the calls one by one.',
    errors: ['approval_not_pending', 'session_changing'],
    sample: `await outlast.sessions.submitToolApprovals('${session}', {\n  decisions: [{ tool_call_id: 'call_1', decision: 'allow_always' }],\n})`,
  },
  list_tool_rules: {
    tag: 'Tool calls',
    summary: 'List the tool rules of a session',
    description:
      'Returns the decisions that hold for all calls of a tool in the session, by the name of the tool.',
    sample: `const rules = await outlast.sessions.listToolRules('${session}')`,
  },
  delete_tool_rule: {
    tag: 'Tool calls',
    summary: 'Remove a tool rule',
    description:
      'Removes the decision for all calls of a tool. Its next calls follow the policy of the tool again, at the latest from the next turn on.',
    sample: `await outlast.sessions.removeToolRule('${session}', 'write_file')`,
  },
} as const satisfies DocsTable
