import type { Approval, Decider, ToolCall } from '@outlast/contract'
import type { Tool } from '../../capabilities/capability.ts'
import { assemble } from '../../capabilities/catalog.ts'
import { clientToolsOf } from '../../capabilities/client-tools.ts'
import { foreignProblem } from '../../capabilities/mcp/arguments.ts'
import { capabilitiesFor } from '../../capabilities/mcp.ts'
import { ApiError, invalidAt } from '../../errors.ts'
import type { Db } from '../../store/database.ts'
import { getAgent } from '../../store/models/agents.ts'
import { getSession } from '../../store/sessions/sessions.ts'
import type { Draft } from '../journal/attempt.ts'
import { makeDraft } from '../journal/journal.ts'
import type { OpenCall } from '../log/open-calls.ts'
import type { Node } from '../node.ts'
import { deniedOutcome, whyUnrunnable } from '../tools/call.ts'
import type { TurnRef } from './cancel.ts'
import { type Answered, type OpenTurn, outsideCalls, resolveWait } from './waiting.ts'

export type Deciding = Approval & { callId: string; by: Decider }

/**
 * Stores a decision about a tool call.
 * Contract: throws 404, `approval_not_pending`, and 400 for arguments that the tool refuses.
 */
export async function decideCall(
  node: Node,
  db: Db,
  ref: Omit<TurnRef, 'turnId'>,
  deciding: Deciding,
): Promise<Answered> {
  const { arguments: edited, decision } = deciding
  if (edited && decision === 'deny') {
    throw invalidAt('arguments', 'are allowed only when the decision is "approve"')
  }
  const tools = edited ? await toolsOf(node, db, ref) : undefined
  const answered = await resolveWait(node, db, ref, (turn) => {
    const open = findPendingApproval(turn, deciding.callId)
    if (edited) {
      const wrong = whyUnfit(tools!.get(open.call.name), { ...open.call, arguments: edited })
      if (wrong !== undefined)
        throw invalidAt('arguments', `do not match the tool's schema: ${wrong}`)
    }
    return draftsOf(turn!, open, deciding)
  })
  return answered!
}

/** Validates edited arguments, also for tools whose own calls are not validated here. */
function whyUnfit(tool: Tool | undefined, call: ToolCall): string | undefined {
  const wrong = whyUnrunnable(tool, call)
  if (wrong !== undefined || !tool?.unchecked) return wrong
  return foreignProblem(tool.input, call.arguments)
}

function findPendingApproval(turn: OpenTurn | undefined, callId: string): OpenCall {
  const calls = turn ? outsideCalls(turn.state) : []
  const open = calls.find(({ call, stage }) => call.id === callId && stage === 'asked')
  if (!open) throw new ApiError('approval_not_pending', callId)
  return open
}

function draftsOf(turn: OpenTurn, open: OpenCall, deciding: Deciding): Draft[] {
  const { decision, reason, arguments: edited, by } = deciding
  const { call } = open
  const context = turn.contextOf(open)
  const resolved = makeDraft('tool.approval_resolved', context, {
    tool_call_id: call.id,
    tool_name: call.name,
    decision: decision === 'approve' ? 'approved' : 'denied',
    ...(reason && { reason }),
    ...(edited && { arguments: edited }),
    decided_by: by,
  })
  if (decision === 'approve') return [resolved]
  return [resolved, makeDraft('tool.completed', context, deniedOutcome(call, reason ?? undefined))]
}

/** The session's current tools. */
async function toolsOf(node: Node, db: Db, { orgId, sessionId }: Omit<TurnRef, 'turnId'>) {
  const session = await getSession(db, orgId, sessionId)
  const agent = await getAgent(db, orgId, session.agent_id)
  const both = { agentUses: agent.capabilities, sessionUses: session.capabilities }
  const clientTools = clientToolsOf(agent.tools ?? [], session.tools)
  const uses = [...both.agentUses, ...both.sessionUses]
  // Uses the stored tool lists of MCP servers: no network request inside a transaction.
  const list = await capabilitiesFor({ ...node, db }, orgId, { uses, clientTools })
  return assemble(list, { agentPrompt: '', ...both, clientTools }).tools
}
