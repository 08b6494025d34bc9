import type { Alert, AlertFiring, AlertQuery } from '@outlast/contract'
import { sql } from 'kysely'
import { ApiError } from '../../errors.ts'
import { newId } from '../../ids.ts'
import type { RowRange } from '../batches.ts'
import { atomically, type Db } from '../database.ts'

const columns = [
  'id',
  'name',
  'metric',
  'agent_id',
  'threshold',
  'resolve_below',
  'window_seconds',
  'min_turns',
  'repeat_seconds',
  'enabled',
  'value',
  'evaluated_at',
  'created_at',
  'updated_at',
] as const

const openFiring = sql<
  string | null
>`(select f.fired_at from alert_firings f where f.alert_id = alerts.id and f.resolved_at is null)`

type AlertRow = Omit<Alert, 'metric' | 'state'> & { metric: string }

const alertFromRow = (row: AlertRow): Alert => ({
  ...row,
  metric: row.metric as Alert['metric'],
  state: row.fired_at === null ? 'ok' : 'firing',
})

type AlertRef = { orgId: string; id: string }

/** The properties of an alert that clients set. */
export type AlertFields = Pick<
  Alert,
  | 'name'
  | 'metric'
  | 'agent_id'
  | 'threshold'
  | 'resolve_below'
  | 'window_seconds'
  | 'min_turns'
  | 'repeat_seconds'
  | 'enabled'
>

const of = ({ kysely }: Db, orgId: string) =>
  kysely.selectFrom('alerts').where('org_id', '=', orgId)

export async function createAlert(db: Db, orgId: string, fields: AlertFields): Promise<Alert> {
  const row = await db.kysely
    .insertInto('alerts')
    .values({ org_id: orgId, id: newId('alert'), ...fields })
    .returning([...columns, openFiring.as('fired_at')])
    .executeTakeFirstOrThrow()
  return alertFromRow(row)
}

/** Returns an alert. Contract: throws 404. */
export async function getAlert(db: Db, { orgId, id }: AlertRef): Promise<Alert> {
  const row = await of(db, orgId)
    .select([...columns, openFiring.as('fired_at')])
    .where('id', '=', id)
    .executeTakeFirst()
  if (!row) throw new ApiError('not_found', 'Alert')
  return alertFromRow(row)
}

/** Locks an alert against evaluations until the transaction ends. Contract: throws 404. */
export async function holdAlert(db: Db, { orgId, id }: AlertRef): Promise<AlertFields> {
  const found = of(db, orgId).select(columns).where('id', '=', id)
  const row = await found.forUpdate().executeTakeFirst()
  if (!row) throw new ApiError('not_found', 'Alert')
  return row as AlertFields
}

/**
 * True if the samples of an alert end before its new window begins, or are too far apart for it.
 */
const startsAgain = (
  { enabled, window_seconds }: AlertFields,
  after: Partial<AlertFields>,
): boolean =>
  (after.enabled === true && !enabled) ||
  (after.window_seconds ?? Number.POSITIVE_INFINITY) < (window_seconds ?? 0)

/**
 * Changes an alert and evaluates it soon. An alert that is disabled resolves. One that is enabled
 * again, or has a shorter window, counts from the next evaluation on, like a new one.
 */
export async function updateAlert(
  db: Db,
  { orgId, id }: AlertRef,
  { before, change }: { before: AlertFields; change: Partial<AlertFields> },
): Promise<Alert> {
  if (change.enabled === false) await resolveFiring(db, id, 'disabled')
  if (startsAgain(before, change))
    await db.kysely.deleteFrom('alert_samples').where('alert_id', '=', id).execute()
  const row = await db.kysely
    .updateTable('alerts')
    .set({ ...change, due_at: sql`now()`, updated_at: sql`clock_timestamp()` })
    .where('org_id', '=', orgId)
    .where('id', '=', id)
    .returning([...columns, openFiring.as('fired_at')])
    .executeTakeFirst()
  if (!row) throw new ApiError('not_found', 'Alert')
  return alertFromRow(row)
}

/** Deletes an alert and its firings. Contract: throws 404. */
export async function deleteAlert(db: Db, place: AlertRef): Promise<void> {
  await atomically(db, async (unit) => {
    await holdAlert(unit, place)
    await resolveFiring(unit, place.id, 'deleted')
    await unit.kysely.deleteFrom('alerts').where('id', '=', place.id).execute()
  })
}

/** Ends the open firing of an alert, which webhooks receive. */
async function resolveFiring({ kysely }: Db, id: string, resolution: 'disabled' | 'deleted') {
  await kysely
    .updateTable('alert_firings')
    .set({ resolved_at: sql`clock_timestamp()`, resolution })
    .where('alert_id', '=', id)
    .where('resolved_at', 'is', null)
    .execute()
}

export async function countAlerts(db: Db, orgId: string): Promise<number> {
  const { total } = await of(db, orgId)
    .select(({ fn }) => fn.countAll<number>().as('total'))
    .executeTakeFirstOrThrow()
  return total
}

/** Lists alerts, newest first. */
export async function listAlerts(
  db: Db,
  orgId: string,
  { state, offset, limit }: Pick<AlertQuery, 'state'> & RowRange,
): Promise<{ data: Alert[]; total: number }> {
  const matching = of(db, orgId).$if(state !== undefined, (query) =>
    query.where(openFiring, state === 'firing' ? 'is not' : 'is', null),
  )
  const [rows, { total }] = await Promise.all([
    matching
      .select([...columns, openFiring.as('fired_at')])
      .orderBy('created_at', 'desc')
      .orderBy('id', 'desc')
      .offset(offset)
      .limit(limit)
      .execute(),
    matching.select(({ fn }) => fn.countAll<number>().as('total')).executeTakeFirstOrThrow(),
  ])
  return { data: rows.map(alertFromRow), total }
}

/** Lists the firings of an alert, newest first. Contract: the alert exists. */
export async function listFirings(
  { kysely }: Db,
  alertId: string,
  { offset, limit }: RowRange,
): Promise<{ data: AlertFiring[]; total: number }> {
  const matching = kysely.selectFrom('alert_firings').where('alert_id', '=', alertId)
  const [rows, { total }] = await Promise.all([
    matching
      .selectAll()
      .orderBy('fired_at', 'desc')
      .orderBy('id', 'desc')
      .offset(offset)
      .limit(limit)
      .execute(),
    matching.select(({ fn }) => fn.countAll<number>().as('total')).executeTakeFirstOrThrow(),
  ])
  return { data: rows as AlertFiring[], total }
}
