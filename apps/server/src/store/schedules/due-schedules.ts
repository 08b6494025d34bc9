import type { ScheduleTarget } from '@outlast/contract'
import type { Db, Statement } from '../database.ts'

const look: Statement = {
  name: 'look-at-schedules',
  text: `
select extract(milliseconds from clock_timestamp())::integer % 1000 as ms,
  exists (select from schedules where enabled and next_trigger_at <= now())
    or exists (select from schedule_executions where status = 'pending' and retry_at <= now()) as due,
  exists (select from schedule_executions where status = 'running') as running`,
}

export type Look = {
  /** Milliseconds into the current second of the database's clock. */
  ms: number
  /** True when a schedule or a retry of an execution is due. */
  due: boolean
  /** True while an execution waits for the end of its turn. */
  running: boolean
}

/** Reads whether there is any work: the only query of an idle scheduler. */
export async function lookAtSchedules(db: Db): Promise<Look> {
  const [row] = await db.run<Look>(look, [])
  return row!
}

/** Nodes check every second; the row is written at most every 10 s. */
const record: Statement = {
  name: 'record-schedule-look',
  text: `
insert into schedule_looks as l (since, latest) values (clock_timestamp(), clock_timestamp())
on conflict (singleton) do update set
  since = case when l.latest < clock_timestamp() - $1 * interval '1 millisecond' then excluded.since else least(l.since, excluded.since) end,
  latest = excluded.latest
where l.latest < clock_timestamp() - interval '10 seconds' or l.latest > clock_timestamp()`,
}

/**
 * Records that a node checks for due schedules now. A pause of all nodes longer than `pauseMs`
 * begins a new period; a clock that was set back does not.
 * Contract: outside a transaction, so that no other node waits for the row.
 */
export async function recordLook(db: Db, pauseMs: number): Promise<void> {
  await db.run(record, [pauseMs])
}

const bound: Statement = {
  name: 'bound-transaction',
  text: `select set_config('idle_in_transaction_session_timeout', $1, true)`,
}

/** Lets the database end this transaction if its node is silent for `idleMs`. */
export async function boundTransaction(db: Db, idleMs: number): Promise<void> {
  await db.run(bound, [String(idleMs)])
}

/** A schedule as the runner needs it. Times are RFC 3339. */
export type DueSchedule = {
  org_id: string
  id: string
  cron_expression: string
  timezone: string
  target: ScheduleTarget
  enabled: boolean
  catch_up_missed: boolean
  max_catch_up: number | null
  max_concurrent: number | null
  retry_policy: unknown
  next_trigger_at: string
  /** The database's clock at the claim. */
  now: string
  /** The time since which nodes have checked for due schedules without a pause. */
  looking_since: string
}

const dueColumns = `s.org_id, s.id, s.cron_expression, s.timezone, s.target, s.enabled, s.catch_up_missed, s.max_catch_up,
  s.max_concurrent, s.retry_policy, s.next_trigger_at, now() as now,
  coalesce((select since from schedule_looks), now()) as looking_since`

const claim: Statement = {
  name: 'claim-schedules',
  text: `
select ${dueColumns} from schedules s
where s.enabled and s.next_trigger_at <= now()
order by s.next_trigger_at, s.id limit $1
for no key update skip locked`,
}

/**
 * Claims due schedules that no other node holds, the longest due first.
 * Contract: locked until commit.
 */
export function claimDue(db: Db, limit: number): Promise<DueSchedule[]> {
  return db.run<DueSchedule>(claim, [limit])
}

const claimOne: Statement = {
  name: 'claim-schedule',
  text: `
select ${dueColumns} from schedules s
where s.id = $1 and s.enabled and s.next_trigger_at <= now() for no key update skip locked`,
}

/** Claims one schedule if it is due and no other node holds it. Contract: locked until commit. */
export function claimOneDue(db: Db, id: string): Promise<DueSchedule[]> {
  return db.run<DueSchedule>(claimOne, [id])
}

/** An execution to retry, with its schedule. */
export type PendingExecution = DueSchedule & {
  execution_id: string
  scheduled_at: string
  attempts: number
  manual: boolean
}

const claimAgain: Statement = {
  name: 'claim-pending-executions',
  text: `
select ${dueColumns}, e.id as execution_id, e.scheduled_at, e.attempts, e.manual
from schedule_executions e join schedules s on s.id = e.schedule_id
where e.status = 'pending' and e.retry_at <= now()
order by e.retry_at limit $1
for no key update skip locked`,
}

/**
 * Claims executions due for a retry.
 * Contract: they and their schedules are locked until commit.
 */
export function claimPending(db: Db, limit: number): Promise<PendingExecution[]> {
  return db.run<PendingExecution>(claimAgain, [limit])
}

const open: Statement = {
  name: 'count-open-executions',
  text: `
select schedule_id, count(*) as count from schedule_executions
where schedule_id = any($1) and status in ('pending', 'running') group by schedule_id`,
}

/** Counts the open executions of schedules. */
export async function countOpen(db: Db, ids: string[]): Promise<Map<string, number>> {
  if (ids.length === 0) return new Map()
  const rows = await db.run<{ schedule_id: string; count: number }>(open, [ids])
  return new Map(rows.map(({ schedule_id, count }) => [schedule_id, count]))
}

/** One scheduled time of a schedule. */
export type Tick = { scheduleId: string; scheduledAt: string }

const known: Statement = {
  name: 'known-executions',
  text: `
select e.schedule_id, e.scheduled_at from schedule_executions e
join unnest($1::uuid[], $2::timestamptz[]) as n(schedule_id, scheduled_at)
  on e.schedule_id = n.schedule_id and e.scheduled_at = n.scheduled_at
where not e.manual`,
}

/**
 * Finds the times that already have an execution: none, unless the database's clock was set back.
 */
export async function findKnown(db: Db, ticks: Tick[]): Promise<Tick[]> {
  const values = [ticks.map((tick) => tick.scheduleId), ticks.map((tick) => tick.scheduledAt)]
  const rows = await db.run<{ schedule_id: string; scheduled_at: string }>(known, values)
  return rows.map((row) => ({ scheduleId: row.schedule_id, scheduledAt: row.scheduled_at }))
}

export type Advance = {
  id: string
  next: string | null
  /** The latest time that was processed. */
  triggered: string | null
  /** The reason for pausing the schedule. */
  pausedReason: string | null
}

const advance: Statement = {
  name: 'advance-schedules',
  text: `
update schedules s set
  next_trigger_at = case when n.paused_reason is null then n.next end,
  last_triggered_at = coalesce(n.triggered, s.last_triggered_at),
  enabled = s.enabled and n.paused_reason is null,
  paused_reason = coalesce(n.paused_reason, s.paused_reason),
  updated_at = case when n.paused_reason is null then s.updated_at else clock_timestamp() end
from unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[], $4::text[])
  as n(id, next, triggered, paused_reason)
where s.id = n.id`,
}

/** Moves schedules to their next times. Contract: this transaction has them locked. */
export async function advanceSchedules(db: Db, all: Advance[]): Promise<void> {
  if (all.length === 0) return
  await db.run(advance, [
    all.map(({ id }) => id),
    all.map(({ next }) => next),
    all.map(({ triggered }) => triggered),
    all.map(({ pausedReason }) => pausedReason),
  ])
}
