import { createHash, timingSafeEqual } from 'node:crypto'
import type { Role, Tokens as TokenResponse } from '@outlast/contract'
import type { Config } from '../config.ts'
import { ApiError } from '../errors.ts'
import { recordAudit } from '../store/access/audit-log.ts'
import { takeInvitation, takeInvitationsOf } from '../store/access/invitations.ts'
import {
  createLogin,
  endLogin,
  membershipsOf,
  newLoginId,
  rotateLogin,
} from '../store/access/logins.ts'
import { addMember, makeOwner } from '../store/access/members.ts'
import { createOrganization } from '../store/access/organizations.ts'
import {
  type Account,
  addIdentity,
  claimAdminAccount,
  createAccount,
  findAccount,
  findAccountByEmail,
  findByIdentity,
  normalEmail,
} from '../store/access/users.ts'
import type { ConnectionShares } from '../store/connection-shares.ts'
import type { Db, TransactingDb } from '../store/database.ts'
import { isUnavailable } from '../store/database-errors.ts'
import { defaultOrganization } from '../store/models/seeds.ts'
import { networkOf } from './address.ts'
import { acceptsUser, isAdmin, storeAdminPassword } from './administrator.ts'
import { recordFailure } from './failed-sign-ins.ts'
import type { RateLimits } from './limits.ts'
import type { Outsider, ReturnedUser } from './oauth.ts'
import { hashPassword, verifyPassword } from './passwords.ts'
import { secretHash, type Tokens } from './tokens.ts'

/** The origin of a sign-in. */
export type Visitor = { address: string | null; user_agent: string | null; request_id: string }

/** The dependencies of sign-in. */
export type SignIn = {
  config: Config
  /** The connections of unauthenticated callers. */
  db: TransactingDb
  /** The connections of the users of signed tokens. */
  shares: ConnectionShares
  tokens: Tokens
  limits: RateLimits
  /** Called with a new member once the membership is committed. */
  joined: (orgId: string, userId: string) => void
}

const attemptSeconds = 900
const attemptsPerEmail = 10
const attemptsPerAddress = 100
const signupsPerAddress = 30

/** True when sign-up without an invitation is open. */
export const allowsSignUp = ({ AUTH_MODE: mode, AUTH_DISABLE_SIGNUP: isOff }: Config) =>
  mode === 'full' && !isOff

type Password = { email: string; password: string }

/**
 * Signs in with a password.
 * Contract: throws the same 401 after the same time for every wrong pair, and 429 after too many.
 */
export async function signInWithPassword(
  signIn: SignIn,
  { email, password }: Password,
  visitor: Visitor,
) {
  const { config, db, limits } = signIn
  const subject = `login:${secretHash(normalEmail(email))}`
  await limits.attempt(db, {
    subject: `logins:${networkOf(visitor.address)}`,
    capacity: attemptsPerAddress,
    seconds: attemptSeconds,
  })
  await limits.attempt(db, { subject, capacity: attemptsPerEmail, seconds: attemptSeconds })
  const account = await accountOf(signIn, { email, password }, visitor)
  if (!account) {
    await recordFailure(signIn, email, visitor)
    throw new ApiError('invalid_login')
  }
  await limits.forgive(db, subject)
  return openLogin(signIn, account, { visitor, action: 'login', config })
}

async function accountOf({ config, db }: SignIn, { email, password }: Password, visitor: Visitor) {
  if (isAdmin(config, email)) {
    if (!sameText(config.AUTH_ADMIN_PASSWORD!, password)) {
      // Takes the same time as a check with an account.
      await verifyPassword(undefined, password)
      return undefined
    }
    const admin = await ensureAdmin(db, email, visitor)
    await storeAdminPassword(db, config)
    return admin
  }
  const allowed = config.AUTH_MODE === 'full' && !config.AUTH_DISABLE_PASSWORD
  const found = allowed ? await findAccountByEmail(db, email) : undefined
  // The password of an administrator from earlier settings is no password of the account.
  const account = found?.disabled_at === null && !found.is_settings_admin ? found : undefined
  return (await verifyPassword(account?.password_hash, password)) ? account : undefined
}

function sameText(one: string, other: string) {
  const [a, b] = [one, other].map((text) => createHash('sha256').update(text).digest())
  return timingSafeEqual(a!, b!)
}

/** Returns the administrator's account from the settings, the owner of the default organization. */
async function ensureAdmin(
  database: TransactingDb,
  email: string,
  visitor: Visitor,
): Promise<Account> {
  return database.transaction(async (db) => {
    const { account, isNew } = await claimAdminAccount(db, email)
    if (!isNew) {
      await addMember(db, defaultOrganization, account.id, 'owner')
      return account
    }
    await makeOwner(db, defaultOrganization, account.id)
    await recordOf(db, account, 'admin_account_claimed', visitor)
    return account
  })
}

type Registration = Password & { name: string; invitation?: string | null | undefined }

/** Creates an account with an organization of its own, or in the one that invited it. */
export async function register(
  signIn: SignIn,
  { email, password, name, invitation }: Registration,
  visitor: Visitor,
) {
  const { config, db: database, limits } = signIn
  if (config.AUTH_MODE !== 'full' || (!allowsSignUp(config) && invitation == null)) {
    throw new ApiError('registration_disabled')
  }
  if (config.AUTH_DISABLE_PASSWORD) throw new ApiError('password_registration_disabled')
  await limits.attempt(database, {
    subject: `signups:${networkOf(visitor.address)}`,
    capacity: signupsPerAddress,
    seconds: attemptSeconds,
  })
  // The hash and the invitation come first: neither time nor response reveals whether an account
  // exists.
  const passwordHash = await hashPassword(password)
  const { account, orgId } = await database.transaction(async (db) => {
    const invited =
      invitation == null ? undefined : await takeInvitation(db, secretHash(invitation), email)
    if (isAdmin(config, email)) throw new ApiError('email_taken')
    const made = await createAccount(db, { email, name, passwordHash })
    const memberships = invited ? [invited] : [await newOrganization(db, made)]
    await settle(db, made, { memberships, action: 'register', visitor })
    return { account: made, orgId: memberships[0]!.org_id }
  })
  signIn.joined(orgId, account.id)
  return openLogin(signIn, account, { visitor, config })
}

type Membership = { org_id: string; role: Role }

/** Creates an organization of which a new account is to be the owner. */
async function newOrganization(db: Db, { name }: Account): Promise<Membership> {
  const { id } = await createOrganization(db, `${name}'s organization`.slice(0, 255))
  return { org_id: id, role: 'owner' }
}

type Settling = { memberships: readonly Membership[]; action: string; visitor: Visitor }

/** Gives a new account its first memberships, and records them. */
async function settle(db: Db, account: Account, { memberships, action, visitor }: Settling) {
  for (const { org_id, role } of memberships) {
    await addMember(db, org_id, account.id, role)
    await recordAudit(db, [org_id], { ...userEntry(account, action, visitor), details: { role } })
  }
}

/**
 * Signs in a user of an issuer, and records a refusal.
 * Contract: refuses an address at a domain that is not allowed, and one that has another account.
 */
export async function signInWithIssuer(
  signIn: SignIn,
  provider: string,
  outsider: ReturnedUser,
  visitor: Visitor,
) {
  const { config, db } = signIn
  const { issuer, subject, email, domains } = outsider
  const find = () => findByIdentity(db, issuer, subject)
  const known = await find()
  const refused = async (error: unknown) => {
    const isRefusal = error instanceof ApiError && (error.status === 401 || error.status === 403)
    if (isRefusal) await recordFailure(signIn, (known ?? outsider).email, visitor)
    throw error
  }
  const domain = email.split('@').at(-1)!.toLowerCase()
  if (domains.length > 0 && !domains.includes(domain)) {
    return refused(new ApiError('email_not_allowed'))
  }
  if (known?.disabled_at) return refused(new ApiError('account_disabled'))
  const login = `login_${provider}`
  if (known) return openLogin(signIn, known, { visitor, action: login, config })
  let action: string | undefined
  const account = await admit(signIn, provider, { outsider, visitor }).catch(async (error) => {
    // A concurrent request of the same user may have created the account.
    action = login
    return (await find()) ?? refused(error)
  })
  return openLogin(signIn, account, { visitor, action, config })
}

/** Creates an account at the first sign-in with an external account. */
async function admit(
  { config, db: database, joined }: SignIn,
  provider: string,
  { outsider, visitor }: { outsider: Outsider; visitor: Visitor },
) {
  const { issuer, subject, email, name, avatarUrl } = outsider
  if (config.AUTH_MODE !== 'full') throw new ApiError('registration_disabled')
  if (isAdmin(config, email)) throw new ApiError('email_taken')
  const { account, memberships } = await database.transaction(async (db) => {
    const made = await createAccount(db, { email, name, authProvider: provider, avatarUrl })
    await addIdentity(db, { provider: issuer, subject, userId: made.id })
    // The issuer verified the address, so its invitations are for this user.
    const invited: Membership[] = await takeInvitationsOf(db, email)
    if (invited.length === 0) {
      if (config.AUTH_DISABLE_SIGNUP) throw new ApiError('registration_disabled')
      invited.push(await newOrganization(db, made))
    }
    await settle(db, made, { memberships: invited, action: `register_${provider}`, visitor })
    return { account: made, memberships: invited }
  })
  for (const { org_id } of memberships) joined(org_id, account.id)
  return account
}

/** `action`: undefined for a new account, whose registration is recorded. */
type Opening = { visitor: Visitor; action?: string | undefined; config: Config }

async function openLogin(
  { db: database, tokens }: SignIn,
  account: Account,
  { visitor, action, config }: Opening,
) {
  const loginId = newLoginId()
  const memberships = await membershipsOf(database, account.id)
  const pair = await signPair({ tokens, config }, account, {
    loginId,
    roles: memberships.map(({ role }) => role),
  })
  await database.transaction(async (db) => {
    await createLogin(db, {
      id: loginId,
      userId: account.id,
      refreshHash: secretHash(pair.refresh_token),
      seconds: config.AUTH_JWT_REFRESH_TOKEN_LIFETIME,
      address: visitor.address,
      userAgent: visitor.user_agent,
    })
    if (action === undefined) return
    await recordAudit(
      db,
      memberships.map(({ org_id }) => org_id),
      userEntry(account, action, visitor),
    )
  })
  return pair
}

const userEntry = (
  { id, name }: Pick<Account, 'id' | 'name'>,
  action: string,
  visitor: Visitor,
) => ({
  actor_type: 'user' as const,
  actor_id: id,
  actor_name: name,
  action,
  target: id,
  details: null,
  ...visitor,
})

/** Records an action of a user in each of the user's organizations. */
async function recordOf(db: Db, account: Account, action: string, visitor: Visitor) {
  const orgIds = (await membershipsOf(db, account.id)).map(({ org_id }) => org_id)
  await recordAudit(db, orgIds, userEntry(account, action, visitor))
}

type Signing = { tokens: Tokens; config: Config }

async function signPair(
  { tokens, config }: Signing,
  { id: sub, email, name }: Account,
  { loginId: sid, roles }: { loginId: string; roles: string[] },
): Promise<TokenResponse> {
  const claims = { sub, email, name, sid, roles: [...new Set(roles)] }
  const seconds = config.AUTH_JWT_ACCESS_TOKEN_LIFETIME
  return {
    access_token: await tokens.sign('access', claims, seconds),
    token_type: 'Bearer',
    expires_in: seconds,
    refresh_token: await tokens.sign(
      'refresh',
      { sub, sid },
      config.AUTH_JWT_REFRESH_TOKEN_LIFETIME,
    ),
  }
}

/**
 * Exchanges a refresh token for a new pair, once. A second exchange, of a copy, ends the sign-in.
 */
export async function refreshLogin(
  signIn: SignIn,
  shown: string,
  visitor: Visitor,
): Promise<TokenResponse> {
  const { tokens, shares, config } = signIn
  const claims = await tokens.read('refresh', shown)
  if (claims === 'expired') throw new ApiError('refresh_token_expired')
  if (!claims) throw new ApiError('invalid_refresh_token')
  const db = shares(claims.sub)
  const account = await findAccount(db, claims.sub)
  if (!account || !acceptsUser(config, account)) throw new ApiError('invalid_refresh_token')
  const memberships = await membershipsOf(db, account.id)
  const roles = memberships.map(({ role }) => role)
  const pair = await signPair(signIn, account, { loginId: claims.sid, roles })
  const rotation = {
    id: claims.sid,
    shownHash: secretHash(shown),
    newHash: secretHash(pair.refresh_token),
    seconds: config.AUTH_JWT_REFRESH_TOKEN_LIFETIME,
  }
  // It may be committed although its response was lost: the client's retry would end the sign-in.
  const rotated = await rotateLogin(db, rotation).catch((error) => {
    if (!isUnavailable(error)) throw error
    return rotateLogin(db, rotation)
  })
  if (rotated) return pair
  await db.transaction(async (unit) => {
    if (!(await endLogin(unit, claims.sid))) return
    const entry = userEntry(account, 'refresh_token_reused', visitor)
    await recordAudit(
      unit,
      memberships.map(({ org_id }) => org_id),
      entry,
    )
  })
  throw new ApiError('invalid_refresh_token')
}

/** Ends the sign-in of an access or refresh token on every node; ignores invalid tokens. */
export async function signOut(
  { shares, tokens }: SignIn,
  shown: string,
  visitor: Visitor,
): Promise<void> {
  const access = await tokens.read('access', shown)
  const claims = typeof access === 'object' ? access : await tokens.read('refresh', shown)
  if (typeof claims !== 'object') return
  await shares(claims.sub).transaction(async (db) => {
    const account = await findAccount(db, claims.sub)
    if (!account || !(await endLogin(db, claims.sid))) return
    await recordOf(db, account, 'logout', visitor)
  })
}

type Claim = { userId: string; current: string; visitor: Visitor }

/**
 * Checks a user's current password.
 * Contract: throws 401 for a wrong one, and counts it as a failed sign-in; `db` is no transaction,
 * so that the failure stays recorded.
 */
export async function checkCurrentPassword(
  { config, db, limits }: Pick<SignIn, 'config' | 'limits'> & { db: Db },
  { userId, current, visitor }: Claim,
) {
  const account = await findAccount(db, userId)
  if (!account || isAdmin(config, account.email)) throw new ApiError('password_login_disabled')
  const subject = `login:${secretHash(account.email)}`
  await limits.attempt(db, { subject, capacity: attemptsPerEmail, seconds: attemptSeconds })
  if (await verifyPassword(account.password_hash, current)) return
  await recordOf(db, account, 'password_change_failed', visitor)
  throw new ApiError('invalid_login')
}
