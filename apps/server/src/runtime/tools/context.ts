import type { EventContext } from '@outlast/contract'
import type { ToolContext } from '../../capabilities/capability.ts'
import { spanIdOf, traceOf, traceparentFor } from '../../observe/trace-context.ts'
import { toolBudgets } from '../../store/budgets/session-budgets.ts'
import type { FileTarget } from '../../store/files/file-changes.ts'
import { openFiles } from '../../store/files/session-files.ts'
import { openStorage } from '../../store/files/session-storage.ts'
import type { Turn } from '../journal/attempt.ts'
import { idempotencyKeyOf, type OpenCall } from '../log/open-calls.ts'
import { controlsOf } from '../model/prompt.ts'
import { fileLimits } from '../node.ts'

/**
 * Target of file changes of a call: its session, while its turn is not taken over. The attempt is
 * read at each change, because a repeated append begins a new one on this node.
 */
export function fileTarget(turn: Turn, { call }: OpenCall, context: EventContext): FileTarget {
  const { orgId, sessionId, turnId } = turn.run
  const by = { turnId, attempt: () => turn.run.attempt, callId: call.id, context }
  return { orgId, sessionId, limits: fileLimits(turn.node.config), by }
}

type CallLimits = Pick<ToolContext, 'signal' | 'outputBytesMax' | 'progress' | 'fetch' | 'ask'>

/** Builds the context that a tool receives besides its input. */
export function toolContext(
  turn: Turn,
  open: OpenCall,
  { target, ...limits }: CallLimits & { target: FileTarget },
): ToolContext {
  const { node, run } = turn
  const { call } = open
  const { toolDb: db, bus, grep, secrets, quotas } = node
  const { orgId, sessionId, turnId } = run
  const by = target.by && { ...target.by, signal: limits.signal }
  const checkRoom = (bytes?: number) => quotas.checkStorage(db, orgId, bytes)
  return {
    ...limits,
    orgId,
    sessionId,
    user: turn.taken.user_id ?? undefined,
    turnId,
    callId: call.id,
    idempotencyKey: idempotencyKeyOf(sessionId, turnId, open),
    traceparent: callTraceparent(turn, open),
    locale: turn.taken.locale ?? undefined,
    hints: { ...turn.taken.hints, ...controlsOf(turn).hints },
    networkAccess: turn.limits.networkAccess,
    files: openFiles({ db, bus, grep, checkRoom, ...target, by }),
    budgets: () => toolBudgets(db, orgId, sessionId),
    storage: openStorage({ db, secrets, orgId, sessionId, run: () => turn.run, checkRoom }),
  }
}

function callTraceparent({ node: { tracer }, run, state }: Turn, { spanId }: OpenCall) {
  if (!tracer?.propagatesTo.mcp) return undefined
  return traceparentFor(traceOf(run.turnId, state.input?.traceparent), spanIdOf(spanId))
}
