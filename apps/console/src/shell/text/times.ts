const units = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
] as const

const exact = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' })

/** Formats a time in the local time zone, to the second. */
export const exactTimeOf = (at: string) => exact.format(new Date(at))

const clocks = {
  minute: new Intl.DateTimeFormat('en-GB', { timeStyle: 'short' }),
  second: new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' }),
}

/** Formats the time of day in the local time zone: `14:05`, `14:05:30`. */
export const clockTime = (at: string | number, to: keyof typeof clocks = 'minute') =>
  clocks[to].format(new Date(at))

const words = new Intl.RelativeTimeFormat('en', { numeric: 'auto' })
/** Formats a time relative to now. */
export function agoOf(at: string, now: number): string {
  const ms = Date.parse(at) - now
  for (const [unit, size] of units) {
    if (Math.abs(ms) >= size) return words.format(Math.round(ms / size), unit)
  }
  return ms > 1_000 ? 'in a moment' : 'just now'
}

const instant = /\d{4}-\d\d-\d\dT[\d:.]+Z/g

/** Converts the times in a sentence to the local time zone. */
export const withLocalTimes = (sentence: string) => sentence.replace(instant, exactTimeOf)
