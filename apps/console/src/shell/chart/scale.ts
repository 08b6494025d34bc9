export const width = 1_000
export const height = 100
/** Few values do not fill the width of a chart. */
const slotsMin = 8
/** Width of a line of a single value. */
const dot = 6

const factors = [1, 2, 2.5, 5, 10]
const stepsWanted = 4

/** Returns the values of an axis from 0: round, at most five, the last one at or above `most`. */
export function stepsOf(most: number, isWhole = false): number[] {
  if (!(most > 0)) return [0, 1]
  const size = 10 ** Math.floor(Math.log10(most / stepsWanted))
  const fits = (step: number) =>
    step * stepsWanted >= most && (!isWhole || Number.isInteger(round(step)))
  const step = factors.map((factor) => factor * size).find(fits) ?? 1
  const count = Math.ceil(most / step - 1e-9)
  return Array.from({ length: count + 1 }, (_, at) => round(at * step))
}

const round = (value: number) => Number(value.toPrecision(12))

export const slotsOf = (count: number) => Math.max(slotsMin, count)

/** The middle of a slot, as a part of the width. */
export const middleOf = (at: number, slots: number) => (at + 0.5) / slots

export const yOf = (part: number) => height - part * height

/** Returns an SVG path. Unknown values leave a gap. A single value between gaps is a dot. */
export function pathOf(
  values: readonly (number | undefined)[],
  { most, slots }: { most: number; slots: number },
): string {
  let isDrawing = false
  const moves = values.map((value, at) => {
    const isFirst = !isDrawing
    isDrawing = value !== undefined
    if (value === undefined) return ''
    const x = middleOf(at, slots) * width
    const y = yOf(value / most).toFixed(1)
    return isFirst ? `M${(x - dot / 2).toFixed(1)} ${y}h${dot}` : `L${x.toFixed(1)} ${y}`
  })
  return moves.join('')
}

const labelsMax = 5

/** The positions that have a label: the first and others, evenly spaced and far enough apart. */
export function labelledOf(count: number): number[] {
  if (count === 0) return []
  const gaps = Math.min(labelsMax - 1, Math.floor(((count - 1) * labelsMax) / slotsOf(count)))
  if (gaps === 0) return [0]
  return Array.from({ length: gaps + 1 }, (_, at) => Math.round((at * (count - 1)) / gaps))
}
