import type { Account, UserQuery } from '@outlast/contract'
import { type SqlBool, sql } from 'kysely'
import { ApiError } from '../../errors.ts'
import { countRows, type RowRange } from '../batches.ts'
import type { Db } from '../database.ts'
import { recordChange, subjectOf } from './access-changes.ts'
import { membershipsOf } from './logins.ts'
import { endSignInsAndKeys } from './users.ts'

const columns = ['id', 'email', 'name', 'auth_provider', 'disabled_at', 'created_at'] as const

const matching = ({ kysely }: Db, { search }: Pick<UserQuery, 'search'>) => {
  const pattern = `%${(search ?? '').replace(/[\\%_]/g, '\\$&')}%`
  return kysely
    .selectFrom('users')
    .$if(search !== undefined, (query) =>
      query.where(sql<SqlBool>`(name ilike ${pattern} or email ilike ${pattern})`),
    )
}

/** Lists the people of all organizations, newest first. */
export async function listAccounts(db: Db, query: UserQuery & RowRange): Promise<Account[]> {
  return matching(db, query)
    .select(columns)
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .offset(query.offset)
    .limit(query.limit)
    .execute()
}

export function countAccounts(db: Db, query: UserQuery): Promise<number> {
  return countRows(matching(db, query))
}

/** Locks an account until the transaction ends. Contract: throws 404. */
export async function lockAccount({ kysely }: Db, id: string) {
  const row = await kysely
    .selectFrom('users')
    .select([...columns, 'is_settings_admin'])
    .where('id', '=', id)
    .forUpdate()
    .executeTakeFirst()
  if (!row) throw new ApiError('not_found', 'Account')
  return row
}

/** Disables an account with its credentials and links, or enables it. `db` is a transaction. */
export async function setDisabled(db: Db, id: string, disabled: boolean): Promise<Account> {
  const account = await db.kysely
    .updateTable('users')
    .set({ disabled_at: disabled ? sql<string>`coalesce(disabled_at, now())` : null })
    .where('id', '=', id)
    .returning(columns)
    .executeTakeFirstOrThrow()
  if (disabled) await endSignInsAndKeys(db, id)
  return account
}

/**
 * Deletes an account with its memberships, sign-ins, keys and session tokens.
 * Contract: `db` is a transaction; throws 409 for the last owner of an organization that has other
 * members.
 */
export async function deleteAccount(db: Db, id: string): Promise<void> {
  const orgIds = (await membershipsOf(db, id)).map(({ org_id }) => org_id)
  await refuseLastOwner(db, id, orgIds)
  await endSignInsAndKeys(db, id)
  await recordChange(db, ...orgIds.map((orgId) => subjectOf.member(orgId, id)))
  await db.kysely.deleteFrom('users').where('id', '=', id).execute()
}

async function refuseLastOwner({ kysely }: Db, id: string, orgIds: string[]) {
  if (orgIds.length === 0) return
  const lock = kysely.selectFrom('organizations').select('id').where('id', 'in', orgIds)
  await lock.orderBy('id').forUpdate().execute()
  const left = await kysely
    .selectFrom('members')
    .select('org_id')
    .where('org_id', 'in', orgIds)
    .where('user_id', '!=', id)
    .groupBy('org_id')
    .having(sql<SqlBool>`count(*) filter (where role = 'owner') = 0`)
    .executeTakeFirst()
  if (left) throw new ApiError('last_owner')
}
