import { isDeepStrictEqual } from 'node:util'
import type { Approval, Decider, ToolApprovals, ToolApprovalsResponse } from '@outlast/contract'
import { ApiError, invalidAt } from '../../errors.ts'
import { atomically, type Db } from '../../store/database.ts'
import {
  findDecisions,
  type NewToolRule,
  type StoredDecision,
} from '../../store/turns/tool-rules.ts'
import type { Node } from '../node.ts'
import {
  checkEdited,
  decisionDrafts,
  findPendingApproval,
  onlyApproved,
  type Published,
  publishing,
} from './approvals.ts'
import type { TurnRef } from './cancel.ts'
import { rulesOf, storeRules } from './tool-rules.ts'
import { outsideCallsAt, resolveWait, type WaitingCall } from './waiting.ts'

type Where = Omit<TurnRef, 'turnId'>
type CallApproval = Approval & { tool_call_id: string }

const triesMax = 3

/**
 * Stores decisions about several calls, all or none. A call that was decided the same way before
 * counts as decided.
 * Contract: throws 404, 400 for arguments that a tool refuses, 503 `validation_timeout`, and
 * `approval_not_pending`, which names the calls.
 */
export async function decideCalls(
  node: Node,
  db: Db,
  where: Where,
  { approvals, by }: { approvals: readonly CallApproval[]; by: Decider },
): Promise<Published> {
  for (const [index, { arguments: edited, decision }] of approvals.entries()) {
    if (!edited || decision === 'approve') continue
    throw invalidAt(`approvals/${index}/arguments`, onlyApproved)
  }
  for (let tries = 1; ; tries += 1) {
    const open = await undecided(db, where, approvals)
    try {
      return await decideOpen(node, db, where, { approvals: open, by })
    } catch (error) {
      // Another request may have decided in between, in the same way.
      const isLate = error instanceof ApiError && error.code === 'approval_not_pending'
      if (!isLate || tries === triesMax) throw error
    }
  }
}

/** Contract: throws `approval_not_pending` for calls that were decided in another way. */
async function undecided(db: Db, where: Where, approvals: readonly CallApproval[]) {
  const ids = approvals.map(({ tool_call_id }) => tool_call_id)
  const stored = await findDecisions(db, where, ids)
  const decided = approvals.filter(({ tool_call_id: id }) => stored.has(id))
  const other = decided.filter((one) => !isSame(one, stored.get(one.tool_call_id)!))
  if (other.length > 0) throw notPending(other.map(({ tool_call_id }) => tool_call_id))
  return approvals.filter(({ tool_call_id: id }) => !stored.has(id))
}

function notPending(ids: readonly string[]) {
  const details = ids.map((id) => ({ path: id, message: 'was decided in another way' }))
  return new ApiError('approval_not_pending', ids.join(', '), details.slice(0, detailsMax))
}

const detailsMax = 10

const words = { approve: 'approved', deny: 'denied' } as const

/** A decision without `always` is also the same as a stored one with a rule. */
function isSame({ decision, arguments: edited, always }: CallApproval, stored: StoredDecision) {
  const rule = stored.always ? (stored.scope ?? 'session') : undefined
  return (
    stored.decision === words[decision] &&
    isDeepStrictEqual(edited ?? undefined, stored.arguments) &&
    (always == null || always === rule)
  )
}

type Deciding = { approvals: readonly CallApproval[]; by: Decider }

async function decideOpen(
  node: Node,
  db: Db,
  where: Where,
  { approvals, by }: Deciding,
): Promise<Published> {
  if (approvals.length === 0) return { publish() {} }
  const edits = approvals.flatMap(({ tool_call_id: callId, arguments: edited }) =>
    edited ? [{ callId, edited }] : [],
  )
  await checkEdited(node, db, where, edits)
  let rules: NewToolRule[] = []
  const answered = await resolveWait(node, db, where, (turn) => {
    const open = approvals.map((one) => ({
      one,
      waiting: findPendingApproval(turn, one.tool_call_id),
    }))
    rules = open.flatMap(({ one, waiting }) => rulesOf(waiting.open, one))
    return open.flatMap(({ one, waiting }) => decisionDrafts(waiting, { ...one, by }))
  })
  return publishing(answered, await storeRules(node, db, where, { rules, by }))
}

const namePrefix = 'tool_approval_'

type Settling = { decisions: ToolApprovals['decisions']; by: Decider }
type Resolved = ToolApprovalsResponse['resolved']

/**
 * Settles all calls that wait for approvals: by their decisions, and as not approved without one.
 * Stores the rules of decisions that hold for all calls of a tool, in one transaction with them.
 * Contract: throws 404 for a call that never waited, and `approval_not_pending` for one that no
 * longer waits.
 */
export async function settleCalls(
  node: Node,
  db: Db,
  where: Where,
  { decisions, by }: Settling,
): Promise<Published & { resolved: Resolved }> {
  const wanted = new Map(
    decisions.map(({ tool_call_id: id, decision }) => [
      id.startsWith(namePrefix) ? id.slice(namePrefix.length) : id,
      decision,
    ]),
  )
  if (wanted.size < decisions.length) throw invalidAt('decisions', 'must name each call once')
  const stored = await findDecisions(db, where, [...wanted.keys()])
  let resolved: Resolved = []
  let rules: NewToolRule[] = []
  return atomically(db, async (db) => {
    const answered = await resolveWait(node, db, where, (turn) => {
      const calls = outsideCallsAt(turn, 'asked')
      checkNamed(calls, wanted, stored)
      resolved = calls.map(({ open: { call } }) => ({
        tool_call_id: call.id,
        tool: call.name,
        outcome: wanted.get(call.id) ?? 'not_approved',
      }))
      const settled = calls.map((waiting) => ({
        waiting,
        as: settlingOf(wanted.get(waiting.open.call.id), by),
      }))
      rules = settled.flatMap(({ waiting, as }) => rulesOf(waiting.open, as))
      return settled.flatMap(({ waiting, as }) => decisionDrafts(waiting, as))
    })
    const notify = await storeRules(node, db, where, { rules, by })
    return { resolved, ...publishing(answered, notify) }
  })
}

function checkNamed(
  calls: readonly WaitingCall[],
  wanted: ReadonlyMap<string, unknown>,
  stored: ReadonlyMap<string, StoredDecision>,
): void {
  const odd = [...wanted.keys()].filter((id) => !calls.some(({ open }) => open.call.id === id))
  if (odd.length === 0) return
  const late = odd.filter((id) => stored.has(id))
  if (late.length > 0) throw notPending(late)
  throw new ApiError('not_found', 'Tool call')
}

function settlingOf(decision: Settling['decisions'][number]['decision'] | undefined, by: Decider) {
  if (decision === undefined) return { decision: 'deny' as const, reason: leftOut, by }
  const isAllowed = decision === 'allow' || decision === 'allow_always'
  const always = decision.endsWith('_always') ? ('session' as const) : undefined
  return { decision: isAllowed ? ('approve' as const) : ('deny' as const), always, by }
}

const leftOut = 'It was not approved.'
