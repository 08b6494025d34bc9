import { ApiError } from '../errors.ts'
import { subjectOf } from '../store/access/access-changes.ts'
import { findLivingToken } from '../store/access/session-tokens.ts'
import type { Db } from '../store/database.ts'
import { levelOf, levelOfKey, type Principal } from './principal.ts'
import type { Tokens } from './tokens.ts'

/**
 * Reads the grants of a session token, and when they must be read again.
 * Contract: throws 401 when the token or its creator has ended; its level is never above its
 * creator's current level.
 */
export async function readSessionToken(dbOf: (orgId: string) => Db, tokens: Tokens, token: string) {
  const claims = await tokens.read('session', token)
  if (claims === undefined || claims === 'expired') throw new ApiError('invalid_token')
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
