import { look, type Piece, plain } from '../style.ts'
import { pad, widthOf } from '../width.ts'
import { inline } from './inline.ts'

/** Alignment of the cells of a column. */
type Side = 'left' | 'right' | 'middle'

type Cell = readonly Piece[]

const edge: Piece = { text: ' │ ', style: look('dim') }
const widthOfCell = (cell: Cell) => cell.reduce((width, { text }) => width + widthOf(text), 0)
/** Not by spread arguments, of which a long table has too many. */
const largest = (values: readonly number[], least: number) =>
  values.reduce((most, value) => Math.max(most, value), least)

/** Parses the alignments of the line below a table's head. Undefined for other lines. */
export function sidesOf(line: string): Side[] | undefined {
  const cells = cellsOf(line)
  if (!cells.every((cell) => /^:?-+:?$/.test(cell))) return undefined
  return cells.map((cell) =>
    cell.endsWith(':') ? (cell.startsWith(':') ? 'middle' : 'right') : 'left',
  )
}

function cellsOf(line: string): string[] {
  const inner = line
    .trim()
    .replace(/^\|/, '')
    .replace(/(?<!\\)\|$/, '')
  return inner.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll('\\|', '|'))
}

/** Lays out a table in columns or, if it is too wide, row by row with column names. */
export function tableLines(
  lines: readonly string[],
  { columns, hasLinks }: { columns: number; hasLinks: boolean },
): Piece[][] {
  const sides = sidesOf(lines[1]!)!
  const read = (line: string, isHead: boolean) => {
    const style = isHead ? look('bold') : plain
    return cellsOf(line).map(
      (cell) => inline(cell, { style, isComplete: true, before: ' ', hasLinks }).pieces,
    )
  }
  const head = read(lines[0]!, true)
  const rows = lines.slice(2).map((line) => read(line, false))
  const count = largest(
    rows.map((row) => row.length),
    head.length,
  )
  const byRow = () => rows.flatMap((row) => record(row, head))
  // Without the widths, which are as many as columns times rows.
  if (count * 4 - 3 > columns) return byRow()
  const widths = Array.from({ length: count }, (_, at) =>
    largest(
      [head, ...rows].map((row) => widthOfCell(row[at] ?? [])),
      1,
    ),
  )
  const total = widths.reduce((sum, width) => sum + width + 3, -3)
  if (total > columns) return byRow()
  const lineOf = (row: readonly Cell[]) =>
    widths.flatMap((width, at) => [
      ...(at === 0 ? [] : [edge]),
      ...placed(row[at] ?? [], width, sides[at] ?? 'left'),
    ])
  const rule = widths.map((width) => '─'.repeat(width)).join('─┼─')
  return [lineOf(head), [{ text: rule, style: look('dim') }], ...rows.map(lineOf)]
}

function placed(cell: Cell, width: number, side: Side): Piece[] {
  const space = width - widthOfCell(cell)
  const before = side === 'right' ? space : side === 'middle' ? Math.floor(space / 2) : 0
  const blank = (count: number): Piece => ({ text: pad('', count), style: plain })
  return [blank(before), ...cell, blank(space - before)]
}

/** Lays out a wide row with a line for each cell. */
const record = (row: readonly Cell[], head: readonly Cell[]): Piece[][] => [
  ...row.map((cell, at) => [...(head[at] ?? []), { text: ': ', style: plain }, ...cell]),
  [],
]
