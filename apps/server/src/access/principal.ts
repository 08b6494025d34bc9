import type { Role, Scope } from '@outlast/contract'
import type { Grants } from '../store/access/session-tokens.ts'
import { defaultOrganization } from '../store/models/seeds.ts'
import type { LimitedCaller } from './limits.ts'

/** What a caller may do, each including those before it. */
export const levels = ['read', 'write', 'admin'] as const
export type Level = (typeof levels)[number]

/** Who asks. */
export type Principal = {
  /** `anonymous`: there is no authentication. `token`: a browser, for one session. */
  kind: 'anonymous' | 'user' | 'key' | 'token'
  /** Of the user, the key or the token. */
  id: string
  name: string
  /** The user who signed in, or made the key or the token. */
  userId: string
  orgId: string
  role: Role
  level: Level
  /** Who signed in: on this device. */
  loginId?: string
  /** A token reaches this session and no other. */
  sessionId?: string
  /** Of a key: its scopes, and the keys through which it was made. */
  key?: { scopes: Scope[]; ancestors: string[] }
  /** What a token may do; other callers have none, and may do what their level says. */
  grants?: Grants
  /** Where this node counts their requests. */
  counted?: LimitedCaller
}

export const allows = (has: Level, wanted: Level) => levels.indexOf(has) >= levels.indexOf(wanted)

/** Whoever runs the server: what all organizations share is theirs. */
export const isOperator = ({ orgId, level }: Pick<Principal, 'orgId' | 'level'>) =>
  orgId === defaultOrganization && level === 'admin'

const levelOfRole: Record<Role, Level> = {
  viewer: 'read',
  member: 'write',
  admin: 'admin',
  owner: 'admin',
}

export const levelOf = (role: Role): Level => levelOfRole[role]

/** The access of a key: that of its scopes, at most its maker's of today. Undefined: none. */
export function levelOfKey(scopes: Scope[], role: Role): Level | undefined {
  const most = levelOf(role)
  const granted = scopes.includes('*') ? most : levels.findLast((level) => scopes.includes(level))
  return granted === undefined || allows(most, granted) ? granted : most
}

/** Everybody, where there is no authentication. */
export const anonymous: Principal = {
  kind: 'anonymous',
  id: '00000000-0000-0000-0000-000000000000',
  userId: '00000000-0000-0000-0000-000000000000',
  name: 'Anonymous',
  orgId: defaultOrganization,
  role: 'owner',
  level: 'admin',
}
