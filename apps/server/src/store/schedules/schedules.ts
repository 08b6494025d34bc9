import type { Schedule, ScheduleQuery, SendMessageInput } from '@outlast/contract'
import { sql } from 'kysely'
import { ApiError } from '../../errors.ts'
import { newUuid } from '../../ids.ts'
import { countRows } from '../batches.ts'
import type { Db } from '../database.ts'
import { isDuplicate } from '../database-errors.ts'

const columns = [
  'id',
  'name',
  'description',
  'cron_expression',
  'timezone',
  'target',
  'enabled',
  'catch_up_missed',
  'max_catch_up',
  'max_concurrent',
  'retry_policy',
  'next_trigger_at',
  'last_triggered_at',
  'paused_reason',
  'created_at',
  'updated_at',
] as const

type Row = Pick<
  Schedule,
  'id' | 'name' | 'cron_expression' | 'timezone' | 'enabled' | 'catch_up_missed' | 'created_at'
> & { updated_at: string; next_trigger_at: string | null; target: unknown }

/** Converts a row to its wire form: omits null fields, except `next_trigger_at`. */
function scheduleFromRow({ next_trigger_at, ...row }: Row): Schedule {
  const given = Object.entries(row).filter(([, value]) => value !== null)
  return { ...Object.fromEntries(given), next_trigger_at } as Schedule
}

/** The stored fields of a schedule; `retryPolicy` and `target` are JSON. */
export type ScheduleFields = {
  name: string
  description: string | null
  cron_expression: string
  timezone: string
  target: string
  enabled: boolean
  catch_up_missed: boolean
  max_catch_up: number | null
  max_concurrent: number | null
  retry_policy: string | null
  next_trigger_at: string | null
}

/** Whose budgets apply to the sessions that a schedule starts. */
export type CreatorOfSchedule = { apiKeyId?: string | undefined; accountId?: string | undefined }

/** Creates a schedule. Contract: throws 409 when the organization has one of that name. */
export async function createSchedule(
  { kysely }: Db,
  orgId: string,
  fields: ScheduleFields,
  { apiKeyId, accountId }: CreatorOfSchedule,
): Promise<Schedule> {
  const creator = { api_key_id: apiKeyId ?? null, account_id: accountId ?? null }
  const values = { org_id: orgId, id: newUuid(), ...fields, ...creator }
  const made = kysely.insertInto('schedules').values(values)
  try {
    return scheduleFromRow(await made.returning(columns).executeTakeFirstOrThrow())
  } catch (error) {
    throw isDuplicate(error) ? new ApiError('schedule_exists', fields.name) : error
  }
}

const of = ({ kysely }: Db, orgId: string) =>
  kysely.selectFrom('schedules').where('org_id', '=', orgId)

/** Returns a schedule. Contract: throws 404. */
export async function getSchedule(db: Db, orgId: string, id: string): Promise<Schedule> {
  const row = await of(db, orgId).select(columns).where('id', '=', id).executeTakeFirst()
  if (!row) throw new ApiError('not_found', 'Schedule')
  return scheduleFromRow(row)
}

/** Returns the creator of a schedule, with undefined for those that are not known. */
export async function findScheduleCreator(
  db: Db,
  orgId: string,
  id: string,
): Promise<CreatorOfSchedule> {
  const found = of(db, orgId).select(['api_key_id', 'account_id']).where('id', '=', id)
  const row = await found.executeTakeFirst()
  return { apiKeyId: row?.api_key_id ?? undefined, accountId: row?.account_id ?? undefined }
}

/** Locks a schedule against changes and runs until the transaction ends. Contract: throws 404. */
export async function holdSchedule(db: Db, orgId: string, id: string): Promise<Schedule> {
  const found = of(db, orgId).select(columns).where('id', '=', id)
  const row = await found.forUpdate().executeTakeFirst()
  if (!row) throw new ApiError('not_found', 'Schedule')
  return scheduleFromRow(row)
}

/** Locks the schedules that send messages to a session, until the transaction ends. */
export async function holdSchedulesTo(db: Db, orgId: string, sessionId: string) {
  const rows = await of(db, orgId)
    .select(['id', 'target'])
    .where(sql<boolean>`strpos(target::text, ${sessionId}) > 0`)
    .orderBy('id')
    .forNoKeyUpdate()
    .execute()
  const schedules = rows as Pick<Schedule, 'id' | 'target'>[]
  return schedules.filter(({ target: { name, input } }) => {
    return name === 'send_message' && (input as SendMessageInput).session_id === sessionId
  })
}

export async function updateSchedule(
  { kysely }: Db,
  { orgId, id }: { orgId: string; id: string },
  change: Partial<ScheduleFields & { last_triggered_at: string; paused_reason: string | null }>,
): Promise<Schedule> {
  const row = await kysely
    .updateTable('schedules')
    .set({ ...change, updated_at: sql`clock_timestamp()` })
    .where('org_id', '=', orgId)
    .where('id', '=', id)
    .returning(columns)
    .executeTakeFirst()
  if (!row) throw new ApiError('not_found', 'Schedule')
  return scheduleFromRow(row)
}

/** Deletes a schedule and its executions. Contract: throws 404. */
export async function deleteSchedule({ kysely }: Db, orgId: string, id: string): Promise<void> {
  const gone = await kysely
    .deleteFrom('schedules')
    .where('org_id', '=', orgId)
    .where('id', '=', id)
    .returning('id')
    .executeTakeFirst()
  if (!gone) throw new ApiError('not_found', 'Schedule')
}

export function countSchedules(db: Db, orgId: string): Promise<number> {
  return countRows(of(db, orgId))
}

/** Lists schedules, newest first. */
export async function listSchedules(
  db: Db,
  orgId: string,
  { enabled, target_type, offset, limit }: ScheduleQuery & { offset: number; limit: number },
): Promise<{ data: Schedule[]; total: number }> {
  const matching = of(db, orgId)
    .$if(enabled !== undefined, (query) => query.where('enabled', '=', enabled!))
    .$if(target_type !== undefined, (query) => query.where(sql`target->>'type'`, '=', target_type!))
  const [rows, total] = await Promise.all([
    matching
      .select(columns)
      .orderBy('created_at', 'desc')
      .orderBy('id', 'desc')
      .offset(offset)
      .limit(limit)
      .execute(),
    countRows(matching),
  ])
  return { data: rows.map(scheduleFromRow), total }
}

/** Returns the current time of the database's clock. */
export async function readNow(db: Db): Promise<string> {
  const [row] = await db.run<{ now: string }>(
    { name: 'now', text: 'select clock_timestamp()::timestamptz(3) as now' },
    [],
  )
  return row!.now
}
