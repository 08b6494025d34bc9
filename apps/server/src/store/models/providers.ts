import type { NewProvider, Provider, ProviderChange } from '@outlast/contract'
import { type SqlBool, sql } from 'kysely'
import { ApiError } from '../../errors.ts'
import { batchesOf, countRows, olderThan, type RowRange } from '../batches.ts'
import { atomically, type Db } from '../database.ts'
import { lockModels, refuseInUse } from './models.ts'

const columns = [
  'id',
  'name',
  'provider_type',
  'base_url',
  'status',
  'last_synced_at',
  'created_at',
  'updated_at',
] as const

const keySet = sql<boolean>`api_key is not null`.as('api_key_set')

type ProviderRow = Omit<Provider, 'base_url' | 'last_synced_at'> & {
  base_url: string | null
  last_synced_at: string | null
}

function providerFromRow(selected: object): Provider {
  const row = selected as ProviderRow
  return {
    id: row.id,
    name: row.name,
    provider_type: row.provider_type,
    ...(row.base_url !== null && { base_url: row.base_url }),
    api_key_set: row.api_key_set,
    status: row.status,
    ...(row.last_synced_at !== null && { last_synced_at: row.last_synced_at }),
    created_at: row.created_at,
    updated_at: row.updated_at,
  }
}

/**
 * Returns a provider; `api_key_set` is true for a stored key only.
 * Contract: throws 404 `not_found`.
 */
export async function getProvider(db: Db, orgId: string, id: string): Promise<Provider> {
  const row = await db.kysely
    .selectFrom('providers')
    .select(columns)
    .select(keySet)
    .where('org_id', '=', orgId)
    .where('id', '=', id)
    .executeTakeFirst()
  if (!row) throw new ApiError('not_found', 'Provider')
  return providerFromRow(row)
}

/** The place that a provider's key is sealed for. */
export const keyPlace = (orgId: string, id: string) => `providers.api_key of ${id} in ${orgId}`

export type ProviderAddress = Pick<NewProvider, 'provider_type' | 'base_url'>

/**
 * The destination that a provider's key may be sent to: the origin of its address, else its vendor.
 */
export const keyDestination = ({ provider_type, base_url }: ProviderAddress) =>
  base_url == null ? `the vendor of ${provider_type}` : (URL.parse(base_url)?.origin ?? base_url)

/** Creates a provider. Contract: `api_key` is sealed already. */
export async function createProvider(
  db: Db,
  { orgId, id }: { orgId: string; id: string },
  { name, provider_type, base_url, api_key }: NewProvider,
): Promise<Provider> {
  const row = await db.kysely
    .insertInto('providers')
    .values({
      org_id: orgId,
      id,
      name,
      provider_type,
      base_url: base_url ?? null,
      api_key: api_key ?? null,
    })
    .returning(columns)
    .returning(keySet)
    .executeTakeFirstOrThrow()
  return providerFromRow(row)
}

/**
 * Updates a provider.
 * Contract: absent and null keep a field; `api_key` is sealed already; throws 404.
 */
export async function updateProvider(
  db: Db,
  { orgId, id }: { orgId: string; id: string },
  change: ProviderChange,
): Promise<Provider> {
  const given = Object.entries(change).filter(([, value]) => value != null)
  const row = await db.kysely
    .updateTable('providers')
    .set({ ...Object.fromEntries(given), updated_at: sql`clock_timestamp()` })
    .where('org_id', '=', orgId)
    .where('id', '=', id)
    .returning(columns)
    .returning(keySet)
    .executeTakeFirst()
  if (!row) throw new ApiError('not_found', 'Provider')
  return providerFromRow(row)
}

/** Deletes a provider with its models. Contract: throws 404, and 409 while one is in use. */
export async function deleteProvider(within: Db, orgId: string, id: string): Promise<void> {
  await atomically(within, async (db) => {
    await lockModels(db, orgId)
    const models = await db.kysely
      .selectFrom('models')
      .select('id')
      .where('org_id', '=', orgId)
      .where('provider_id', '=', id)
      .execute()
    const ids = models.map((model) => model.id)
    await refuseInUse(db, orgId, ids)
    const gone = await db.kysely
      .deleteFrom('providers')
      .where('org_id', '=', orgId)
      .where('id', '=', id)
      .returning('id')
      .executeTakeFirst()
    if (!gone) throw new ApiError('not_found', 'Provider')
  })
}

const batchSize = 500

/** Lists the providers in batches, newest first; `api_key_set` is true for stored keys only. */
export function listProviders(db: Db, orgId: string, span: RowRange): AsyncGenerator<Provider[]> {
  return batchesOf<Provider>(span, batchSize, async ({ after, offset, limit }) => {
    const rows = await db.kysely
      .selectFrom('providers')
      .select(columns)
      .select(keySet)
      .where('org_id', '=', orgId)
      .$if(after !== undefined, (q) => q.where(olderThan(after!)))
      .orderBy('created_at', 'desc')
      .orderBy('id', 'desc')
      .offset(offset)
      .limit(limit)
      .execute()
    return rows.map(providerFromRow)
  })
}

export function countProviders(db: Db, orgId: string): Promise<number> {
  return countRows(db.kysely.selectFrom('providers').where('org_id', '=', orgId))
}

export type SealedKey = ProviderAddress & { org_id: string; id: string; api_key: string }

/** Lists the sealed keys of all organizations in batches. */
export function listSealedKeys(db: Db): AsyncGenerator<SealedKey[]> {
  const all = { offset: 0, limit: Number.MAX_SAFE_INTEGER }
  return batchesOf<SealedKey>(all, batchSize, async ({ after, limit }) => {
    const rows = await db.kysely
      .selectFrom('providers')
      .select(['org_id', 'id', 'provider_type', 'base_url', 'api_key'])
      .where('api_key', 'is not', null)
      .$if(after !== undefined, (q) =>
        q.where(sql<SqlBool>`(org_id, id) > (${after?.org_id}, ${after?.id})`),
      )
      .orderBy('org_id')
      .orderBy('id')
      .limit(limit)
      .execute()
    return rows as SealedKey[]
  })
}

/** Replaces a key's envelope with a new one. Contract: false if the old one was replaced. */
export async function replaceSealedKey(
  db: Db,
  { org_id, id, api_key }: SealedKey,
  renewed: string,
): Promise<boolean> {
  const row = await db.kysely
    .updateTable('providers')
    .set({ api_key: renewed })
    .where('org_id', '=', org_id)
    .where('id', '=', id)
    .where('api_key', '=', api_key)
    .returning('id')
    .executeTakeFirst()
  return row !== undefined
}
