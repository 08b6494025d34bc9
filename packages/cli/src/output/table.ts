import { cut, oneLine, pad, widthOf } from './width.ts'

export type Column<T> = {
  title: string
  value: (row: T) => Shown
  /** Takes what space is left, and is cut first. Ids are never cut. */
  isFlexible?: boolean
  /** Left out where there is little room. */
  isExtra?: boolean
}

export type Shown = string | number | boolean | null | undefined

const gap = '  '
const flexibleMin = 8
/** The same while there are columns that can be left out. */
const flexibleMinWithExtras = 16
/** What a value should have beside its name; on less it stands below. */
const valueMin = 16

/** A value for display; a server of another version may send other types than expected. */
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
 * A table, no wider than the terminal. Columns that are extra are left out where the others would
 * have little room; where not even ids fit beside each other, each row is a block of lines, and
 * there is no head.
 */
export function tableOf<T>(
  rows: readonly T[],
  columns: readonly Column<T>[],
  most: number,
): { head?: string; lines: string[] } {
  const cells = rows.map((row) => columns.map(({ value }) => shown(cellOf(value, row))))
  const whole = columns.map(({ title }, at) =>
    cells.reduce((width, row) => Math.max(width, widthOf(row[at]!)), widthOf(title)),
  )
  let kept = columns.map((_, at) => at)
  for (;;) {
    const extra = kept.findLast((at) => columns[at]!.isExtra)
    const isFlexible = (at: number) => columns[kept[at]!]!.isFlexible === true
    const least = extra === undefined ? flexibleMin : flexibleMinWithExtras
    const widths = fitted(
      kept.map((at) => whole[at]!),
      { isFlexible, least, most },
    )
    if (totalOf(widths) <= most) return linesOf(kept, { columns, cells, widths })
    if (extra === undefined) return { lines: blocksOf(cells, columns, most) }
    kept = kept.filter((at) => at !== extra)
  }
}

type Laid<T> = {
  columns: readonly Column<T>[]
  cells: readonly string[][]
  widths: readonly number[]
}

function linesOf<T>(kept: readonly number[], { columns, cells, widths }: Laid<T>) {
  const lineOf = (row: readonly string[]) =>
    kept
      .map((at, place) => cut(row[at]!, widths[place]!))
      .map((cell, place) => (place === kept.length - 1 ? cell : pad(cell, widths[place]!)))
      .join(gap)
      .trimEnd()
  return { head: lineOf(columns.map(({ title }) => title)), lines: cells.map(lineOf) }
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

type Room = { isFlexible: (at: number) => boolean; least: number; most: number }

/** Takes from the widest flexible column, until the table fits or all are at their least. */
function fitted(whole: readonly number[], { isFlexible, least, most }: Room): number[] {
  const widths = [...whole]
  for (;;) {
    const over = totalOf(widths) - most
    if (!(over > 0)) return widths
    const flexible = widths
      .map((_, at) => at)
      .filter((at) => isFlexible(at) && widths[at]! > least)
      .sort((a, b) => widths[b]! - widths[a]!)
    const [widest, second] = flexible
    if (widest === undefined) return widths
    const floor = second === undefined ? least : Math.max(least, widths[second]! - 1)
    widths[widest] = Math.max(floor, widths[widest]! - over)
  }
}
