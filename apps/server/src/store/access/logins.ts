import type { Role } from '@outlast/contract'
import { sql } from 'kysely'
import { newUuid } from '../../ids.ts'
import type { Db, Statement } from '../database.ts'
import { recordChange, subjectOf } from './access-changes.ts'

export type NewLogin = {
  id: string
  userId: string
  refreshHash: string
  seconds: number
  address: string | null
  userAgent: string | null
}

export const newLoginId = newUuid

/** Stores a sign-in. */
export async function createLogin({ kysely }: Db, login: NewLogin): Promise<void> {
  await kysely
    .insertInto('logins')
    .values({
      id: login.id,
      user_id: login.userId,
      refresh_hash: login.refreshHash,
      address: login.address,
      user_agent: login.userAgent,
      expires_at: sql<string>`now() + ${login.seconds} * interval '1 second'`,
    })
    .execute()
}

const byId: Statement = {
  name: 'login-by-id',
  text: `
select l.user_id, u.email, u.name, u.is_settings_admin
from logins l join users u on u.id = l.user_id
where l.id = $1 and l.expires_at > now() and u.disabled_at is null`,
}

type LoginUser = { user_id: string; email: string; name: string; is_settings_admin: boolean }

/** Finds the user of a sign-in that has not ended. */
export async function findLogin(db: Db, id: string) {
  const [row] = await db.run<LoginUser>(byId, [id])
  return row
}

const rolesOf: Statement = {
  name: 'roles-of-user',
  text: `
select m.org_id, m.role from members m join organizations o on o.id = m.org_id and o.deleted_at is null
where m.user_id = $1 order by m.created_at, m.org_id limit 1000`,
}

/** Lists the organizations of a user, oldest membership first. */
export const membershipsOf = (db: Db, userId: string) =>
  db.run<{ org_id: string; role: Role }>(rolesOf, [userId])

/**
 * Replaces a refresh token. Undefined when the presented token is not the current one: it was used
 * before. May be repeated: the new token is a secret of its request.
 */
export async function rotateLogin(
  { kysely }: Db,
  {
    id,
    shownHash,
    newHash,
    seconds,
  }: Record<'id' | 'shownHash' | 'newHash', string> & {
    seconds: number
  },
) {
  return kysely
    .updateTable('logins')
    .set({
      refresh_hash: newHash,
      refreshed_at: sql`clock_timestamp()`,
      expires_at: sql`now() + ${seconds} * interval '1 second'`,
    })
    .where('id', '=', id)
    .where('refresh_hash', 'in', [shownHash, newHash])
    .where('expires_at', '>', sql<string>`now()`)
    .returning('user_id')
    .executeTakeFirst()
}

/** Ends a sign-in on all nodes. Undefined when it had already ended. */
export async function endLogin(db: Db, id: string) {
  const gone = await db.kysely
    .deleteFrom('logins')
    .where('id', '=', id)
    .returning('user_id')
    .executeTakeFirst()
  if (gone) await recordChange(db, subjectOf.login(id))
  return gone
}

/** Ends a user's sign-ins on all nodes except one; returns the count. `db` is a transaction. */
export async function endLogins(db: Db, userId: string, keptId?: string): Promise<number> {
  const gone = await db.kysely
    .deleteFrom('logins')
    .where('user_id', '=', userId)
    .$if(keptId !== undefined, (query) => query.where('id', '!=', keptId!))
    .returning('id')
    .execute()
  if (gone.length > 0) await recordChange(db, ...gone.map(({ id }) => subjectOf.login(id)))
  return gone.length
}

/** Stores the state of a sign-in that was redirected to an issuer. */
export async function createLoginState({ kysely }: Db, stateHash: string, provider: string) {
  const expires_at = sql<string>`now() + interval '10 minutes'`
  await kysely
    .insertInto('login_states')
    .values({ state_hash: stateHash, provider, expires_at })
    .execute()
}

/** Consumes the state of a sign-in. True only the first time, and only for the same issuer. */
export async function takeLoginState({ kysely }: Db, stateHash: string, provider: string) {
  const taken = await kysely
    .deleteFrom('login_states')
    .where('state_hash', '=', stateHash)
    .where('provider', '=', provider)
    .where('expires_at', '>', sql<string>`now()`)
    .returning('provider')
    .executeTakeFirst()
  return taken !== undefined
}

/** Deletes sign-ins that ended and redirects that never returned. */
export async function sweepLogins({ kysely }: Db): Promise<void> {
  for (const table of ['logins', 'login_states'] as const) {
    await kysely.deleteFrom(table).where('expires_at', '<', sql<string>`now()`).execute()
  }
}
