import type { ApiKey, Role, Scope } from '@outlast/contract'
import { ApiError } from '../../errors.ts'
import { newUuid } from '../../ids.ts'
import { countRows, type RowRange } from '../batches.ts'
import type { Db, Statement } from '../database.ts'
import { isMissingReference } from '../database-errors.ts'
import { recordChange, subjectOf } from './access-changes.ts'

const columns = [
  'id',
  'user_id',
  'name',
  'key_prefix',
  'scopes',
  'parent_id',
  'expires_at',
  'last_used_at',
  'created_at',
] as const

export type NewKey = {
  userId: string
  name: string
  prefix: string
  hash: string
  scopes: Scope[]
  days: number | null
  /** The key that created this one; null for a key that a user created. */
  parentId: string | null
}

const insert: Statement = {
  name: 'create-key',
  text: `
insert into api_keys (org_id, id, user_id, name, key_prefix, hash, scopes, expires_at, ancestors)
select $1, $2, $3, $4, $5, $6, $7, least(p.expires_at, now() + $8 * interval '1 day'), 
  case when p.id is null then '{}' else p.ancestors || p.id end
from (select) one left join api_keys p on p.org_id = $1 and p.id = $9
where $9::uuid is null or p.expires_at > now() or (p.id is not null and p.expires_at is null)
returning ${columns.join(', ')}`,
}

/**
 * Creates a key. A key created by another key expires with its parent at the latest, and is deleted
 * with it.
 * Contract: throws 401 when the parent has ended.
 */
export async function createKey(db: Db, orgId: string, key: NewKey): Promise<ApiKey> {
  const values = [orgId, newUuid(), key.userId, key.name, key.prefix, key.hash, key.scopes]
  const rows = await db.run<ApiKey>(insert, [...values, key.days, key.parentId]).catch((error) => {
    throw isMissingReference(error) ? new ApiError('invalid_api_key') : error
  })
  if (!rows[0]) throw new ApiError('invalid_api_key')
  return rows[0]
}

const byHash: Statement = {
  name: 'key-by-hash',
  text: `
select k.org_id, k.id, k.user_id, k.name, k.scopes, k.ancestors, k.expires_at, k.last_used_at, m.role
from api_keys k
  join users u on u.id = k.user_id
  join organizations o on o.id = k.org_id and o.deleted_at is null
  left join members m on m.org_id = k.org_id and m.user_id = k.user_id and u.disabled_at is null
where k.hash = $1`,
}

export type FoundKey = {
  org_id: string
  id: string
  user_id: string
  name: string
  scopes: Scope[]
  /** The chain of keys that created this one. */
  ancestors: string[]
  expires_at: string | null
  last_used_at: string | null
  /** The role of the key's owner; null when the owner is no longer a member. */
  role: Role | null
}

/** Finds a key by its hash. The only lookup without an organization: the key determines it. */
export async function findKeyByHash(db: Db, hash: string): Promise<FoundKey | undefined> {
  const [row] = await db.run<FoundKey>(byHash, [hash])
  return row
}

/** Selects the keys of one user, or of all users when `userId` is undefined. */
type Whose = { orgId: string; userId: string | undefined }

const of = ({ kysely }: Db, { orgId, userId }: Whose) =>
  kysely
    .selectFrom('api_keys')
    .where('org_id', '=', orgId)
    .$if(userId !== undefined, (query) => query.where('user_id', '=', userId!))

/** Newest first. */
export async function listKeys(
  db: Db,
  whose: Whose,
  { offset, limit }: RowRange,
): Promise<ApiKey[]> {
  return of(db, whose)
    .select(columns)
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .offset(offset)
    .limit(limit)
    .execute()
}

export function countKeys(db: Db, whose: Whose): Promise<number> {
  return countRows(of(db, whose))
}

/** Revokes a key and those it created, on all nodes; throws 404. `db` is a transaction. */
export async function deleteKey(db: Db, { orgId, userId }: Whose, id: string): Promise<void> {
  const gone = await db.kysely
    .deleteFrom('api_keys')
    .where('org_id', '=', orgId)
    .where('id', '=', id)
    .$if(userId !== undefined, (query) => query.where('user_id', '=', userId!))
    .returning('id')
    .executeTakeFirst()
  if (!gone) throw new ApiError('not_found', 'API key')
  await recordChange(db, subjectOf.key(id))
}

const touch: Statement = {
  name: 'touch-keys',
  text: `
update api_keys k set last_used_at = greatest(k.last_used_at, n.at)
from unnest($1::text[], $2::uuid[], $3::timestamptz[]) as n(org_id, id, at)
where k.org_id = n.org_id and k.id = n.id`,
}

export type KeyUse = { orgId: string; id: string; at: string }

/** Stores when keys were last used. */
export async function touchKeys(db: Db, uses: KeyUse[]): Promise<void> {
  const values = [
    uses.map((use) => use.orgId),
    uses.map((use) => use.id),
    uses.map((use) => use.at),
  ]
  await db.run(touch, values)
}
