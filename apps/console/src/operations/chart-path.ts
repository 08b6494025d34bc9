export const width = 400
export const height = 120
const top = 8
/** Width of a single value. */
const dot = 3

export const yOf = (part: number) => height - 1 - part * (height - 1 - top)

/** Returns an SVG path. Unknown values leave a gap. A single value between gaps is a dot. */
export function pathOf(values: readonly (number | undefined)[], most: number): string {
  const step = width / Math.max(1, values.length - 1)
  let isDrawing = false
  const moves = values.map((value, at) => {
    const isFirst = !isDrawing
    isDrawing = value !== undefined
    if (value === undefined) return ''
    const y = yOf(value / most).toFixed(1)
    return isFirst
      ? `M${(at * step - dot / 2).toFixed(1)} ${y}h${dot}`
      : `L${(at * step).toFixed(1)} ${y}`
  })
  return moves.join('')
}
