import type { Member, Role } from '@outlast/contract'
import { ApiError } from '../../errors.ts'
import { countRows, type RowRange } from '../batches.ts'
import type { Db, Statement } from '../database.ts'
import { recordChange, subjectOf } from './access-changes.ts'

const byId: Statement = {
  name: 'member-role',
  text: `
select m.role from members m join organizations o on o.id = m.org_id and o.deleted_at is null
where m.org_id = $1 and m.user_id = $2`,
}

/** Finds a user's role in an organization; undefined for a user without membership. */
export async function findRole(db: Db, orgId: string, userId: string): Promise<Role | undefined> {
  const [row] = await db.run<{ role: Role }>(byId, [orgId, userId])
  return row?.role
}

/** Adds a member. Contract: does nothing for an existing member. */
export async function addMember(db: Db, orgId: string, userId: string, role: Role) {
  await db.kysely
    .insertInto('members')
    .values({ org_id: orgId, user_id: userId, role })
    .onConflict((conflict) => conflict.doNothing())
    .execute()
  await recordChange(db, subjectOf.user(userId))
}

/** Makes a member an owner. */
export async function makeOwner(db: Db, orgId: string, userId: string) {
  await db.kysely
    .insertInto('members')
    .values({ org_id: orgId, user_id: userId, role: 'owner' })
    .onConflict((conflict) =>
      conflict.columns(['org_id', 'user_id']).doUpdateSet({ role: 'owner' }),
    )
    .execute()
  await recordChange(db, subjectOf.user(userId), subjectOf.member(orgId, userId))
}

const joined = ({ kysely }: Db, orgId: string) =>
  kysely
    .selectFrom('members as m')
    .innerJoin('users as u', 'u.id', 'm.user_id')
    .where('m.org_id', '=', orgId)

const columns = ['m.user_id', 'u.email', 'u.name', 'm.role', 'm.created_at'] as const

/** Lists members, oldest first. */
export async function listMembers(db: Db, orgId: string, { offset, limit }: RowRange) {
  return (await joined(db, orgId)
    .select(columns)
    .orderBy('m.created_at')
    .orderBy('m.user_id')
    .offset(offset)
    .limit(limit)
    .execute()) satisfies Member[]
}

export function countMembers(db: Db, orgId: string): Promise<number> {
  return countRows(joined(db, orgId))
}

/**
 * Locks a member and the organization's owners, so that two changes cannot remove the last owner.
 */
async function lockMember({ kysely }: Db, orgId: string, userId: string): Promise<Role> {
  const lock = kysely.selectFrom('organizations').select('id').where('id', '=', orgId)
  await lock.forNoKeyUpdate().execute()
  const mine = kysely.selectFrom('members').select('role').where('org_id', '=', orgId)
  const row = await mine.where('user_id', '=', userId).executeTakeFirst()
  if (!row) throw new ApiError('not_found', 'Member')
  return row.role
}

async function refuseLastOwner({ kysely }: Db, orgId: string) {
  const owners = await countRows(
    kysely.selectFrom('members').where('org_id', '=', orgId).where('role', '=', 'owner'),
  )
  if (owners <= 1) throw new ApiError('last_owner')
}

type MemberEdit = { orgId: string; userId: string; by: Role }

/** Requires an owner to grant or revoke the role of owner. */
function checkOwners(by: Role, ...roles: (Role | undefined)[]) {
  if (by !== 'owner' && roles.includes('owner')) throw new ApiError('forbidden', 'owner')
}

/**
 * Changes a member's role.
 * Contract: `db` is a transaction; throws 404, 403 when a caller without the role of owner changes
 * an owner, and 409 for the last owner.
 */
export async function changeRole(db: Db, { orgId, userId, by }: MemberEdit, role: Role) {
  const before = await lockMember(db, orgId, userId)
  checkOwners(by, before, role)
  if (before === 'owner' && role !== 'owner') await refuseLastOwner(db, orgId)
  await db.kysely
    .updateTable('members')
    .set({ role })
    .where('org_id', '=', orgId)
    .where('user_id', '=', userId)
    .execute()
  await recordChange(db, subjectOf.member(orgId, userId))
  return (await joined(db, orgId)
    .select(columns)
    .where('m.user_id', '=', userId)
    .executeTakeFirstOrThrow()) satisfies Member
}

/** Removes a member and their keys. Contract: as `changeRole`. */
export async function removeMember(db: Db, { orgId, userId, by }: MemberEdit): Promise<void> {
  const before = await lockMember(db, orgId, userId)
  checkOwners(by, before)
  if (before === 'owner') await refuseLastOwner(db, orgId)
  for (const table of ['members', 'api_keys'] as const) {
    await db.kysely
      .deleteFrom(table)
      .where('org_id', '=', orgId)
      .where('user_id', '=', userId)
      .execute()
  }
  await recordChange(db, subjectOf.member(orgId, userId), subjectOf.user(userId))
}
