import { hash } from 'node:crypto'
import { ApiError } from '../errors.ts'
import { subjectOf } from '../store/access/access-changes.ts'
import {
  findAgentKey,
  findAgentKeyByHash,
  type LivingAgentKey,
} from '../store/access/agent-keys.ts'
import type { Db } from '../store/database.ts'
import type { Principal } from './principal.ts'
import type { Tokens } from './tokens.ts'

/** Begins the secret of a key of an agent channel. */
export const agentKeyStart = 'evr_ak_'
const secretPattern = /^evr_ak_[0-9a-f]{64}$/

/** Lifetime of a runtime token. */
export const runtimeTokenSeconds = 900

/**
 * Reads the key of a secret, and when it must be read again.
 * Contract: throws 401 for an unknown, expired or revoked secret, and 403 `channel_closed`.
 */
export async function readAgentKey(db: Db, secret: string) {
  if (!secretPattern.test(secret)) throw new ApiError('invalid_token')
  const found = await findAgentKeyByHash(db, hash('sha256', secret, 'hex'))
  if (!found) throw new ApiError('invalid_token')
  const { until, lastUsedAt } = found
  return {
    subjects: subjectsOf(found),
    expiresAt: until === null ? Number.POSITIVE_INFINITY : Date.parse(until),
    touchedAt: lastUsedAt === null ? 0 : Date.parse(lastUsedAt),
    bearer: { principal: principalOf(found) },
  }
}

/**
 * Reads the key of a runtime token. Undefined for another kind of token.
 * Contract: as `readAgentKey`; the key must still be allowed to act for its users.
 */
export async function readRuntimeToken(dbOf: (orgId: string) => Db, tokens: Tokens, token: string) {
  const claims = await tokens.read('runtime', token)
  if (claims === undefined) return undefined
  if (claims === 'expired') throw new ApiError('invalid_token')
  const { sub: id, org: orgId, channel, user, exp } = claims
  const found = await findAgentKey(dbOf(orgId), { orgId, id })
  const isValid = found?.channel.id === channel && found.permissions.includes('end_user')
  if (!isValid) throw new ApiError('invalid_token')
  const until = found.until === null ? Number.POSITIVE_INFINITY : Date.parse(found.until)
  return {
    subjects: subjectsOf(found),
    expiresAt: Math.min(exp * 1000, until),
    bearer: { principal: principalOf(found, user) },
  }
}

const subjectsOf = ({ id, channel }: LivingAgentKey) => [
  subjectOf.key(id),
  subjectOf.channel(channel.id),
]

/** The key as a caller of its channel, which has no access to anything else. */
function principalOf({ id, name, channel, permissions }: LivingAgentKey, tokenUser?: string) {
  const caller = { channel, keyId: id, permissions, ...(tokenUser !== undefined && { tokenUser }) }
  return {
    kind: 'channel',
    id,
    name,
    userId: id,
    orgId: channel.orgId,
    role: 'viewer',
    level: 'read',
    channel: caller,
  } satisfies Principal
}
