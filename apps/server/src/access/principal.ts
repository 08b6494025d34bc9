import type { Role, Scope } from '@outlast/contract'
import { ApiError } from '../errors.ts'
import type { Grants } from '../store/access/session-tokens.ts'
import { defaultOrganization } from '../store/models/seeds.ts'
import type { LimitedCaller } from './limits.ts'

/** Access levels; each includes the ones before it. */
export const levels = ['read', 'write', 'admin'] as const
export type Level = (typeof levels)[number]

/** The authenticated caller of a request. */
export type Principal = {
  /**
   * `anonymous`: there is no authentication. `token`: a browser, for one session. `server`: code in
   * this process.
   */
  kind: 'anonymous' | 'user' | 'key' | 'token' | 'server'
  /** The id of the user, the key or the token. */
  id: string
  name: string
  /** The signed-in user, or the user that created the key or the token. */
  userId: string
  orgId: string
  role: Role
  level: Level
  /** True for a user of the product, which has no account here. */
  isVerified?: boolean
  /** For a signed-in user: the sign-in on this device. */
  loginId?: string
  /** For a token: its only session. */
  sessionId?: string
  /** For a key: its scopes, and the chain of keys that created it. */
  key?: { scopes: Scope[]; ancestors: string[] }
  /** The grants of a token. Other callers have none: their level decides. */
  grants?: Grants
  /** The cached rate-limit buckets of the caller. */
  counted?: LimitedCaller
}

export const allows = (has: Level, wanted: Level) => levels.indexOf(has) >= levels.indexOf(wanted)

/** True for the operator of the server and of the resources that all organizations share. */
export const isOperator = ({ orgId, level }: Pick<Principal, 'orgId' | 'level'>) =>
  orgId === defaultOrganization && level === 'admin'

const levelOfRole: Record<Role, Level> = {
  viewer: 'read',
  member: 'write',
  admin: 'admin',
  owner: 'admin',
}

export const levelOf = (role: Role): Level => levelOfRole[role]

/**
 * Returns the level of a key: that of its scopes, at most the current level of its owner.
 * Undefined: none.
 */
export function levelOfKey(scopes: Scope[], role: Role): Level | undefined {
  const most = levelOf(role)
  const granted = scopes.includes('*') ? most : levels.findLast((level) => scopes.includes(level))
  return granted === undefined || allows(most, granted) ? granted : most
}

/** False for users of the product and for code in this process. */
export const hasAccount = ({ kind, isVerified }: Pick<Principal, 'kind' | 'isVerified'>) =>
  kind !== 'server' && !isVerified

/** The id that limits count by: users of the product have ids of their organization. */
export const limitedId = ({ id, orgId, isVerified }: Principal) =>
  isVerified ? `${orgId} ${id}` : id

/** Contract: throws 403 for a caller without an account, 409 without authentication. */
export function checkAccount(principal: Pick<Principal, 'kind' | 'isVerified'>): void {
  if (principal.kind === 'anonymous') throw new ApiError('authentication_off')
  if (!hasAccount(principal)) throw new ApiError('account_required')
}

/** The caller of clients that run in this process. */
export const ownProcess: Principal = {
  kind: 'server',
  id: 'server',
  userId: 'server',
  name: 'Server',
  orgId: defaultOrganization,
  role: 'owner',
  level: 'admin',
}

/** The caller of every request without authentication. */
export const anonymous: Principal = {
  kind: 'anonymous',
  id: '00000000-0000-0000-0000-000000000000',
  userId: '00000000-0000-0000-0000-000000000000',
  name: 'Anonymous',
  orgId: defaultOrganization,
  role: 'owner',
  level: 'admin',
}
