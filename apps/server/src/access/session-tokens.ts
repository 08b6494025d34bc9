import { ApiError } from '../errors.ts'
import { subjectOf } from '../store/access/access-changes.ts'
import { findLivingToken, findProcessToken } from '../store/access/session-tokens.ts'
import type { Db } from '../store/database.ts'
import { levelOf, levelOfKey, type Principal } from './principal.ts'
import type { TokenClaims, Tokens } from './tokens.ts'

/** Names, in a signed token, code in the process of a server as its creator. */
export const processClaim = 'server'

/**
 * Reads the grants of a session token, and when they must be read again.
 * Contract: throws 401 when the token or its creator has ended; its level is never above its
 * creator's current level.
 */
export async function readSessionToken(dbOf: (orgId: string) => Db, tokens: Tokens, token: string) {
  const claims = await tokens.read('session', token)
  if (claims === undefined || claims === 'expired') throw new ApiError('invalid_token')
  if (claims.sub === processClaim) return readProcessToken(dbOf, claims)
  const { org: orgId, jti: id } = claims
  const found = await findLivingToken(dbOf(orgId), orgId, id)
  if (!found) throw new ApiError('invalid_token')
  const { session_id: sessionId, user_id: userId, key_id: keyId, login_id: loginId, role } = found
  const most = found.scopes ? levelOfKey(found.scopes, role) : levelOf(role)
  if (most === undefined) throw new ApiError('invalid_token')
  const { access, models, tool_results, view, files } = found
  const makers =
    keyId === null
      ? [subjectOf.login(loginId!)]
      : [keyId, ...(found.ancestors ?? [])].map(subjectOf.key)
  const principal: Principal = {
    kind: 'token',
    id,
    name: sessionId,
    userId,
    orgId,
    role: 'viewer',
    level: most === 'read' ? 'read' : access,
    sessionId,
    grants: { access, models, tool_results, view, files },
  }
  return {
    subjects: [
      subjectOf.token(id),
      ...makers,
      subjectOf.member(orgId, userId),
      subjectOf.user(userId),
    ],
    expiresAt: Date.parse(found.expires_at),
    bearer: { principal },
  }
}

/** A token that code in the process of a server created. It ends by itself or by a deletion. */
async function readProcessToken(dbOf: (orgId: string) => Db, claims: TokenClaims<'session'>) {
  const { org: orgId, jti: id } = claims
  const found = await findProcessToken(dbOf(orgId), orgId, id)
  if (!found) throw new ApiError('invalid_token')
  const { session_id: sessionId, expires_at, ...grants } = found
  const principal: Principal = {
    kind: 'token',
    id,
    name: sessionId,
    userId: processClaim,
    orgId,
    role: 'viewer',
    level: grants.access,
    sessionId,
    grants,
  }
  return {
    subjects: [subjectOf.token(id)],
    expiresAt: Date.parse(expires_at),
    bearer: { principal },
  }
}
