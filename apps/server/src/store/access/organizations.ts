import type { Organization, OrganizationChange, Role } from '@outlast/contract'
import { ApiError } from '../../errors.ts'
import { newId } from '../../ids.ts'
import { countRows, type RowRange } from '../batches.ts'
import type { Db, Statement } from '../database.ts'
import { fillOrganization } from '../models/seeds.ts'

/** Creates an organization with its seeds. The caller adds the first member. */
export async function createOrganization(db: Db, name: string): Promise<Organization> {
  const row = await db.kysely
    .insertInto('organizations')
    .values({ id: newId('organization'), name })
    .returning(['id', 'name', 'retention_days', 'created_at'])
    .executeTakeFirstOrThrow()
  await fillOrganization(db, row.id)
  return { ...row, role: 'owner' }
}

export async function findOrganization({ kysely }: Db, id: string) {
  const found = kysely
    .selectFrom('organizations')
    .select(['id', 'name', 'retention_days', 'created_at'])
  return found.where('id', '=', id).where('deleted_at', 'is', null).executeTakeFirst()
}

/** Returns an organization. Contract: throws 404. */
export async function getOrganization(db: Db, id: string, role: Role) {
  const row = await findOrganization(db, id)
  if (!row) throw new ApiError('not_found', 'Organization')
  return { ...row, role } satisfies Organization
}

/** Updates an organization. Contract: an absent field and a null name keep their values. */
export async function updateOrganization(
  db: Db,
  id: string,
  { name, retention_days }: OrganizationChange,
): Promise<void> {
  const change = {
    ...(name != null && { name }),
    ...(retention_days !== undefined && { retention_days }),
  }
  if (Object.keys(change).length === 0) return
  await db.kysely.updateTable('organizations').set(change).where('id', '=', id).execute()
}

const memberships = ({ kysely }: Db, userId: string) =>
  kysely
    .selectFrom('members as m')
    .innerJoin('organizations as o', 'o.id', 'm.org_id')
    .where('m.user_id', '=', userId)
    .where('o.deleted_at', 'is', null)

/** Lists the organizations of a user, oldest membership first. */
export async function listOrganizations(db: Db, userId: string, { offset, limit }: RowRange) {
  return (await memberships(db, userId)
    .select(['o.id', 'o.name', 'm.role', 'o.retention_days', 'o.created_at'])
    .orderBy('m.created_at')
    .orderBy('o.id')
    .offset(offset)
    .limit(limit)
    .execute()) satisfies Organization[]
}

export function countOwned(db: Db, userId: string): Promise<number> {
  return countRows(memberships(db, userId).where('m.role', '=', 'owner'))
}

export function countOrganizations(db: Db, userId: string): Promise<number> {
  return countRows(memberships(db, userId))
}

/** Lists all organizations, for the server's operator. */
export async function listAllOrganizations({ kysely }: Db, { offset, limit }: RowRange) {
  const rows = await kysely
    .selectFrom('organizations')
    .select(['id', 'name', 'retention_days', 'created_at'])
    .where('deleted_at', 'is', null)
    .orderBy('created_at')
    .orderBy('id')
    .offset(offset)
    .limit(limit)
    .execute()
  return rows.map((row): Organization => ({ ...row, role: 'owner' }))
}

export function countAllOrganizations({ kysely }: Db): Promise<number> {
  return countRows(kysely.selectFrom('organizations').where('deleted_at', 'is', null))
}

const share: Statement = {
  name: 'share-organization',
  text: 'select from organizations where id = $1 and deleted_at is null for share',
}

/**
 * Locks an organization against deletion.
 * Contract: `db` is a transaction; throws 404 once deleted.
 */
export async function keepOrganization(db: Db, id: string): Promise<void> {
  if ((await db.run(share, [id])).length === 0) throw new ApiError('not_found', 'Organization')
}
