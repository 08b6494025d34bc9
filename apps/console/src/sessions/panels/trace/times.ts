import { durationOf } from '../../parts/duration.ts'
import type { Turn } from '../turns.ts'

/** Length of a turn or a step in milliseconds, until now if it still runs. */
export const lengthOf = (
  { startMs, endMs }: Pick<Turn, 'startMs' | 'endMs'>,
  nowMs: number,
): number => Math.max(0, (endMs ?? nowMs) - startMs)

const [second, minute, hour, day] = [1_000, 60_000, 3_600_000, 86_400_000]
const tickSteps = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 15, 30].map((count) => count * second),
  ...[1, 2, 5, 10, 15, 30].map((count) => count * minute),
  ...[1, 2, 3, 6, 12].map((count) => count * hour),
]

/** Round times of a scale, with their places from 0 to 1. About four are visible at once. */
export function ticksOf(ms: number, zoom: number): { at: number; label: string }[] {
  const least = ms / (4 * zoom)
  const step = tickSteps.find((one) => one >= least) ?? Math.ceil(least / day) * day
  return Array.from({ length: Math.ceil(ms / step) }, (_, index) => ({
    at: (index * step) / ms,
    label: index === 0 ? '0' : durationOf(index * step).replace('.0 ', ' '),
  }))
}
