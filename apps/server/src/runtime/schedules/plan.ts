import type { DueSchedule } from '../../store/schedules/due-schedules.ts'
import { type CronTimes, readCron } from './cron.ts'

/**
 * A time that is older than this when nodes start to poll was missed, in ms. A shorter outage
 * misses none.
 */
export const lateMs = 60_000
/** Executions of one schedule per poll: the others are due again at once. */
const runsMax = 20
/** Default limit and maximum of missed times that catch-up runs. */
const catchUpMax = 100
/** Default limit of a schedule's open executions: the backlog must not grow without bound. */
const openMax = 100
/** Limit of missed times recorded as skipped: only the newest. */
const skippedMax = 100
const newestMax = catchUpMax + skippedMax

export type SchedulePlan = {
  /** Times to run now, oldest first. */
  runs: string[]
  skipped: { scheduledAt: string; why: string }[]
  /** When the schedule is due next; null: never. */
  next: string | null
}

type Planned = Pick<
  DueSchedule,
  | 'cron_expression'
  | 'timezone'
  | 'catch_up_missed'
  | 'max_catch_up'
  | 'max_concurrent'
  | 'next_trigger_at'
  | 'now'
  | 'looking_since'
>

/**
 * Decides which due times of a schedule run, while `open` of its executions are not finished. A
 * time runs when it came while nodes were polling, or at most a minute before, however long its
 * batch waited. An older time was missed, and runs only for catch-up.
 *
 * Contract: pure; every time up to `next` is in one of the two lists, except missed ones beyond the
 * limits.
 */
export function planDue(schedule: Planned, open: number): SchedulePlan {
  const { now, next_trigger_at: due } = schedule
  const most = schedule.max_concurrent ?? openMax
  const times = readCron(schedule.cron_expression, schedule.timezone)
  const onTimeFrom = new Date(Date.parse(schedule.looking_since) - lateMs).toISOString()
  const missed = due < onTimeFrom ? missedTimes(due, onTimeFrom, times) : []
  const firstOnTime = missed.length === 0 ? due : times.after(missed.at(-1)!)
  const wanted = schedule.catch_up_missed ? (schedule.max_catch_up ?? catchUpMax) : 0
  const lost = missed.slice(0, Math.max(0, missed.length - Math.min(wanted, catchUpMax)))
  const caughtUp = missed.slice(lost.length)
  const begun = [...caughtUp, ...timesUpTo(now, firstOnTime, times)]
  const chosen = begun.slice(0, runsMax)
  const free = Math.max(0, most - open)
  const why = `The limit of ${most} concurrent executions was reached.`
  return {
    runs: chosen.slice(0, free),
    skipped: [
      ...lost.slice(-skippedMax).map((scheduledAt) => ({ scheduledAt, why: missedText })),
      ...chosen.slice(free).map((scheduledAt) => ({ scheduledAt, why })),
    ],
    next: begun[runsMax] ?? times.after(begun.at(-1) ?? missed.at(-1)!) ?? null,
  }
}

const missedText = 'It was missed: no node was running schedules.'

/** The times from `due` to before `end`, oldest first; the newest if there are too many. */
function missedTimes(due: string, end: string, { before }: CronTimes): string[] {
  const newest = before(end, newestMax).filter((time) => time >= due)
  return newest.length < newestMax ? [...new Set([due, ...newest])] : newest
}

/** The times from `first` to `now`, both included, oldest first, up to the limit of one poll. */
function timesUpTo(now: string, first: string | undefined, { after }: CronTimes): string[] {
  const found: string[] = []
  for (let next = first; next !== undefined && next <= now; next = after(next)) {
    found.push(next)
    if (found.length > runsMax) break
  }
  return found
}
