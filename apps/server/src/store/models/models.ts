import type {
  Model,
  ModelChange,
  ModelQuery,
  ModelWithProvider,
  NewModel,
  ProviderType,
} from '@outlast/contract'
import { type SqlBool, sql } from 'kysely'
import { ApiError } from '../../errors.ts'
import { newId } from '../../ids.ts'
import { batchesOf, countRows, type RowRange } from '../batches.ts'
import { atomically, type Db, type Statement } from '../database.ts'
import { isDuplicate } from '../database-errors.ts'
import { isOffered, type ModelScope, offered } from './model-scope.ts'

/** A model that can be called now, with its provider. */
export type ModelRoute = {
  id: string
  /** The provider's own name of the model. */
  model_id: string
  provider_id: string
  provider_name: string
  provider_type: ProviderType
  base_url: string | null
  /** The provider's key, sealed. */
  api_key: string | null
}

/**
 * Finds a route from SQL expressions: the organization, an array of model ids in order of
 * preference, and the provider types with a key in the environment.
 */
export const routeQuery = (orgId: string, wanted: string, keyedTypes: string) => `
select m.id, m.model_id, m.provider_id, p.name as provider_name, p.provider_type, p.base_url, p.api_key
from models m join providers p on p.org_id = m.org_id and p.id = m.provider_id
where m.org_id = ${orgId} and (m.id = any(${wanted}) or m.is_default)
  and m.status = 'active' and p.status = 'active'
  and ${isOffered('p.provider_type', orgId, keyedTypes)}
order by coalesce(array_position(${wanted}, m.id), 1000) limit 1`

const route: Statement = { name: 'model-route', text: routeQuery('$1', '$2::text[]', '$3::text[]') }

/**
 * Finds the first active and offered candidate, else the organization's default; else undefined.
 */
export async function findModelRoute(
  db: Db,
  { orgId, keyedTypes }: ModelScope,
  candidates: string[],
) {
  const [found] = await db.run<ModelRoute>(route, [orgId, candidates, keyedTypes])
  return found
}

const trialRoute: Statement = {
  name: 'trial-route',
  text: `
select m.id, m.model_id, m.provider_id, p.name as provider_name, p.provider_type, p.base_url, p.api_key
from models m join providers p on p.org_id = m.org_id and p.id = m.provider_id
where m.org_id = $1 and m.provider_id = $2
  and (m.id = $3::text or ($3::text is null and m.status = 'active'))
order by m.is_default desc, m.is_favorite desc, m.is_stale, m.created_at, m.id limit 1`,
}

/**
 * Returns the model for a trial call to a provider: the named one, disabled or not, else the
 * default, a favorite, any.
 * Contract: throws 400 for a model of another provider, 404 for no provider, 409 for no model.
 */
export async function getTrialRoute(
  db: Db,
  { orgId, providerId }: { orgId: string; providerId: string },
  wanted: string | undefined,
): Promise<ModelRoute> {
  const [found] = await db.run<ModelRoute>(trialRoute, [orgId, providerId, wanted ?? null])
  if (found) return found
  const provider = await db.kysely
    .selectFrom('providers')
    .select('id')
    .where('org_id', '=', orgId)
    .where('id', '=', providerId)
    .executeTakeFirst()
  if (!provider) throw new ApiError('not_found', 'Provider')
  if (wanted === undefined) throw new ApiError('provider_without_models')
  const message = 'names no model of this provider'
  throw new ApiError('model_unavailable', wanted, [{ path: 'model_id', message }])
}

const columns = [
  'id',
  'provider_id',
  'model_id',
  'display_name',
  'capabilities',
  'is_default',
  'is_favorite',
  'status',
  'source',
  'is_stale',
  'created_at',
  'updated_at',
] as const

const withProvider = (db: Db, orgId: string) =>
  db.kysely
    .selectFrom('models as m')
    .innerJoin('providers as p', (join) =>
      join.onRef('p.org_id', '=', 'm.org_id').onRef('p.id', '=', 'm.provider_id'),
    )
    .where('m.org_id', '=', orgId)

const bothColumns = [
  ...columns.map((column) => `m.${column}` as const),
  'p.name as provider_name',
  'p.provider_type',
  'p.status as provider_status',
  sql<boolean>`(p.api_key is not null or p.base_url is not null)`.as('is_equipped'),
] as const

/** A model with the state of its provider. `is_equipped`: it has a key or an address of its own. */
export type ModelRow = Omit<ModelWithProvider, 'enabled' | 'healthy'> & {
  provider_status: string
  is_equipped: boolean
}

/** Returns a model. Contract: throws 404 `not_found`. */
export async function getModel(db: Db, orgId: string, id: string): Promise<ModelRow> {
  const row = await withProvider(db, orgId)
    .select(bothColumns)
    .where('m.id', '=', id)
    .executeTakeFirst()
  if (!row) throw new ApiError('not_found', 'Model')
  return row as ModelRow
}

/** Refuses a model that cannot be called. Contract: throws 400 `model_unavailable` about `path`. */
export async function checkModel(
  db: Db,
  scope: ModelScope,
  id: string,
  path = 'model_id',
): Promise<void> {
  const found = await withProvider(db, scope.orgId)
    .select(['m.status', 'p.status as provider_status', offered(scope).as('is_offered')])
    .where('m.id', '=', id)
    .executeTakeFirst()
  const problem = modelProblem(found)
  if (problem === undefined) return
  throw new ApiError('model_unavailable', id, [{ path, message: problem }])
}

type Usability = { status: string; provider_status: string; is_offered: boolean }

function modelProblem(model: Usability | undefined): string | undefined {
  if (!model) return 'names a model that does not exist'
  if (model.status !== 'active') return 'names a model that is disabled'
  if (model.provider_status !== 'active') return 'names a model whose provider is disabled'
  if (model.is_offered) return undefined
  return 'names a simulated model, which is off because a model of a vendor is available'
}

/**
 * Locks the organization's models until the transaction ends: no other caller can choose a default
 * or delete models.
 */
export async function lockModels({ kysely }: Db, orgId: string): Promise<void> {
  await kysely
    .selectFrom('organizations')
    .select('id')
    .where('id', '=', orgId)
    .forNoKeyUpdate()
    .execute()
}

/** Clears all defaults except `id`, and ends the environment's choice of the default. */
async function clearDefault({ kysely }: Db, orgId: string, id: string) {
  await kysely
    .updateTable('organizations')
    .set({ default_model_seeded: false })
    .where('id', '=', orgId)
    .execute()
  await kysely
    .updateTable('models')
    .set({ is_default: false, updated_at: sql`clock_timestamp()` })
    .where('org_id', '=', orgId)
    .where('is_default', '=', true)
    .where('id', '!=', id)
    .execute()
}

const insert: Statement = {
  name: 'create-model',
  text: `
insert into models (org_id, id, provider_id, model_id, display_name, capabilities, is_default, is_favorite)
select $1, $2, p.id, $4, $5, $6::text[], $7::boolean, $8::boolean
from providers p where p.org_id = $1 and p.id = $3
for key share
returning ${columns.join(', ')}`,
}

/**
 * Creates a model.
 * Contract: throws 404 for a provider that does not exist, 409 for a duplicate model.
 */
export async function createModel(
  db: Db,
  { orgId, providerId }: { orgId: string; providerId: string },
  model: NewModel,
): Promise<Model> {
  const id = newId('model')
  return atomically(db, async (unit) => {
    if (model.is_default) {
      await lockModels(unit, orgId)
      await clearDefault(unit, orgId, id)
    }
    const [row] = await unit
      .run<Model>(insert, [
        orgId,
        id,
        providerId,
        model.model_id,
        model.display_name,
        model.capabilities ?? [],
        model.is_default ?? false,
        model.is_favorite ?? false,
      ])
      .catch((error) => refuseDuplicate(error, model.model_id))
    if (!row) throw new ApiError('not_found', 'Provider')
    return row
  })
}

function refuseDuplicate(error: unknown, name: string | null | undefined): never {
  throw isDuplicate(error) ? new ApiError('model_exists', name ?? '') : error
}

/**
 * Updates a model.
 * Contract: absent and null keep a field; throws 404, and 409 as `createModel`.
 */
export async function updateModel(
  db: Db,
  { orgId, id }: { orgId: string; id: string },
  change: ModelChange,
): Promise<Model> {
  const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value != null))
  return atomically(db, async (unit) => {
    await lockModels(unit, orgId)
    const mine = unit.kysely.selectFrom('models').where('org_id', '=', orgId).where('id', '=', id)
    const before = await mine.select('is_default').executeTakeFirst()
    if (!before) throw new ApiError('not_found', 'Model')
    const chooses = change.is_default || (change.is_default === false && before.is_default)
    if (chooses) await clearDefault(unit, orgId, id)
    const row = await unit.kysely
      .updateTable('models')
      .set({ ...given, updated_at: sql`clock_timestamp()` })
      .where('org_id', '=', orgId)
      .where('id', '=', id)
      .returning(columns)
      .executeTakeFirstOrThrow()
      .catch((error) => refuseDuplicate(error, change.model_id))
    return row as Model
  })
}

/**
 * Deletes a model.
 * Contract: throws 404, and 409 while an active agent or a session names the model.
 */
export async function deleteModel(db: Db, orgId: string, id: string): Promise<void> {
  await atomically(db, async (unit) => {
    await lockModels(unit, orgId)
    await refuseInUse(unit, orgId, [id])
    const gone = await unit.kysely
      .deleteFrom('models')
      .where('org_id', '=', orgId)
      .where('id', '=', id)
      .returning('id')
      .executeTakeFirst()
    if (!gone) throw new ApiError('not_found', 'Model')
  })
}

const agentsNamed = 5

/**
 * Refuses models in use.
 * Contract: throws 409 `model_in_use` while an active agent or a session names one.
 */
export async function refuseInUse({ kysely }: Db, orgId: string, ids: string[]): Promise<void> {
  if (ids.length === 0) return
  const agents = await kysely
    .selectFrom('agents')
    .select(['id', 'name', sql<number>`count(*) over ()`.as('count')])
    .where('org_id', '=', orgId)
    .where('status', '=', 'active')
    .where(sql<SqlBool>`default_model_id = any(${ids}::text[])`)
    .orderBy('created_at')
    .orderBy('id')
    .limit(agentsNamed)
    .execute()
  const sessions = await countRows(
    kysely
      .selectFrom('sessions')
      .where('org_id', '=', orgId)
      .where(sql<SqlBool>`model_id = any(${ids}::text[])`),
  )
  if (agents.length === 0 && sessions === 0) return
  const [first] = agents
  const users = [
    ...(first ? [`${several(first.count, 'agent')} (${first.name}${etc(first.count)})`] : []),
    ...(sessions > 0 ? [several(sessions, 'session')] : []),
  ]
  throw new ApiError('model_in_use', users.join(' and '), [
    ...agents.map(({ id, name }) => ({ path: id, message: `The agent ${name} uses it.` })),
    ...(sessions > 0
      ? [{ path: 'sessions', message: `${several(sessions, 'session')} in all.` }]
      : []),
  ])
}

const several = (count: number, noun: string) => `${count} ${noun}${count === 1 ? '' : 's'}`
const etc = (count: number) => (count > 1 ? ', …' : '')

const batchSize = 500

/** Lists a provider's models in batches by name, disabled ones included. */
export function listProviderModels(db: Db, orgId: string, providerId: string, span: RowRange) {
  return batchesOf<Model>(span, batchSize, async ({ after, offset, limit }) => {
    const rows = await db.kysely
      .selectFrom('models')
      .select(columns)
      .where('org_id', '=', orgId)
      .where('provider_id', '=', providerId)
      .$if(after !== undefined, (q) =>
        q.where(sql<SqlBool>`(display_name, id) > (${after?.display_name}, ${after?.id})`),
      )
      .orderBy('display_name')
      .orderBy('id')
      .offset(offset)
      .limit(limit)
      .execute()
    return rows as Model[]
  })
}

export function countProviderModels(db: Db, orgId: string, providerId: string): Promise<number> {
  return countRows(
    db.kysely
      .selectFrom('models')
      .where('org_id', '=', orgId)
      .where('provider_id', '=', providerId),
  )
}

export type ModelFilter = Pick<ModelQuery, 'source' | 'favorites_only' | 'include_stale'>

const callable = (
  db: Db,
  scope: ModelScope,
  { source, favorites_only, include_stale }: ModelFilter,
) =>
  withProvider(db, scope.orgId)
    .where(offered(scope))
    .where('m.status', '=', 'active')
    .where('p.status', '=', 'active')
    .$if(source !== undefined, (q) => q.where('m.source', '=', source!))
    .$if(favorites_only === true, (q) => q.where('m.is_favorite', '=', true))
    .$if(include_stale === false, (q) => q.where('m.is_stale', '=', false))

/** Lists the callable models in batches, by provider name and model name. */
export function listModels(db: Db, scope: ModelScope, filter: ModelFilter, span: RowRange) {
  return batchesOf<ModelRow>(span, batchSize, async ({ after, offset, limit }) => {
    const rows = await callable(db, scope, filter)
      .select(bothColumns)
      .$if(after !== undefined, (q) =>
        q.where(
          sql<SqlBool>`(p.name, m.display_name, m.id) > (${after?.provider_name}, ${after?.display_name}, ${after?.id})`,
        ),
      )
      .orderBy('p.name')
      .orderBy('m.display_name')
      .orderBy('m.id')
      .offset(offset)
      .limit(limit)
      .execute()
    return rows as ModelRow[]
  })
}

export function countModels(db: Db, scope: ModelScope, filter: ModelFilter): Promise<number> {
  return countRows(callable(db, scope, filter))
}
