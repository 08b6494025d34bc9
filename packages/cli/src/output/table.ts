import { cut, oneLine, pad, widthOf } from './width.ts'

export type Column<T> = {
  title: string
  value: (row: T) => Shown
  /** Takes the remaining space and is cut first. Ids are never cut. */
  isFlexible?: boolean
  /** Left out on narrow terminals. */
  isExtra?: boolean
}

export type Shown = string | number | boolean | null | undefined

const gap = '  '
const flexibleMin = 8
/** The same while a column can be left out. */
const flexibleMinWithExtras = 16
/** Columns for a value beside its name. With fewer it is printed below. */
const valueMin = 16

/** Formats a value. A server of another version may send an unexpected type. */
const shown = (value: unknown) => {
  if (value === undefined || value === null || value === '') return '-'
  return oneLine(typeof value === 'object' ? JSON.stringify(value) : String(value))
}

/** A value, or a function that may fail to compute it. */
export type Field = Shown | (() => Shown)

/** Lays out names and values side by side, or below each other on a narrow terminal. */
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
 * Lays out a table that is no wider than the terminal. Extra columns are left out if the others
 * have too little space. If not even ids fit, each row is a block of lines without a head.
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
    if (totalOf(widths) <= most) return alignedLines(kept, { columns, cells, widths })
    if (extra === undefined) return { lines: blocksOf(cells, columns, most) }
    kept = kept.filter((at) => at !== extra)
  }
}

type Laid<T> = {
  columns: readonly Column<T>[]
  cells: readonly string[][]
  widths: readonly number[]
}

function alignedLines<T>(kept: readonly number[], { columns, cells, widths }: Laid<T>) {
  const lineOf = (row: readonly string[]) =>
    kept
      .map((at, place) => cut(row[at]!, widths[place]!))
      .map((cell, place) => (place === kept.length - 1 ? cell : pad(cell, widths[place]!)))
      .join(gap)
      .trimEnd()
  return { head: lineOf(columns.map(({ title }) => title)), lines: cells.map(lineOf) }
}

/** Contract: a value of an unexpected type is undefined. */
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

/** Shrinks the widest flexible column until the table fits or all have their minimum. */
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
