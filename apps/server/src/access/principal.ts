import { hash } from 'node:crypto'
import type { AgentKeyPermission, Role, Scope } from '@outlast/contract'
import { ApiError } from '../errors.ts'
import type { OpenChannel } from '../store/access/agent-channels.ts'
import type { Grants } from '../store/access/session-tokens.ts'
import { defaultOrganization } from '../store/models/seeds.ts'
import type { SessionScope } from '../store/scope.ts'
import type { LimitedCaller } from './limits.ts'

/** Access levels; each includes the ones before it. */
export const levels = ['read', 'write', 'admin'] as const
export type Level = (typeof levels)[number]

/** The authenticated caller of a request. */
export type Principal = {
  /**
   * `anonymous`: there is no authentication. `token`: a browser, for one session or for an end
   * user. `server`: code in this process. `channel`: a program outside of the organization.
   */
  kind: 'anonymous' | 'user' | 'key' | 'token' | 'server' | 'channel'
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
  /** For a token of one session: that session. */
  sessionId?: string
  /** For an end user of the product, by a token or through a channel: that user's sessions. */
  endUser?: SessionScope
  /** Sessions in the scope of `endUser`, which were found in it before. */
  reached?: Set<string>
  /** For the caller of a channel: the channel, and the key that identifies the caller. */
  channel?: ChannelCaller
  /** For a key: its scopes, and the chain of keys that created it. */
  key?: { scopes: Scope[]; ancestors: string[] }
  /** For a token: the key that created it, if one did. */
  madeByKey?: string
  /** The grants of a token. Other callers have none: their level decides. */
  grants?: Grants
  /** True for the token of a link, which anyone may have. */
  isShare?: boolean
  /** The cached rate-limit buckets of the caller. */
  counted?: LimitedCaller | undefined
}

/** The holder of a key of a channel, or one of that holder's users. */
export type ChannelCaller = {
  channel: OpenChannel
  keyId: string
  permissions: readonly AgentKeyPermission[]
  /** The user of a runtime token. */
  tokenUser?: string
}

export const allows = (has: Level, wanted: Level) => levels.indexOf(has) >= levels.indexOf(wanted)

/**
 * The key and the account whose budgets apply to what the caller creates, and the caller's token.
 */
export const creatorOf = ({ kind, id, userId, madeByKey }: Principal) => ({
  apiKeyId: kind === 'key' ? id : madeByKey,
  accountId: kind === 'user' || kind === 'key' || kind === 'token' ? userId : undefined,
  tokenId: kind === 'token' ? id : undefined,
})

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

/**
 * The id that limits and Idempotency-Keys count by. Users of the product have ids of their
 * organization; all tokens of an end user count together, by a hash, which is stored.
 */
export function limitedId({ id, orgId, isVerified, endUser }: Principal): string {
  if (endUser) return `${orgId} ${scopeHash(endUser)}`
  return isVerified ? `${orgId} ${id}` : id
}

const scopeHash = ({ user, channelId, channelKeyId }: SessionScope) =>
  hash('sha256', JSON.stringify([channelId ?? null, channelKeyId ?? null, user]), 'base64url')

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
