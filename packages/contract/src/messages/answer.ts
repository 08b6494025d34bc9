import { type Static, Type } from 'typebox'
import { Timestamp } from '../core/id.ts'
import { AnyObject, count, described, nullable, oneOf, optional, pageOf } from '../core/shape.ts'
import { Decider, RuleScope, ToolRef } from '../events/event-parts.ts'
import { SessionStatus, WaitingFor } from '../sessions/session.ts'

export const ClientToolResult = Type.Object(
  {
    tool_call_id: Type.String({
      minLength: 1,
      maxLength: 1_000,
      description: 'Id of the call, from `tool.call_requested` or `waiting_for`.',
      examples: ['call_1'],
    }),
    result: Type.Optional(
      Type.Unknown({
        description:
          'Result of the tool: any JSON value. The model receives a shortened form of a long result. Default: null.',
      }),
    ),
    error: optional(
      Type.String(),
      'Reason of the failure, for the model. If present, the call has failed and `result` is ignored.',
    ),
  },
  {
    title: 'ClientToolResult',
    description: 'Outcome of one call of a client tool: `error` if it failed, otherwise `result`.',
    examples: [{ tool_call_id: 'call_1', result: { open: true } }],
  },
)
export type ClientToolResult = Static<typeof ClientToolResult>

export const ToolResults = Type.Object(
  {
    tool_results: Type.Array(ClientToolResult, {
      minItems: 1,
      maxItems: 1000,
      description:
        'Outcomes of calls that wait, 1 to 1,000, each call once. If one of them does not wait, none is stored.',
    }),
  },
  {
    title: 'SubmitToolResultsRequest',
    description: 'Outcomes of client tools, all at once or one request each.',
    examples: [{ tool_results: [{ tool_call_id: 'call_1', result: { open: true } }] }],
  },
)
export type ToolResults = Static<typeof ToolResults>

const afterwards = {
  status: described(SessionStatus, 'Status of the session after the request.'),
  waiting_for: nullable(
    WaitingFor,
    'Calls that still wait for an outcome. Null if none do, so that the turn continues.',
  ),
}

export const ToolResultsAccepted = Type.Object(
  { accepted: count('Number of outcomes that were stored.'), ...afterwards },
  {
    title: 'SubmitToolResultsResponse',
    description: 'Stored outcomes, and calls that still wait.',
    examples: [{ accepted: 1, status: 'active', waiting_for: null }],
  },
)
export type ToolResultsAccepted = Static<typeof ToolResultsAccepted>

export const Approval = Type.Object(
  {
    decision: described(
      oneOf('approve', 'deny'),
      '`approve`: the call runs. `deny`: it does not run, and the model receives `reason`.',
    ),
    reason: optional(
      Type.String({ maxLength: 10_240 }),
      'Reason of the decision: at most 10,240 characters. Default: none.',
    ),
    arguments: optional(
      AnyObject,
      "Arguments that replace the model's. They must match the schema of the tool. Only with `approve`. Default: those of the model.",
    ),
    always: optional(
      RuleScope,
      'Makes the decision a rule for all later calls of the tool. `session`: in this session. `agent`: in all sessions of the agent, not for tokens and not for tools of the session itself. Default: none.',
    ),
  },
  {
    title: 'ApprovalRequest',
    description: 'Decision about a tool call that waits for an approval.',
    examples: [{ decision: 'deny', reason: 'The file is still needed.' }],
  },
)
export type Approval = Static<typeof Approval>

export const ApprovalResponse = Type.Object(
  {
    tool_call_id: Type.String({ description: 'Id of the call.', examples: ['call_1'] }),
    decision: described(oneOf('approved', 'denied'), 'The stored decision. It is final.'),
    ...afterwards,
  },
  {
    title: 'ApprovalResponse',
    description: 'The stored decision, and calls that still wait.',
    examples: [
      { tool_call_id: 'call_1', decision: 'approved', status: 'active', waiting_for: null },
    ],
  },
)
export type ApprovalResponse = Static<typeof ApprovalResponse>

const toolCallId = Type.String({
  minLength: 1,
  maxLength: 1_000,
  description: 'Id of the call.',
  examples: ['call_1'],
})

export const Approvals = Type.Object(
  {
    approvals: Type.Array(
      Type.Object(
        { tool_call_id: toolCallId, ...Approval.properties },
        { title: 'CallApproval', description: 'The decision on one call.' },
      ),
      {
        minItems: 1,
        maxItems: 64,
        description:
          'Decisions, 1 to 64, each call once. If one of them cannot be stored, none is.',
      },
    ),
  },
  {
    title: 'ApprovalsRequest',
    description: 'Decisions about several tool calls that wait for approvals.',
    examples: [
      {
        approvals: [
          { tool_call_id: 'call_1', decision: 'approve' },
          { tool_call_id: 'call_2', decision: 'deny', reason: 'The file is still needed.' },
        ],
      },
    ],
  },
)
export type Approvals = Static<typeof Approvals>

export const ApprovalsResponse = Type.Object(
  {
    approvals: Type.Array(
      Type.Object(
        {
          tool_call_id: toolCallId,
          decision: described(oneOf('approved', 'denied'), 'The stored decision.'),
        },
        { title: 'CallDecision', description: 'The stored decision on one call.' },
      ),
      { description: 'The decisions, in the order of the request.' },
    ),
    ...afterwards,
  },
  {
    title: 'ApprovalsResponse',
    description: 'The stored decisions, and calls that still wait.',
    examples: [
      {
        approvals: [{ tool_call_id: 'call_1', decision: 'approved' }],
        status: 'active',
        waiting_for: null,
      },
    ],
  },
)
export type ApprovalsResponse = Static<typeof ApprovalsResponse>

const toolDecisions = ['allow', 'allow_always', 'reject', 'reject_always'] as const

export const ToolApprovals = Type.Object(
  {
    decisions: Type.Array(
      Type.Object(
        {
          tool_call_id: described(toolCallId, 'Id of the call, with or without `tool_approval_`.'),
          decision: described(
            oneOf(...toolDecisions),
            '`allow`: the call runs. `reject`: it does not. With `_always`: so do all later calls of the tool in this session.',
          ),
        },
        { title: 'ToolApprovalItem', description: 'The decision on one call.' },
      ),
      {
        minItems: 1,
        maxItems: 64,
        description:
          'Decisions, 1 to 64, each call once. Calls that are left out are not approved.',
      },
    ),
  },
  {
    title: 'SubmitToolApprovalsRequest',
    description: 'Decisions about all tool calls that wait for approvals.',
    examples: [{ decisions: [{ tool_call_id: 'call_1', decision: 'allow_always' }] }],
  },
)
export type ToolApprovals = Static<typeof ToolApprovals>

export const ToolApprovalsResponse = Type.Object(
  {
    resolved: Type.Array(
      Type.Object(
        {
          tool_call_id: toolCallId,
          tool: Type.String({ description: 'Name of the tool.', examples: ['open_door'] }),
          outcome: described(
            oneOf(...toolDecisions, 'not_approved', 'expired'),
            'The decision. `not_approved`: the request left the call out. `expired`: its time was over.',
          ),
        },
        { title: 'ResolvedToolApproval', description: 'The outcome of one call.' },
      ),
      { description: 'All calls that waited for an approval.' },
    ),
    status: described(SessionStatus, 'Status of the session after the request.'),
  },
  {
    title: 'SubmitToolApprovalsResponse',
    description: 'Outcomes of all calls that waited for an approval.',
    examples: [
      {
        resolved: [{ tool_call_id: 'call_1', tool: 'open_door', outcome: 'allow_always' }],
        status: 'active',
      },
    ],
  },
)
export type ToolApprovalsResponse = Static<typeof ToolApprovalsResponse>

export const ToolRule = Type.Object(
  {
    tool_name: Type.String({
      description:
        'Name of the tool, or its `tool_ref` once another tool has a rule under that name.',
      examples: ['open_door'],
    }),
    tool_ref: Type.Optional(ToolRef),
    decision: described(
      oneOf('allow', 'reject'),
      '`allow`: its calls run without an approval. `reject`: they do not run.',
    ),
    decided_by: described(Decider, 'Caller that decided.'),
    created_at: described(Timestamp, 'Time of the decision.'),
  },
  {
    title: 'ToolRule',
    description: 'A decision for all calls of a tool in a session, or in all of an agent.',
  },
)
export type ToolRule = Static<typeof ToolRule>
export const ToolRulePage = pageOf(ToolRule, 'ToolRulePage')
