import type { DueSchedule } from '../store/due-schedules.ts'
import { readCron, type Times } from './cron.ts'

/** What is later than this was missed: nobody was there to run it. */
const lateMs = 60_000
/** Executions that one look begins of one schedule: the others are due at once again. */
const runsMax = 20
/** Missed times that are made up for where the schedule has no limit of its own, and at most. */
const catchUpMax = 100
/** Executions of a schedule that may be open at once where it has no limit of its own: what waits must not grow for ever. */
const openMax = 100
/** Missed times that are written down as skipped; of more only the newest. */
const skippedMax = 100
const newestMax = catchUpMax + skippedMax + lateMs / 1000 + 1

export type Plan = {
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
>

/**
 * What becomes of the times of a schedule that have come, `open` of its executions not being over. A time that is at most a
 * minute late runs, however many there are; an older one was missed, and runs only to catch up.
 *
 * Contract: pure; every time up to `next` is in one of the two lists, but missed ones beyond the limits.
 */
export function planDue(schedule: Planned, open: number): Plan {
  const { now } = schedule
  const most = schedule.max_concurrent ?? openMax
  const times = readCron(schedule.cron_expression, schedule.timezone)
  const come = timesUpTo(now, schedule.next_trigger_at, times)
  const lateFrom = new Date(Date.parse(now) - lateMs).toISOString()
  const late = come.filter((time) => time >= lateFrom)
  const missed = come.slice(0, come.length - late.length)
  const wanted = schedule.catch_up_missed ? (schedule.max_catch_up ?? catchUpMax) : 0
  const lost = missed.slice(0, Math.max(0, missed.length - Math.min(wanted, catchUpMax)))
  const begun = come.slice(lost.length)
  const chosen = begun.slice(0, runsMax)
  const free = Math.max(0, most - open)
  const why = `As many of its executions as may (${most}) were running.`
  return {
    runs: chosen.slice(0, free),
    skipped: [
      ...lost.slice(-skippedMax).map((scheduledAt) => ({ scheduledAt, why: missedText })),
      ...chosen.slice(free).map((scheduledAt) => ({ scheduledAt, why })),
    ],
    next: begun[runsMax] ?? times.after(come.at(-1)!) ?? null,
  }
}

const missedText = 'It was missed: no node ran schedules.'

/** Up to so many times are found one after the other, which costs little for the few that there are as a rule. */
const forwardMax = 60

/** The times from `due` to `now`, both included, oldest first; of very many the newest. */
function timesUpTo(now: string, due: string, { after, before }: Times): string[] {
  const found = [due]
  for (let next = after(due); next !== undefined && next <= now; next = after(next)) {
    found.push(next)
    if (found.length > forwardMax) {
      // Whole seconds: that of `now` has come.
      const end = new Date(Math.floor(Date.parse(now) / 1000) * 1000 + 1000).toISOString()
      const newest = before(end, newestMax).filter((time) => time >= due && time <= now)
      return newest.length < newestMax ? [...new Set([due, ...newest])] : newest
    }
  }
  return found
}
