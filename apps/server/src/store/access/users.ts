import type { User, UserQuery } from '@outlast/contract'
import { type SqlBool, sql } from 'kysely'
import { ApiError } from '../../errors.ts'
import { newUuid } from '../../ids.ts'
import { countRows, type RowRange } from '../batches.ts'
import type { Db } from '../database.ts'
import { isDuplicate } from '../database-errors.ts'
import { recordChange, subjectOf } from './access-changes.ts'
import { endLogins } from './logins.ts'
import { endTokensOfSignIns } from './session-tokens.ts'

/** The fields of a user that sign-in needs. */
export type Account = {
  id: string
  email: string
  name: string
  password_hash: string | null
  auth_provider: string
  avatar_url: string | null
  is_settings_admin: boolean
  disabled_at: string | null
}

const columns = [
  'id',
  'email',
  'name',
  'password_hash',
  'auth_provider',
  'avatar_url',
  'is_settings_admin',
  'disabled_at',
] as const

/** Normalizes an email address, so that its spelling does not matter. */
export const normalEmail = (email: string) => email.trim().toLowerCase()

export async function findAccount({ kysely }: Db, id: string): Promise<Account | undefined> {
  return kysely.selectFrom('users').select(columns).where('id', '=', id).executeTakeFirst()
}

export async function findAccountByEmail({ kysely }: Db, email: string) {
  const found = kysely.selectFrom('users').select(columns).where('email', '=', normalEmail(email))
  return found.executeTakeFirst()
}

export type NewAccount = {
  email: string
  name: string
  passwordHash?: string
  authProvider?: string
  avatarUrl?: string | undefined
  isSettingsAdmin?: boolean
}

/** Creates an account. Contract: throws `email_taken`. */
export async function createAccount({ kysely }: Db, account: NewAccount): Promise<Account> {
  const { email, name, passwordHash = null, authProvider = 'local', avatarUrl = null } = account
  const { isSettingsAdmin = false } = account
  try {
    return await kysely
      .insertInto('users')
      .values({
        id: newUuid(),
        email: normalEmail(email),
        name,
        password_hash: passwordHash,
        auth_provider: authProvider,
        avatar_url: avatarUrl,
        is_settings_admin: isSettingsAdmin,
      })
      .returning(columns)
      .executeTakeFirstOrThrow()
  } catch (error) {
    throw isDuplicate(error) ? new ApiError('email_taken') : error
  }
}

export async function setPassword({ kysely }: Db, id: string, passwordHash: string): Promise<void> {
  await kysely
    .updateTable('users')
    .set({ password_hash: passwordHash, updated_at: sql`clock_timestamp()` })
    .where('id', '=', id)
    .execute()
}

type ClaimedAccount = {
  account: Account
  /** True when an earlier account under this address or the previous one lost its credentials. */
  isNew: boolean
}

/**
 * Returns the account of the administrator from the settings, and creates it when missing.
 * Contract: `db` is a transaction. An unverified account that another person created under the
 * address loses its password, sign-ins, keys, links and identities once, before it becomes the
 * administrator's. The sign-ins of an earlier administrator from the settings, with their session
 * tokens and links, end too.
 */
export async function claimAdminAccount(db: Db, email: string): Promise<ClaimedAccount> {
  const found = await findAccountByEmail(db, email)
  if (!found) {
    const account = await createAccount(db, { email, name: 'Administrator', isSettingsAdmin: true })
    await releaseOtherAdmins(db, account.id)
    return { account, isNew: true }
  }
  const claimed = await db.kysely
    .updateTable('users')
    .set({
      is_settings_admin: true,
      password_hash: null,
      disabled_at: null,
      auth_provider: 'local',
    })
    .where('id', '=', found.id)
    .where('is_settings_admin', '=', false)
    .returning(columns)
    .executeTakeFirst()
  if (!claimed) return { account: found, isNew: false }
  await endSignInsAndKeys(db, claimed.id)
  await db.kysely.deleteFrom('identities').where('user_id', '=', claimed.id).execute()
  await releaseOtherAdmins(db, claimed.id)
  return { account: claimed, isNew: true }
}

async function releaseOtherAdmins(db: Db, keptId: string) {
  const released = await db.kysely
    .updateTable('users')
    .set({ is_settings_admin: false, password_hash: null })
    .where('is_settings_admin', '=', true)
    .where('id', '!=', keptId)
    .returning('id')
    .execute()
  for (const { id } of released) {
    await endLogins(db, id)
    await endTokensOfSignIns(db, id)
  }
}

/**
 * Replaces the hash of the password in the settings, and ends the administrator's sign-ins, with
 * their session tokens and links if a hash of another password was stored.
 * Contract: `db` is a transaction. False when the hash is no longer that of `account`.
 */
export async function replaceAdminPassword(
  db: Db,
  { id, password_hash: before }: Pick<Account, 'id' | 'password_hash'>,
  hash: string,
): Promise<boolean> {
  const replaced = await db.kysely
    .updateTable('users')
    .set({ password_hash: hash, updated_at: sql`clock_timestamp()` })
    .where('id', '=', id)
    .where('is_settings_admin', '=', true)
    .where('password_hash', 'is not distinct from', before)
    .returning('id')
    .executeTakeFirst()
  if (!replaced) return false
  await endLogins(db, id)
  if (before !== null) await endTokensOfSignIns(db, id)
  return true
}

/** Ends an account's sign-ins, keys, session tokens and links. Contract: `db` is a transaction. */
export async function endSignInsAndKeys(db: Db, userId: string) {
  await endLogins(db, userId)
  await endTokensOfSignIns(db, userId)
  const keys = await db.kysely
    .deleteFrom('api_keys')
    .where('user_id', '=', userId)
    .returning('id')
    .execute()
  await recordChange(db, subjectOf.user(userId), ...keys.map(({ id }) => subjectOf.key(id)))
}

/** Finds the user that an issuer identifies by a subject. */
export async function findByIdentity({ kysely }: Db, provider: string, subject: string) {
  return kysely
    .selectFrom('users')
    .innerJoin('identities', 'identities.user_id', 'users.id')
    .select(columns.map((column) => `users.${column}` as const))
    .where('identities.provider', '=', provider)
    .where('identities.subject', '=', subject)
    .executeTakeFirst()
}

export type Identity = { provider: string; subject: string; userId: string }

export async function addIdentity({ kysely }: Db, { provider, subject, userId }: Identity) {
  await kysely.insertInto('identities').values({ provider, subject, user_id: userId }).execute()
}

type UserListQuery = UserQuery & RowRange

const matching = ({ kysely }: Db, orgId: string, { search }: Pick<UserQuery, 'search'>) => {
  const pattern = `%${(search ?? '').replace(/[\\%_]/g, '\\$&')}%`
  return kysely
    .selectFrom('members as m')
    .innerJoin('users as u', 'u.id', 'm.user_id')
    .where('m.org_id', '=', orgId)
    .$if(search !== undefined, (query) =>
      query.where(sql<SqlBool>`(u.name ilike ${pattern} or u.email ilike ${pattern})`),
    )
}

/** Lists the users of an organization, newest first. */
export async function listUsers(db: Db, orgId: string, query: UserListQuery): Promise<User[]> {
  const rows = await matching(db, orgId, query)
    .select(['u.id', 'u.email', 'u.name', 'm.role', 'u.avatar_url', 'u.auth_provider'])
    .select('u.created_at')
    .orderBy('u.created_at', 'desc')
    .orderBy('u.id', 'desc')
    .offset(query.offset)
    .limit(query.limit)
    .execute()
  return rows.map(({ role, avatar_url, ...user }) => ({
    ...user,
    roles: [role],
    ...(avatar_url !== null && { avatar_url }),
  }))
}

export function countUsers(db: Db, orgId: string, query: UserQuery): Promise<number> {
  return countRows(matching(db, orgId, query))
}
