import type { Config } from '../config.ts'
import {
  type Account,
  findAccountByEmail,
  normalEmail,
  replaceAdminPassword,
} from '../store/access/users.ts'
import type { TransactingDb } from '../store/database.ts'
import { hashPassword, verifyPassword } from './passwords.ts'

/** True for the address of the administrator from the settings. */
export const isAdmin = ({ AUTH_ADMIN_EMAIL: admin }: Config, email: string) =>
  admin !== undefined && normalEmail(admin) === normalEmail(email)

/** True for users whose sign-ins count: with AUTH_MODE=admin only the administrator. */
export const acceptsUser = (
  config: Config,
  { email, is_settings_admin }: Pick<Account, 'email' | 'is_settings_admin'>,
) => config.AUTH_MODE !== 'admin' || (is_settings_admin && isAdmin(config, email))

/**
 * Stores a hash of AUTH_ADMIN_PASSWORD. When the password changed, ends the administrator's
 * sign-ins, and their session tokens and links, on all nodes.
 * Contract: nodes with different passwords may call it at once. A sign-in that a node with the
 * former password accepts later ends at the next call with the new one.
 */
export async function storeAdminPassword(database: TransactingDb, config: Config): Promise<void> {
  const { AUTH_MODE: mode, AUTH_ADMIN_EMAIL: email, AUTH_ADMIN_PASSWORD: password } = config
  if (mode === 'none' || email === undefined || password === undefined) return
  for (;;) {
    const account = await findAccountByEmail(database, email)
    if (!account?.is_settings_admin) return
    if (await verifyPassword(account.password_hash, password)) return
    const hash = await hashPassword(password)
    const isStored = await database.transaction((db) => replaceAdminPassword(db, account, hash))
    if (isStored) return
  }
}
