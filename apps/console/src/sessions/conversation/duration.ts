const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
] as const

/** How long something took, as a person says it: `340 ms`, `2.1 s`, `3 min 5 s`, `2 h 10 min`. */
export function durationOf(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`
  if (ms < 59_950) return `${(ms / 1_000).toFixed(1)} s`
  const at = units.findIndex(([, size]) => ms >= size)
  const [unit, size] = units[at]!
  const [smaller, smallerSize] = units[at + 1] ?? (['s', 1_000] as const)
  const whole = Math.floor(ms / size)
  const rest = Math.floor((ms - whole * size) / smallerSize)
  return rest === 0 ? `${whole} ${unit}` : `${whole} ${unit} ${rest} ${smaller}`
}
