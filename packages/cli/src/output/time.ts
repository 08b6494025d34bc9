const units = [
  ['year', 365 * 86_400],
  ['month', 30 * 86_400],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
  ['second', 1],
] as const

type GivenTime = string | null | undefined

/** Formats a relative time: `3 minutes ago`, `in 2 hours`. Undefined for an invalid time. */
export function ago(time: GivenTime, nowMs = Date.now()): string | undefined {
  const ms = time ? Date.parse(time) : Number.NaN
  if (Number.isNaN(ms)) return undefined
  const seconds = Math.round((ms - nowMs) / 1000)
  const size = Math.abs(seconds)
  const [unit, length] = units.find(([, most]) => size >= most) ?? ['second', 1]
  const count = Math.floor(size / length)
  if (count === 0) return 'now'
  const words = `${count} ${unit}${count === 1 ? '' : 's'}`
  return seconds < 0 ? `${words} ago` : `in ${words}`
}

/** Formats a time in seconds, with its distance from now. */
export function moment(time: GivenTime, nowMs?: number): string | undefined {
  const far = ago(time, nowMs)
  return far && `${new Date(time!).toISOString().slice(0, 19)}Z (${far})`
}

/** Formats milliseconds: `250 ms`, `1.5 s`, `2 min 5 s`. */
export function duration(ms: number | null | undefined): string | undefined {
  if (typeof ms !== 'number') return undefined
  if (ms < 1_000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${Math.round(ms / 100) / 10} s`
  return `${Math.floor(ms / 60_000)} min ${Math.floor((ms % 60_000) / 1_000)} s`
}
