import type { DueSchedule } from '../../store/schedules/due-schedules.ts'
import { type CronTimes, readCron } from './cron.ts'

/** A time this long before nodes began to look was missed. A shorter outage loses none. */
export const lateMs = 60_000
/** Executions that one look begins of one schedule: the others are due at once again. */
const runsMax = 20
/** Missed times that are made up for where the schedule has no limit of its own, and at most. */
const catchUpMax = 100
/** Default limit of a schedule's open executions: the backlog must not grow without bound. */
const openMax = 100
/** Missed times that are written down as skipped; of more only the newest. */
const skippedMax = 100
const newestMax = catchUpMax + skippedMax

export type SchedulePlan = {
  /** Times to run now, oldest first. */
  runs: string[]
  skipped: { scheduledAt: string; why: string }[]
  /** When to look at the schedule again; null: never. */
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
 * What becomes of the times of a schedule that have come, `open` of its executions not being over.
 * A time that came while nodes looked for due schedules, or at most a minute before, runs, however
 * long its batch waited; an older one was missed, and runs only to catch up.
 *
 * Contract: pure; every time up to `next` is in one of the two lists, but missed ones beyond the
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
  const why = `As many of its executions as may (${most}) were running.`
  return {
    runs: chosen.slice(0, free),
    skipped: [
      ...lost.slice(-skippedMax).map((scheduledAt) => ({ scheduledAt, why: missedText })),
      ...chosen.slice(free).map((scheduledAt) => ({ scheduledAt, why })),
    ],
    next: begun[runsMax] ?? times.after(begun.at(-1) ?? missed.at(-1)!) ?? null,
  }
}

const missedText = 'It was missed: no node ran schedules.'

/** The times from `due` to before `end`, oldest first; the newest if there are too many. */
function missedTimes(due: string, end: string, { before }: CronTimes): string[] {
  const newest = before(end, newestMax).filter((time) => time >= due)
  return newest.length < newestMax ? [...new Set([due, ...newest])] : newest
}

/** The times from `first` to `now`, both included, oldest first, as many as one look can use. */
function timesUpTo(now: string, first: string | undefined, { after }: CronTimes): string[] {
  const found: string[] = []
  for (let next = first; next !== undefined && next <= now; next = after(next)) {
    found.push(next)
    if (found.length > runsMax) break
  }
  return found
}
