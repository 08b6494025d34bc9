const units = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
] as const

const exact = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' })

/** A time to the second, as it is where the person is. */
export const exactTimeOf = (at: string) => exact.format(new Date(at))

const words = new Intl.RelativeTimeFormat('en', { numeric: 'auto' })
/** How long ago something was, in words. */
export function agoOf(at: string, now: number): string {
  const ms = Date.parse(at) - now
  for (const [unit, size] of units) {
    if (Math.abs(ms) >= size) return words.format(Math.round(ms / size), unit)
  }
  return ms > 1_000 ? 'in a moment' : 'just now'
}

const instant = /\d{4}-\d\d-\d\dT[\d:.]+Z/g

/** A sentence with its times as the person at the browser tells them. */
export const withLocalTimes = (sentence: string) => sentence.replace(instant, exactTimeOf)
