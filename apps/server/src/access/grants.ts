import type { Controls } from '@outlast/contract'
import { ApiError } from '../errors.ts'
import type { Grants } from '../store/access/session-tokens.ts'
import type { Principal } from './principal.ts'

export type { Grants }

/** A grant that a route requires of a session token in addition to its access. */
export type TokenNeed = 'files' | 'tool_results'

type Caller = Pick<Principal, 'grants'>

const filesAllow = { none: [], read: ['read'], write: ['read', 'write'] } as const

/**
 * Requires a grant of a session token.
 * Contract: throws 403 `not_granted` without it; other callers have all grants.
 */
export function checkNeed({ grants }: Caller, need: TokenNeed, access: 'read' | 'write'): void {
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
  const { model_id, reasoning } = controls
  const isGranted = model_id != null && grants.models.includes(model_id)
  if (model_id != null && !isGranted) throw new ApiError('not_granted', `the model ${model_id}`)
  if (reasoning?.effort != null && !isGranted) throw new ApiError('not_granted', 'an effort')
}

/** Contract: throws 403 `not_granted` when a token may not answer calls of the tool. */
export function checkToolResult({ grants }: Caller, toolName: string): void {
  if (!grants || grants.tool_results.includes(toolName)) return
  throw new ApiError('not_granted', `results of the tool ${toolName}`)
}
