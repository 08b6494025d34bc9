import { Cron } from 'croner'
import { ApiError } from '../../errors.ts'

/** The times of a cron expression in a time zone. All times are RFC 3339 in UTC. */
export type CronTimes = {
  /** The first time after another; undefined without one. */
  after: (time: string) => string | undefined
  /** The last times before another, oldest first, at most `count`. */
  before: (time: string, count: number) => string[]
}

const fieldsMin = 5
const fieldsMax = 7

/**
 * Parses a cron expression of 5 fields, 6 (seconds first) or 7 (year last).
 *
 * A fixed time that a forward clock change skips occurs at the first moment after the gap. One that
 * a backward change repeats occurs once, the first time. Repeating times within an hour (`*`,
 * steps) skip the gap and continue through the repeated hour.
 *
 * Contract: throws 400 `invalid_cron`; the time zone exists.
 */
export function readCron(expression: string, timezone: string): CronTimes {
  const cron = parseCron(expression.trim(), timezone)
  return {
    after: (time) => cron.nextRun(new Date(time))?.toISOString(),
    before: (time, count) =>
      cron
        .previousRuns(count, new Date(time))
        .map((date) => date.toISOString())
        .reverse(),
  }
}

function parseCron(expression: string, timezone: string): Cron {
  const count = expression.split(/\s+/).length
  if (count < fieldsMin || count > fieldsMax) {
    throw invalidCron(`it has ${count} ${count === 1 ? 'field' : 'fields'}, not 5, 6 or 7`)
  }
  try {
    return new Cron(expression, { timezone, paused: true, fixedTimeRule: 'no-wildcard' })
  } catch (error) {
    throw invalidCron((error as Error).message.replace(/^CronPattern: /, ''))
  }
}

function invalidCron(why: string) {
  const sentence = why.replace(/\.$/, '')
  const details = [{ path: 'cron_expression', message: sentence }]
  return new ApiError('invalid_cron', sentence, details)
}

/** More than the times of one minute and of one hour, so that the closest two are compared. */
const comparedMax = 64

/** Checks the interval between times. Contract: throws 400 `invalid_cron` below `seconds`. */
export function checkInterval(times: CronTimes, first: string, seconds: number): void {
  let last = first
  for (let count = 1; count < comparedMax; count += 1) {
    const next = times.after(last)
    if (next === undefined) return
    if (Date.parse(next) - Date.parse(last) < seconds * 1_000) {
      throw invalidCron(`its times must be at least ${seconds} s apart`)
    }
    last = next
  }
}

/** The first time after another. Contract: throws 400 `invalid_cron`, also without such a time. */
export function firstAfter(times: CronTimes, time: string): string {
  const next = times.after(time)
  if (next === undefined) throw invalidCron('it has no times in the future')
  return next
}
