const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
] as const

/** Formats a duration: `340 ms`, `2.1 s`, `3 min 5 s`, `2 h 10 min`. */
export function durationOf(exactMs: number): string {
  if (exactMs < 1_000) return `${Math.round(exactMs)} ms`
  if (exactMs < 59_950) return `${(exactMs / 1_000).toFixed(1)} s`
  // 59.95 s would round to 60.0 s.
  const ms = Math.max(exactMs, 60_000)
  const at = units.findIndex(([, size]) => ms >= size)
  const [unit, size] = units[at]!
  const [smaller, smallerSize] = units[at + 1] ?? (['s', 1_000] as const)
  const whole = Math.floor(ms / size)
  const rest = Math.floor((ms - whole * size) / smallerSize)
  return rest === 0 ? `${whole} ${unit}` : `${whole} ${unit} ${rest} ${smaller}`
}
