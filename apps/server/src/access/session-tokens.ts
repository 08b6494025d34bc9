import { ApiError } from '../errors.ts'
import { subjectOf } from '../store/access/access-changes.ts'
import {
  findLivingToken,
  findProcessToken,
  type Grants,
  type TokenTarget,
} from '../store/access/session-tokens.ts'
import type { Db } from '../store/database.ts'
import { linkGrants } from './grants.ts'
import { levelOf, levelOfKey, type Principal } from './principal.ts'
import type { TokenClaims, Tokens } from './tokens.ts'

/** Names, in a signed token, code in the process of a server as its creator. */
export const processClaim = 'server'

/**
 * Reads the grants of a token, and when they must be read again.
 * Contract: throws 401 when the token or its creator has ended; its level is never above its
 * creator's current level.
 */
export async function readSessionToken(dbOf: (orgId: string) => Db, tokens: Tokens, token: string) {
  const claims = await tokens.read('grant', token)
  if (claims === undefined || claims === 'expired') throw new ApiError('invalid_token')
  if (claims.sub === processClaim) return readProcessToken(dbOf, claims)
  const { org: orgId, jti: id } = claims
  const found = await findLivingToken(dbOf(orgId), orgId, id)
  if (!found) throw new ApiError('invalid_token')
  const { user_id: userId, key_id: keyId, login_id: loginId, role } = found
  const most = found.scopes ? levelOfKey(found.scopes, role) : levelOf(role)
  if (most === undefined) throw new ApiError('invalid_token')
  const keys = keyId === null ? [] : [keyId, ...(found.ancestors ?? [])]
  const makers = [...keys.map(subjectOf.key), ...(loginId ? [subjectOf.login(loginId)] : [])]
  const access = most === 'read' ? 'read' : found.access
  return {
    subjects: [
      subjectOf.token(id),
      ...makers,
      subjectOf.member(orgId, userId),
      subjectOf.user(userId),
    ],
    expiresAt: Date.parse(found.expires_at),
    bearer: {
      principal: tokenPrincipal(
        { ...found, access },
        { id, orgId, userId, ...(keyId !== null && { madeByKey: keyId }) },
      ),
    },
  }
}

/** A token that code in the process of a server created. It ends by itself or by a deletion. */
async function readProcessToken(dbOf: (orgId: string) => Db, claims: TokenClaims<'grant'>) {
  const { org: orgId, jti: id } = claims
  const found = await findProcessToken(dbOf(orgId), orgId, id)
  if (!found) throw new ApiError('invalid_token')
  return {
    subjects: [subjectOf.token(id)],
    expiresAt: Date.parse(found.expires_at),
    bearer: { principal: tokenPrincipal(found, { id, orgId, userId: processClaim }) },
  }
}

type TokenOwner = Pick<Principal, 'id' | 'orgId' | 'userId' | 'madeByKey'>

/** The caller that a token identifies: for one session, or for an end user. */
function tokenPrincipal(
  found: Grants & TokenTarget & { is_share: boolean },
  owner: TokenOwner,
): Principal {
  const { access, models, tool_results, view, files, operations, is_share: isShare } = found
  const caller = {
    ...owner,
    kind: 'token' as const,
    role: 'viewer' as const,
    level: access === 'read' ? ('read' as const) : ('write' as const),
    grants: { access, models, tool_results, view, files, operations },
    // A link has never more than the grants of links.
    ...(isShare && { isShare, level: 'read' as const, grants: linkGrants(view) }),
  }
  const { session_id: sessionId, end_user: user, agent_ids } = found
  if (sessionId !== null) return { ...caller, name: sessionId, sessionId }
  // The audit log stores names, and keeps its entries when an end user is deleted.
  const endUser = { user, agentIds: agent_ids ?? undefined }
  return { ...caller, name: owner.id, endUser, reached: new Set() }
}
