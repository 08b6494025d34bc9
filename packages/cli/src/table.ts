import type { Column } from './output.ts'
import { cut, oneLine, pad, widthOf } from './width.ts'

export type Shown = string | number | boolean | null | undefined

const gap = '  '
const flexibleMin = 8
/** What a value should have beside its name; on less it stands below. */
const valueMin = 16

/** A value as people see it; a server of another version may send something else than what is expected. */
const shown = (value: unknown) => {
  if (value === undefined || value === null || value === '') return '-'
  return oneLine(typeof value === 'object' ? JSON.stringify(value) : String(value))
}

/** A value, or how to get it where that may not go well. */
export type Field = Shown | (() => Shown)

/** Names and values, aligned; below each other where the terminal is too narrow for that. */
export function fieldLines(fields: readonly (readonly [string, Field])[], most: number): string[] {
  const width = Math.max(0, ...fields.map(([name]) => widthOf(name)))
  const texts = fields.map(([name, field]) => {
    const value = typeof field === 'function' ? cellOf(field, undefined) : field
    return [name, shown(value)] as const
  })
  if (width + gap.length + valueMin > most) {
    return texts.flatMap(([name, text]) => [`${name}:`, text])
  }
  return texts.map(([name, text]) => `${pad(name, width)}${gap}${text}`)
}

/**
 * The lines of a table, its heads first, no wider than the terminal. Where not even its ids fit beside each other, each row
 * is a block of lines.
 */
export function tableLines<T>(
  rows: readonly T[],
  columns: readonly Column<T>[],
  most: number,
): string[] {
  const cells = rows.map((row) => columns.map(({ value }) => shown(cellOf(value, row))))
  const widths = columns.map(({ title }, at) =>
    cells.reduce((most, row) => Math.max(most, widthOf(row[at]!)), widthOf(title)),
  )
  fit(columns, widths, most)
  if (totalOf(widths) > most) return blocksOf(cells, columns, most)
  const lineOf = (row: readonly string[]) =>
    row
      .map((cell, at) => cut(cell, widths[at]!))
      .map((cell, at) => (at === row.length - 1 ? cell : pad(cell, widths[at]!)))
      .join(gap)
      .trimEnd()
  return [lineOf(columns.map(({ title }) => title)), ...cells.map(lineOf)]
}

/** Contract: where something else came than is looked into, there is no value. */
function cellOf<T>(value: (row: T) => Shown, row: T): Shown {
  try {
    return value(row)
  } catch (error) {
    if (error instanceof TypeError) return undefined
    throw error
  }
}

const totalOf = (widths: readonly number[]) =>
  widths.reduce((sum, width) => sum + width, gap.length * (widths.length - 1))

function blocksOf<T>(cells: readonly string[][], columns: readonly Column<T>[], most: number) {
  return cells.flatMap((row, at) => [
    ...(at === 0 ? [] : ['']),
    ...fieldLines(
      row.map((cell, column) => [columns[column]!.title, cell] as const),
      most,
    ),
  ])
}

/** Takes from the widest flexible column, until the table fits or all are at their least. */
function fit<T>(columns: readonly Column<T>[], widths: number[], most: number): void {
  for (;;) {
    const over = totalOf(widths) - most
    if (!(over > 0)) return
    const flexible = columns
      .map(({ isFlexible }, at) => (isFlexible ? at : -1))
      .filter((at) => at >= 0 && widths[at]! > flexibleMin)
      .sort((a, b) => widths[b]! - widths[a]!)
    const [widest, second] = flexible
    if (widest === undefined) return
    const floor = second === undefined ? flexibleMin : Math.max(flexibleMin, widths[second]! - 1)
    widths[widest] = Math.max(floor, widths[widest]! - over)
  }
}
