import type { ModelSync, ProviderType } from '@outlast/contract'
import { sql } from 'kysely'
import { ApiError } from '../../errors.ts'
import { newId } from '../../ids.ts'
import { countRows } from '../batches.ts'
import { atomically, type Db, type Statement } from '../database.ts'
import { defaultOrganization } from './seeds.ts'

/** The address of a provider, with its key sealed. */
export type ProviderPlace = {
  org_id: string
  id: string
  provider_type: ProviderType
  base_url: string | null
  api_key: string | null
}

/** Contract: throws 404 `not_found`. */
export async function getProviderPlace(
  { kysely }: Db,
  orgId: string,
  id: string,
): Promise<ProviderPlace> {
  const row = await kysely
    .selectFrom('providers')
    .select(['org_id', 'id', 'provider_type', 'base_url', 'api_key'])
    .where('org_id', '=', orgId)
    .where('id', '=', id)
    .executeTakeFirst()
  if (!row) throw new ApiError('not_found', 'Provider')
  return row as ProviderPlace
}

/** Limit of the stored models of one provider, however many its vendor lists over time. */
export const modelsMax = 10_000
const batchSize = 500

type Listed = { model_id: string; display_name: string }

/**
 * Stores the models that a vendor listed. Adds new models, updates `last_seen_at` of known ones,
 * and marks models that the vendor no longer lists as stale.
 * Contract: deletes nothing and keeps the settings of users; throws 404. An incomplete list marks
 * none as stale.
 */
export async function saveDiscovered(
  within: Db,
  { orgId, providerId }: { orgId: string; providerId: string },
  list: { models: Listed[]; truncated: boolean },
): Promise<ModelSync> {
  return atomically(within, async (db) => {
    const of = { orgId, providerId, now: await markSynced(db, orgId, providerId) }
    const known = await knownNames(db, of)
    const added = list.models
      .filter(({ model_id }) => !known.has(model_id))
      .slice(0, Math.max(0, modelsMax - known.size))
    const seen = list.models.map(({ model_id }) => model_id).filter((name) => known.has(name))
    for (const batch of batches(seen)) await touch(db, of, batch)
    for (const batch of batches(added)) await add(db, of, batch)
    const truncated = list.truncated || added.length + seen.length < list.models.length
    if (!truncated) await markStale(db, of)
    return {
      discovered: added.length,
      total: list.models.length,
      stale: await countStale(db, of),
      truncated,
      last_synced_at: of.now,
    }
  })
}

type Syncing = { orgId: string; providerId: string; now: string }

/** Also limits a provider to one synchronization at a time. */
async function markSynced({ kysely }: Db, orgId: string, id: string): Promise<string> {
  const row = await kysely
    .updateTable('providers')
    .set({ last_synced_at: sql`clock_timestamp()` })
    .where('org_id', '=', orgId)
    .where('id', '=', id)
    .returning('last_synced_at')
    .executeTakeFirst()
  if (!row) throw new ApiError('not_found', 'Provider')
  return row.last_synced_at!
}

async function knownNames({ kysely }: Db, { orgId, providerId }: Syncing): Promise<Set<string>> {
  const rows = await kysely
    .selectFrom('models')
    .select('model_id')
    .where('org_id', '=', orgId)
    .where('provider_id', '=', providerId)
    .execute()
  return new Set(rows.map(({ model_id }) => model_id))
}

function* batches<T>(items: T[]): Generator<T[]> {
  for (let at = 0; at < items.length; at += batchSize) yield items.slice(at, at + batchSize)
}

const touchStatement: Statement = {
  name: 'touch-discovered',
  text: `
update models set last_seen_at = $3, is_stale = false
where org_id = $1 and provider_id = $2 and model_id = any($4::text[]) and source = 'discovered'`,
}

const touch = (db: Db, { orgId, providerId, now }: Syncing, names: string[]) =>
  db.run(touchStatement, [orgId, providerId, now, names])

const addStatement: Statement = {
  name: 'add-discovered',
  text: `
insert into models (org_id, id, provider_id, model_id, display_name, source, last_seen_at)
select $1, t.id, $2, t.model_id, t.display_name, 'discovered', $3::timestamptz
from unnest($4::text[], $5::text[], $6::text[]) as t (id, model_id, display_name)
on conflict (org_id, provider_id, model_id) do nothing`,
}

const add = (db: Db, { orgId, providerId, now }: Syncing, models: Listed[]) =>
  db.run(addStatement, [
    orgId,
    providerId,
    now,
    models.map(() => newId('model')),
    models.map(({ model_id }) => model_id),
    models.map(({ display_name }) => display_name),
  ])

async function markStale({ kysely }: Db, { orgId, providerId, now }: Syncing) {
  await kysely
    .updateTable('models')
    .set({ is_stale: true })
    .where('org_id', '=', orgId)
    .where('provider_id', '=', providerId)
    .where('source', '=', 'discovered')
    .where('last_seen_at', '<', now)
    .where('is_stale', '=', false)
    .execute()
}

function countStale({ kysely }: Db, { orgId, providerId }: Syncing): Promise<number> {
  return countRows(
    kysely
      .selectFrom('models')
      .where('org_id', '=', orgId)
      .where('provider_id', '=', providerId)
      .where('is_stale', '=', true),
  )
}

export type Due = {
  intervalHours: number
  /** Provider types that can list models, and those with a key in the environment. */
  listed: readonly ProviderType[]
  keyed: readonly ProviderType[]
  limit: number
}

/** A daily synchronization that an hourly check starts must not miss its hour by a moment. */
const slack = "interval '5 minutes'"

const claim: Statement = {
  name: 'claim-due-providers',
  text: `
update providers set sync_tried_at = clock_timestamp() where (org_id, id) in (
  select org_id, id from providers
  where status = 'active' and provider_type = any($2::text[])
    and (base_url is not null or api_key is not null
      or (org_id = $3 and provider_type = any($4::text[])))
    and coalesce(last_synced_at, '-infinity') < clock_timestamp() - $1::int * interval '1 hour' + ${slack}
    and coalesce(sync_tried_at, '-infinity') < clock_timestamp() - interval '1 hour' + ${slack}
  order by coalesce(sync_tried_at, '-infinity') limit $5
  for update skip locked
) returning org_id, id, provider_type, base_url, api_key`,
}

/**
 * Claims active providers that are due and were not tried in the last hour.
 * Contract: each has one claimer.
 */
export function claimDueProviders(
  db: Db,
  { intervalHours, listed, keyed, limit }: Due,
): Promise<ProviderPlace[]> {
  return db.run(claim, [intervalHours, listed, defaultOrganization, keyed, limit])
}
