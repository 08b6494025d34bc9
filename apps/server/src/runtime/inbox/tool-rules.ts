import type { Approval, Decider } from '@outlast/contract'
import { invalidAt } from '../../errors.ts'
import type { Db } from '../../store/database.ts'
import { type NewToolRule, setToolRules } from '../../store/turns/tool-rules.ts'
import type { OpenCall } from '../log/open-calls.ts'
import type { Node } from '../node.ts'
import { isOfSession } from '../tools/tool-ref.ts'
import type { TurnRef } from './cancel.ts'

/**
 * Returns the rule that a decision makes for all calls of its tool.
 * Contract: throws 400 for a rule of the agent about a tool that is not the agent's.
 */
export function rulesOf(
  { call, toolRef }: Pick<OpenCall, 'call' | 'toolRef'>,
  { always, decision }: Approval,
): NewToolRule[] {
  if (always == null) return []
  if (always === 'agent' && (toolRef === undefined || isOfSession(toolRef))) {
    throw invalidAt('always', `must be "session": ${call.name} is a tool of this session`)
  }
  const kind = decision === 'approve' ? 'allow' : 'reject'
  return [{ tool_name: call.name, tool_ref: toolRef, decision: kind, scope: always }]
}

/** Stores rules, and returns the work after the commit: to report a changed agent. */
export async function storeRules(
  { bus }: Node,
  db: Db,
  where: Omit<TurnRef, 'turnId'>,
  making: { rules: readonly NewToolRule[]; by: Decider },
): Promise<() => void> {
  const agentId = await setToolRules(db, where, making)
  return () => {
    if (agentId !== undefined) bus.changed(where.orgId, { noun: 'agent', id: agentId })
  }
}
