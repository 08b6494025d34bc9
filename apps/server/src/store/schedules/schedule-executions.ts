import type { Execution, ExecutionQuery, ExecutionStatus, ScheduleStats } from '@outlast/contract'
import { ApiError } from '../../errors.ts'
import { uuidOf } from '../../ids.ts'
import { countUpToMax } from '../batches.ts'
import type { Db, Statement } from '../database.ts'
import { statement, valuesOf } from '../statements.ts'
import { readableJson } from '../stored-json.ts'

const columns = [
  'id',
  'schedule_id',
  'scheduled_at',
  'started_at',
  'status',
  'completed_at',
  'duration_ms',
  'error',
  'session_id',
  'turn_id',
  'created_at',
] as const

type Row = {
  id: string
  schedule_id: string
  status: ExecutionStatus
  session_id: string | null
  turn_id: string | null
}

/** Converts a row to its wire form: omits null fields, and repeats session and turn as UUIDs. */
function executionFromRow(row: Row): Execution {
  const given = Object.entries(row).filter(([, value]) => value !== null)
  return {
    ...(Object.fromEntries(given) as Execution),
    ...(row.turn_id && { workflow_id: uuidOf(row.turn_id) }),
    ...(row.session_id && { task_id: uuidOf(row.session_id) }),
  }
}

/** Returns an execution. Contract: throws 404. */
export async function getExecution({ kysely }: Db, orgId: string, id: string): Promise<Execution> {
  const row = await kysely
    .selectFrom('schedule_executions')
    .select(columns)
    .where('org_id', '=', orgId)
    .where('id', '=', id)
    .executeTakeFirst()
  if (!row) throw new ApiError('not_found', 'Execution')
  return executionFromRow(row)
}

type ExecutionRows = { data: Execution[]; total: number; total_capped?: boolean }

/** Lists executions, newest first. Contract: the schedule exists. */
export async function listExecutions(
  db: Db,
  { orgId, scheduleId }: { orgId: string; scheduleId: string },
  { status, offset, limit }: ExecutionQuery & { offset: number; limit: number },
): Promise<ExecutionRows> {
  const matching = db.kysely
    .selectFrom('schedule_executions')
    .where('org_id', '=', orgId)
    .where('schedule_id', '=', scheduleId)
    .$if(status !== undefined, (query) => query.where('status', '=', status!))
  const [rows, total] = await Promise.all([
    matching
      .select(columns)
      .orderBy('scheduled_at', 'desc')
      .orderBy('id', 'desc')
      .offset(offset)
      .limit(limit)
      .execute(),
    countUpToMax(db, matching.select('id')),
  ])
  return { data: rows.map(executionFromRow), ...total }
}

const stats: Statement = {
  name: 'schedule-stats',
  text: `
select count(*) as total_executions,
  count(*) filter (where status = 'completed') as successful_executions,
  count(*) filter (where status = 'failed') as failed_executions,
  count(*) filter (where status = 'skipped') as skipped_executions,
  round(avg(duration_ms))::bigint as avg_duration_ms,
  (select status from schedule_executions where org_id = $1 and schedule_id = $2
    order by scheduled_at desc, id desc limit 1) as last_execution_status
from schedule_executions where org_id = $1 and schedule_id = $2`,
}

/** Counts the stored executions by status. Contract: the schedule exists. */
export async function readStats(
  db: Db,
  { orgId, scheduleId }: { orgId: string; scheduleId: string },
): Promise<ScheduleStats> {
  const [row] = await db.run<ScheduleStats>(stats, [orgId, scheduleId])
  return Object.fromEntries(Object.entries(row!).filter(([, value]) => value !== null)) as never
}

/** The outcome of an execution. */
export type ExecutionOutcome = {
  status: 'pending' | 'running' | 'failed' | 'skipped'
  error?: string
  /** Seconds from now until the retry. */
  retryAfter?: number
  sessionId?: string
  messageId?: string
  messageSequence?: number
  turnId?: string
}

export type NewExecution = ExecutionOutcome & {
  orgId: string
  id: string
  scheduleId: string
  scheduledAt: string
  manual: boolean
}

/** SQL: the rows of `outcomeLists`, with further lists and their columns. */
const outcomes = (lists = '', names = '') => `unnest(
    :ids::uuid[], :statuses::text[], :errors::text[], :retryAfters::integer[], :sessionIds::text[],
    :messageIds::text[], :messageSequences::integer[], :turnIds::text[]${lists}
  ) as n(id, status, error, retry_after, session_id, message_id, message_sequence, turn_id${names})`

/** Values of the parameters of `outcomes`. */
const outcomeLists = (all: (ExecutionOutcome & { id: string })[]) => ({
  ids: all.map(({ id }) => id),
  statuses: all.map(({ status }) => status),
  errors: all.map(({ error }) => error ?? null),
  retryAfters: all.map(({ retryAfter }) => retryAfter ?? null),
  sessionIds: all.map(({ sessionId }) => sessionId ?? null),
  messageIds: all.map(({ messageId }) => messageId ?? null),
  messageSequences: all.map(({ messageSequence }) => messageSequence ?? null),
  turnIds: all.map(({ turnId }) => turnId ?? null),
})

/** SQL: the end time of an execution without a turn, and the time of a retry. */
const ended = `case when n.status in ('failed', 'skipped') then clock_timestamp() end`
const again = `now() + n.retry_after * interval '1 second'`

const insert = statement(
  'insert-executions',
  `
insert into schedule_executions (
  id, status, error, session_id, message_id, message_sequence, turn_id,
  org_id, schedule_id, scheduled_at, manual, started_at, created_at, completed_at, retry_at
)
select n.id, n.status, n.error, n.session_id, n.message_id, n.message_sequence, n.turn_id,
  n.org_id, n.schedule_id, n.scheduled_at, n.manual, clock_timestamp(), clock_timestamp(), ${ended}, ${again}
from ${outcomes(
    ', :orgIds::text[], :scheduleIds::uuid[], :times::timestamptz[], :manual::boolean[]',
    ', org_id, schedule_id, scheduled_at, manual',
  )}`,
)

/** Inserts executions, all or nothing. Contract: no scheduled time is stored twice. */
export async function insertExecutions(db: Db, all: NewExecution[]): Promise<void> {
  if (all.length === 0) return
  const values = valuesOf(insert, {
    ...outcomeLists(all),
    orgIds: all.map(({ orgId }) => orgId),
    scheduleIds: all.map(({ scheduleId }) => scheduleId),
    times: all.map(({ scheduledAt }) => scheduledAt),
    manual: all.map(({ manual }) => manual),
  })
  await db.run(insert, values)
}

const retried = statement(
  'retried-executions',
  `
update schedule_executions e set
  status = n.status, error = n.error, session_id = n.session_id, message_id = n.message_id,
  message_sequence = n.message_sequence, turn_id = n.turn_id,
  attempts = e.attempts + 1, started_at = clock_timestamp(), completed_at = ${ended}, retry_at = ${again}
from ${outcomes()}
where e.id = n.id`,
)

/** Stores the outcomes of retried executions that were pending. */
export async function updateRetried(
  db: Db,
  all: (ExecutionOutcome & { id: string })[],
): Promise<void> {
  if (all.length > 0) await db.run(retried, valuesOf(retried, outcomeLists(all)))
}

const settle: Statement = {
  name: 'settle-executions',
  text: `
with r as (
  select id, org_id, session_id, message_id, message_sequence, turn_id, started_at from schedule_executions
  where status = 'running' and id > $1 and ($3::uuid[] is null or schedule_id = any($3))
  order by id limit $2 for no key update skip locked
), f as (
  select r.*, s.id is null as gone, s.turn_id as running, v.type, v.data, v.ts, v.turn
  from r
    left join sessions s on s.org_id = r.org_id and s.id = r.session_id
    left join lateral (
      select e.type, e.data, e.ts, e.context->>'turn_id' as turn from events e
      where s.turn_input is distinct from r.message_id
        and e.session_id = s.id and e.sequence > r.message_sequence
        and e.type in ('turn.completed', 'turn.failed', 'turn.cancelled')
        and e.context->>'input_message_id' = r.message_id
      order by e.sequence limit 1
    ) v on true
  where s.id is null or v.type is not null or (r.turn_id is null and s.turn_input = r.message_id)
), u as (
  update schedule_executions e set
    status = case when f.gone then 'failed' when f.type = 'turn.completed' then 'completed'
      when f.type is null then 'running' else 'failed' end,
    error = case when f.gone then 'The session was deleted.'
      when f.type = 'turn.failed' then coalesce(${readableJson('f.data')}->>'error', 'The turn failed.')
      when f.type = 'turn.cancelled' then coalesce(${readableJson('f.data')}->>'reason', 'The turn was cancelled.') end,
    session_id = case when not f.gone then e.session_id end,
    message_id = case when not f.gone then e.message_id end,
    message_sequence = case when not f.gone then e.message_sequence end,
    turn_id = case when not f.gone then coalesce(f.turn, f.turn_id, f.running) end,
    completed_at = case when f.gone then clock_timestamp() else f.ts end,
    duration_ms = case when f.gone or f.type is not null then least(2147483647, greatest(0,
      extract(epoch from coalesce(f.ts, clock_timestamp()) - f.started_at) * 1000))::integer end
  from f where e.id = f.id
  returning e.org_id, e.schedule_id as id
)
select count(*)::integer as looked, max(id::text) as last,
  (select coalesce(json_agg(distinct jsonb_build_object('org_id', org_id, 'id', id)), '[]') from u) as settled
from r`,
}

const first = '00000000-0000-0000-0000-000000000000'

export type Settled = {
  /** Where the next read begins; undefined: from the start. */
  upTo: string | undefined
  /** Schedules whose executions changed. */
  settled: { org_id: string; id: string }[]
}

/**
 * Ends executions whose turns have ended. Reads those after `after` in the order of their ids, at
 * most `limit`; of all schedules, or of some.
 */
export async function settleExecutions(
  db: Db,
  { after = first, limit, of }: { after?: string | undefined; limit: number; of?: string[] },
): Promise<Settled> {
  type Row = Pick<Settled, 'settled'> & { looked: number; last: string }
  const [row] = await db.run<Row>(settle, [after, limit, of ?? null])
  const { looked, last, settled } = row!
  return { upTo: looked < limit ? undefined : last, settled }
}

const batchSize = 10_000
const batchesMax = 1_000

const sweep: Statement = {
  name: 'sweep-executions',
  text: `
delete from schedule_executions where id = any(array(
  select id from schedule_executions
  where id < rpad(lpad(to_hex(greatest(0, extract(epoch from now() - $1 * interval '1 day') * 1000)::bigint), 12, '0'), 32, '0')::uuid
    and status not in ('pending', 'running')
  order by id limit ${batchSize} for update skip locked
)) returning 1`,
}

/** Deletes ended executions older than `days`, in batches. The ids contain the age. */
export async function sweepExecutions(db: Db, days: number): Promise<void> {
  for (let batch = 0; batch < batchesMax; batch += 1) {
    if ((await db.run(sweep, [days])).length < batchSize) return
  }
}
