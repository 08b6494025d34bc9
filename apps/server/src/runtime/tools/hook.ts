import type { HookDecision, ToolCall } from '@outlast/contract'
import type { CallHook, CallHookContext } from '../../authoring/config.ts'
import type { Tool } from '../../capabilities/capability.ts'
import { ownerOf } from '../../capabilities/catalog/catalog.ts'
import { isJsonObject, wellFormedJson } from '../../json.ts'
import { withTimeLimit } from '../../time-limit.ts'
import type { Turn } from '../journal/attempt.ts'
import { FencedError } from '../journal/errors.ts'
import { logOf } from '../journal/metrics.ts'
import type { OpenCall } from '../log/open-calls.ts'

/** The decision for the log, and the call with the arguments that it runs with. */
export type HookAnswer = { hook: HookDecision; call: ToolCall }

const hookTimeoutMs = 10_000
const reasonLengthMax = 1_000
const argumentsLengthMax = 1_048_576

/**
 * Returns the hook that must decide about a call. A stored decision holds, except for arguments
 * that a person changed after it.
 */
export function hookFor({ node }: Turn, known: OpenCall | undefined): CallHook | undefined {
  const isChanged = known?.stage === 'approved' && known.editedBy === 'person'
  return known?.hook && !isChanged ? undefined : node.project.hooks.call
}

/**
 * Asks a hook about a call.
 * Contract: an error, an answer that is no decision, and no answer in 10 s, or in the time limit of
 * tools if that is less, deny the call. Throws FencedError when the attempt is stopped.
 */
export async function askHook(
  turn: Turn,
  hook: CallHook,
  { tool, call }: { tool: Tool; call: ToolCall },
): Promise<HookAnswer> {
  const { signal, node, agent } = turn
  const timeoutMs = Math.min(hookTimeoutMs, node.config.TOOL_TIMEOUT_MS)
  const capabilityId = ownerOf(agent, tool)
  // A copy: the hook may change it, and the log keeps the call.
  const hooked = { call: structuredClone(call), ...(capabilityId && { capabilityId }) }
  try {
    const decision = await withTimeLimit({ timeoutMs, signal }, (signal) =>
      hook(hooked, contextFor(turn, signal)),
    )
    return readDecision(call, decision)
  } catch (error) {
    if (signal.aborted) throw new FencedError()
    logOf(turn).error('hooks.call failed: the call is denied', { tool: call.name, error })
    return denied(call, 'The server could not decide whether this call is allowed.')
  }
}

function contextFor({ run, taken, events, state }: Turn, signal: AbortSignal): CallHookContext {
  const input = events.find(
    (event) => event.type === 'input.message' && event.data.message.id === state.inputMessageId,
  )
  return {
    organizationId: run.orgId,
    sessionId: run.sessionId,
    turnId: run.turnId,
    agent: { id: taken.agent_id, name: taken.agent_name },
    ...(input?.type === 'input.message' && { message: input.data.message }),
    signal,
  }
}

const denied = (call: ToolCall, reason: string): HookAnswer => ({
  call,
  hook: { decision: 'denied', ...(reason !== '' && { reason }) },
})

/** Reads what code of a project returned. Contract: throws for anything but a decision. */
function readDecision(call: ToolCall, decision: unknown): HookAnswer {
  if (decision === undefined) return { call, hook: { decision: 'allowed' } }
  const [entry, ...others] = Object.entries(decision as object)
  const [kind, value] = entry ?? []
  if (others.length === 0) {
    if (kind === 'deny' && typeof value === 'string') return denied(call, bounded(value))
    if (kind === 'approval' && value === true)
      return { call, hook: { decision: 'approval_required' } }
    if (kind === 'arguments' && isJsonObject(value))
      return { call: { ...call, arguments: asJson(value) }, hook: { decision: 'changed' } }
  }
  throw new Error(
    'hooks.call must return undefined, { deny: "reason" }, { approval: true } or { arguments: {…} }.',
  )
}

function bounded(reason: string): string {
  const text = reason.trim().toWellFormed()
  return text.length <= reasonLengthMax ? text : `${text.slice(0, reasonLengthMax).toWellFormed()}…`
}

/** Contract: throws for arguments that are too long, and for those that are no object as JSON. */
function asJson(value: object): ToolCall['arguments'] {
  const json = JSON.stringify(value)
  if (json.length > argumentsLengthMax)
    throw new Error(`hooks.call returned arguments of more than ${argumentsLengthMax} characters.`)
  const read: unknown = JSON.parse(wellFormedJson(json))
  if (isJsonObject(read)) return read as ToolCall['arguments']
  throw new Error('hooks.call returned arguments that are no object as JSON.')
}
