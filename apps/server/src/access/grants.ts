import type { Approval, Controls, Decider, NewMessage } from '@outlast/contract'
import { ApiError } from '../errors.ts'
import type { Grants } from '../store/access/session-tokens.ts'
import type { Principal } from './principal.ts'

export type { Grants }

/** Access levels of tokens; each includes the ones before it. */
const tokenLevels = ['read', 'write', 'approve'] as const
export type TokenLevel = (typeof tokenLevels)[number]

/**
 * A grant that a route requires of a token in addition to its access. `operation`: the token must
 * name the operation.
 */
export type TokenNeed = 'files' | 'tool_results' | 'operation'

/** The operations of a link, for its page. A link opens no others. */
const linkOperations: readonly string[] = ['get_session', 'list_events', 'stream_sse']

/** The grants of a link to a session. `view`: what it shows of tools and thinking. */
export const linkGrants = (view: Grants['view']): Grants => ({
  access: 'read',
  models: [],
  tool_results: [],
  view,
  files: 'none',
  operations: [...linkOperations],
})

type Caller = Pick<Principal, 'grants'>

const filesAllow = { none: [], read: ['read'], write: ['read', 'write'] } as const

export const tokenAllows = (has: TokenLevel, wanted: TokenLevel) =>
  tokenLevels.indexOf(has) >= tokenLevels.indexOf(wanted)

/** What a route requires of a token. */
type Required = { operation: string; level: TokenLevel; need: TokenNeed | undefined }

/**
 * Checks a token against what a route requires.
 * Contract: throws 403 `forbidden` for its access, and 403 `not_granted` for the operation or a
 * grant; other callers have all grants.
 */
export function checkGrants({ grants }: Caller, { operation, level, need }: Required): void {
  if (!grants) return
  if (!tokenAllows(grants.access, level)) throw new ApiError('forbidden', level)
  const isNamed = grants.operations?.includes(operation)
  if (isNamed === false || (need === 'operation' && !isNamed)) {
    throw new ApiError('not_granted', `the operation ${operation}`)
  }
  if (need && need !== 'operation') checkNeed({ grants }, need, level === 'read' ? 'read' : 'write')
}

/**
 * Requires a grant of a token.
 * Contract: throws 403 `not_granted` without it; other callers have all grants.
 */
export function checkNeed(
  { grants }: Caller,
  need: 'files' | 'tool_results',
  access: 'read' | 'write',
): void {
  if (!grants) return
  if (need === 'tool_results') {
    if (grants.tool_results.length === 0) throw new ApiError('not_granted', 'tool results')
    return
  }
  const allowed: readonly string[] = filesAllow[grants.files]
  if (!allowed.includes(access)) throw new ApiError('not_granted', `files: ${access}`)
}

/**
 * Checks the model and the effort of a message.
 * Contract: throws 403 `not_granted` for a token without a grant for the model; an effort requires
 * a granted model beside it.
 */
export function checkControls({ grants }: Caller, controls: Controls | null | undefined): void {
  if (!grants || !controls) return
  const { model_id, reasoning, output_schema, hints } = controls
  if (output_schema != null) throw new ApiError('not_granted', 'an output schema')
  if (hints != null) throw new ApiError('not_granted', 'hints')
  const isGranted = model_id != null && grants.models.includes(model_id)
  if (model_id != null && !isGranted) throw new ApiError('not_granted', `the model ${model_id}`)
  if (reasoning?.effort != null && !isGranted) throw new ApiError('not_granted', 'an effort')
}

const turnSettings = ['instructions', 'context', 'tools'] as const

/** Contract: throws 403 `not_granted` when a token sets the prompt or the tools of a turn. */
export function checkSettings({ grants }: Caller, message: NewMessage): void {
  const given = grants && turnSettings.find((name) => message[name] != null)
  if (given) throw new ApiError('not_granted', `\`${given}\` of a message`)
}

/** Contract: throws 403 `not_granted` when a token may not answer calls of the tool. */
export function checkToolResult({ grants }: Caller, toolName: string): void {
  if (!grants || grants.tool_results.includes(toolName)) return
  throw new ApiError('not_granted', `results of the tool ${toolName}`)
}

/**
 * Checks the effects of a token's decisions beyond allowing or denying a call.
 * Contract: throws 403 `not_granted` for other arguments, for a rule of the agent, and for one of
 * the session when the token has `operations` without `submit_tool_approvals`, which makes such
 * rules.
 */
export function checkDecisions({ grants }: Caller, approvals: readonly Approval[]): void {
  if (!grants) return
  const isEdited = approvals.some(({ arguments: given }) => given != null)
  if (isEdited) throw new ApiError('not_granted', 'other arguments of a call')
  const kinds = approvals.map(({ always }) => always)
  if (kinds.includes('agent')) throw new ApiError('not_granted', 'a tool rule of the agent')
  const mayDecideForSession = grants.operations?.includes('submit_tool_approvals') ?? true
  if (mayDecideForSession || !kinds.includes('session')) return
  throw new ApiError('not_granted', 'a tool rule of the session')
}

/**
 * Checks the properties of a session that a caller creates, and returns the user of the session.
 * Contract: throws 403 `not_granted` when a token names another user, or an agent or a model that
 * it was not granted.
 */
export function userOfNewSession(
  { endUser, grants }: Pick<Principal, 'endUser' | 'grants'>,
  wanted: { agent_id?: string | null; model_id?: string | null; user?: string | null },
): string | null {
  if (!endUser) return wanted.user ?? null
  const { user, agentIds } = endUser
  if (wanted.user != null && wanted.user !== user) {
    throw new ApiError('not_granted', 'sessions of another user')
  }
  if (agentIds && !agentIds.includes(wanted.agent_id ?? '')) {
    throw new ApiError('not_granted', `the agent ${wanted.agent_id ?? 'by default'}`)
  }
  checkControls({ grants }, { model_id: wanted.model_id ?? null })
  return user
}

/** The caller of a decision or a result, as events name it. */
export function deciderOf({
  kind,
  id,
  name,
  endUser,
}: Pick<Principal, 'kind' | 'id' | 'name' | 'endUser'>): Decider {
  if (!endUser) return { kind, id, name }
  return { kind: 'user', id, name: endUser.user, user: endUser.user }
}
