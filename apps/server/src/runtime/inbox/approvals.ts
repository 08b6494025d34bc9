import type { Approval, Decider, ToolCall } from '@outlast/contract'
import type { Tool } from '../../capabilities/capability.ts'
import { assemble } from '../../capabilities/catalog/catalog.ts'
import { clientToolsOf } from '../../capabilities/catalog/client-tools.ts'
import { capabilitiesFor } from '../../capabilities/mcp.ts'
import { ApiError, invalidAt } from '../../errors.ts'
import type { Db } from '../../store/database.ts'
import { getAgent } from '../../store/models/agents.ts'
import { getSession } from '../../store/sessions/sessions.ts'
import type { NewToolRule } from '../../store/turns/tool-rules.ts'
import { TimeLimitError, withTimeLimit } from '../../time-limit.ts'
import type { Draft } from '../journal/attempt.ts'
import { makeDraft } from '../journal/journal.ts'
import type { Node } from '../node.ts'
import { checkArguments, chosenProblem } from '../tools/arguments.ts'
import { deniedOutcome } from '../tools/call.ts'
import type { TurnRef } from './cancel.ts'
import { rulesOf, storeRules } from './tool-rules.ts'
import {
  findOpenTurn,
  type OpenTurn,
  outsideCallsAt,
  resolveWait,
  type WaitingCall,
} from './waiting.ts'

export type ToolCallDecision = Approval & { callId: string; by: Decider }

/**
 * Stores a decision about a tool call.
 * Contract: throws 404, `approval_not_pending`, 400 for arguments that the tool refuses, and 503
 * `validation_timeout`.
 */
export async function decideCall(
  node: Node,
  db: Db,
  ref: Omit<TurnRef, 'turnId'>,
  deciding: ToolCallDecision,
): Promise<Published> {
  const { arguments: edited, decision } = deciding
  if (edited && decision === 'deny') {
    throw invalidAt('arguments', onlyApproved)
  }
  if (edited) await checkEdited(node, db, ref, [{ callId: deciding.callId, edited }])
  let rules: NewToolRule[] = []
  const answered = await resolveWait(node, db, ref, (turn) => {
    const waiting = findPendingApproval(turn, deciding.callId)
    rules = rulesOf(waiting.open, deciding)
    return decisionDrafts(waiting, deciding)
  })
  const notify = await storeRules(node, db, ref, { rules, by: deciding.by })
  return publishing(answered, notify)
}

export type Published = { publish: () => void }

export const publishing = (answered: Published | undefined, notify: () => void): Published => ({
  publish() {
    answered?.publish()
    notify()
  },
})

/** The rest of a sentence that begins with the name of the field, as in `invalidAt`. */
export const onlyApproved = 'are allowed only when the decision is "approve"'

type Edited = { callId: string; edited: ToolCall['arguments'] }

/**
 * Validates edited arguments of calls. Contract: throws 404, `approval_not_pending`, 400, and 503
 * `validation_timeout`.
 */
export async function checkEdited(
  node: Node,
  db: Db,
  ref: Omit<TurnRef, 'turnId'>,
  edits: readonly Edited[],
): Promise<void> {
  if (edits.length === 0) return
  const turn = await findOpenTurn(db, ref)
  const calls = edits.map(({ callId, edited }) => {
    return { ...findPendingApproval(turn, callId).open.call, arguments: edited }
  })
  const tools = await toolsOf(node, db, ref)
  for (const call of calls) {
    const wrong = await whyUnfit(node, tools.get(call.name), call)
    if (wrong !== undefined) throw invalidAt('arguments', wrong)
  }
}

/** Time for the schema library of a tool, in ms: the request holds a transaction. */
const parseTimeoutMs = 5_000

/** Validates arguments, also for tools whose own calls are not validated here. */
async function whyUnfit(
  { log }: Node,
  tool: Tool | undefined,
  call: ToolCall,
): Promise<string | undefined> {
  if (!tool) return `are for the tool ${call.name}, which no longer exists`
  try {
    const checked = await withTimeLimit({ timeoutMs: parseTimeoutMs }, (signal) =>
      checkArguments(tool, call, { signal }),
    )
    if ('error' in checked) return `do not match the tool's schema: ${checked.error}`
  } catch (error) {
    log.error('cannot validate the arguments of a tool', { tool: tool.name, error })
    if (error instanceof TimeLimitError) throw new ApiError('validation_timeout')
    return 'could not be validated by the tool'
  }
  const problem = chosenProblem(tool, call)
  return problem && `do not match the tool's schema: ${problem}`
}

/** Contract: throws `approval_not_pending`. */
export function findPendingApproval(turn: OpenTurn | undefined, callId: string): WaitingCall {
  const found = outsideCallsAt(turn, 'asked').find(({ open }) => open.call.id === callId)
  if (!found) throw new ApiError('approval_not_pending', callId)
  return found
}

/** Drafts a decision about a call, and the outcome of a denied one. */
export function decisionDrafts(
  { turn, open }: WaitingCall,
  { decision, reason, arguments: edited, always, by }: Approval & { by: Decider },
): Draft[] {
  const { call, toolRef } = open
  const context = turn.contextOf(open)
  const resolved = makeDraft('tool.approval_resolved', context, {
    tool_call_id: call.id,
    tool_name: call.name,
    decision: decision === 'approve' ? 'approved' : 'denied',
    ...(reason && { reason }),
    ...(edited && { arguments: edited }),
    ...(always && { always: true, ...(toolRef && { tool_ref: toolRef }) }),
    ...(always === 'agent' && { scope: always }),
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
