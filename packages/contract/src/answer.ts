import { type Static, Type } from 'typebox'
import { SessionStatus, WaitingFor } from './session.ts'
import { AnyObject, Anything, count, nullable, oneOf, optional } from './shape.ts'

/** What came of a tool that the client ran: `error` when it failed, else `result`. */
export const ClientToolResult = Type.Object(
  {
    tool_call_id: Type.String({ minLength: 1, maxLength: 1_000 }),
    result: Type.Optional(Anything),
    error: optional(Type.String()),
  },
  { title: 'ClientToolResult' },
)
export type ClientToolResult = Static<typeof ClientToolResult>

export const ToolResults = Type.Object(
  { tool_results: Type.Array(ClientToolResult, { minItems: 1, maxItems: 1000 }) },
  { title: 'SubmitToolResultsRequest' },
)
export type ToolResults = Static<typeof ToolResults>

export const ToolResultsAccepted = Type.Object(
  { accepted: count(), status: SessionStatus, waiting_for: nullable(WaitingFor) },
  { title: 'SubmitToolResultsResponse' },
)
export type ToolResultsAccepted = Static<typeof ToolResultsAccepted>

/** Whether a tool call may run. `arguments` replace those of the model in an approved call. */
export const Approval = Type.Object(
  {
    decision: oneOf('approve', 'deny'),
    reason: optional(Type.String({ maxLength: 10_240 })),
    arguments: optional(AnyObject),
  },
  { title: 'ApprovalRequest' },
)
export type Approval = Static<typeof Approval>

export const ApprovalResponse = Type.Object(
  {
    tool_call_id: Type.String(),
    decision: oneOf('approved', 'denied'),
    status: SessionStatus,
    waiting_for: nullable(WaitingFor),
  },
  { title: 'ApprovalResponse' },
)
export type ApprovalResponse = Static<typeof ApprovalResponse>
