/**
 * The bounds of the duration histogram in ms: 10 ms, each 1.5 times the previous one, up to 90
 * minutes. Longer durations count in a last bucket.
 * Contract: counts are stored by position, so this list never changes.
 */
const boundsMs = Array.from({ length: 34 }, (_, at) => Math.round(10 * 1.5 ** at))

/** The number of values in each bucket. */
export type DurationCounts = number[]

export const noTimes = (): DurationCounts => new Array(boundsMs.length + 1).fill(0)

export function countTime(times: DurationCounts, ms: number): void {
  const found = boundsMs.findIndex((bound) => ms <= bound)
  const at = found === -1 ? boundsMs.length : found
  times[at] = (times[at] ?? 0) + 1
}

/** Returns a quantile in ms, as exact as the bounds; null without values. */
export function quantileMs(times: DurationCounts, part: number): number | null {
  const total = times.reduce((sum, count) => sum + count, 0)
  if (total === 0) return null
  const wanted = total * part
  let before = 0
  for (const [at, count] of times.entries()) {
    if (count > 0 && before + count >= wanted) {
      const from = boundsMs[at - 1] ?? 0
      const upTo = boundsMs[at] ?? from
      return Math.round(from + ((upTo - from) * (wanted - before)) / count)
    }
    before += count
  }
  return null
}
