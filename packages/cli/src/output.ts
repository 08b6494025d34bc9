import { columnsOf, hasColors, type Io } from './io.ts'
import { cut, oneLine, pad, widthOf } from './width.ts'

/** How a command answers: `text` for people, `json` for programs, `quiet` with ids only. */
export type Mode = 'text' | 'json' | 'quiet'

export type Column<T> = {
  title: string
  value: (row: T) => string | number | boolean | null | undefined
  /** Takes what space is left, and is cut first. Ids are never cut. */
  isFlexible?: boolean
}

export type Fields = Record<string, string | number | boolean | null | undefined>

export type Output = ReturnType<typeof createOutput>

const gap = '  '
const flexibleMin = 8

const shown = (value: Fields[string]) =>
  value === undefined || value === null || value === '' ? '-' : oneLine(String(value))

export function createOutput(io: Io, { mode, noColor }: { mode: Mode; noColor: boolean }) {
  const { stdout, stderr } = io
  const colors = {
    out: hasColors(io, stdout, noColor),
    err: hasColors(io, stderr, noColor),
  }

  /** Writes, and waits while whoever reads is slower. */
  async function write(text: string | Uint8Array): Promise<void> {
    if (text.length === 0 || stdout.destroyed) return
    if (stdout.write(text)) return
    await new Promise<void>((resolve) => {
      const go = () => {
        stdout.off('drain', go)
        stdout.off('close', go)
        resolve()
      }
      stdout.on('drain', go)
      stdout.on('close', go)
    })
  }

  const line = (text: string) => write(`${text}\n`)

  return {
    mode,
    colors,
    write,
    line,
    /** Tells people what happened; programs do not see it. */
    note(text: string) {
      if (mode !== 'quiet') stderr.write(`${text}\n`)
    },
    /** One JSON value; `isLine` for those of a stream, one a line. */
    json: (value: unknown, isLine = false) => line(JSON.stringify(value, null, isLine ? 0 : 2)),
    /** One thing: its fields, its JSON, or its id. */
    async item<T extends { id?: string | undefined }>(
      value: T,
      fields: Fields,
      title?: string,
    ): Promise<void> {
      if (mode === 'json') return this.json(value)
      if (mode === 'quiet') return value.id === undefined ? undefined : line(value.id)
      if (title) await line(title)
      const width = Math.max(...Object.keys(fields).map(widthOf))
      for (const [name, given] of Object.entries(fields)) {
        await line(`${pad(name, width)}${gap}${shown(given)}`)
      }
    },
    /** Many things: a table, a JSON array, or their ids. */
    async list<T extends { id?: string | undefined }>(
      rows: readonly T[],
      columns: readonly Column<T>[],
      { empty, idOf = (row: T) => row.id ?? '' }: { empty: string; idOf?: (row: T) => string },
    ): Promise<void> {
      if (mode === 'json') return this.json(rows)
      if (mode === 'quiet') return write(rows.map((row) => `${idOf(row)}\n`).join(''))
      if (rows.length === 0) return this.note(empty)
      for (const text of tableOf(rows, columns, columnsOf(stdout))) await line(text)
    },
  }
}

/** The lines of a table no wider than the terminal, as far as what may be cut allows it. */
function* tableOf<T>(rows: readonly T[], columns: readonly Column<T>[], most: number) {
  const cells = rows.map((row) => columns.map(({ value }) => shown(value(row))))
  const widths = columns.map(({ title }, at) =>
    Math.max(widthOf(title), ...cells.map((row) => widthOf(row[at]!))),
  )
  fit(columns, widths, most)
  const lineOf = (row: readonly string[]) =>
    row
      .map((cell, at) => cut(cell, widths[at]!))
      .map((cell, at) => (at === row.length - 1 ? cell : pad(cell, widths[at]!)))
      .join(gap)
      .trimEnd()
  yield lineOf(columns.map(({ title }) => title))
  for (const row of cells) yield lineOf(row)
}

/** Takes from the widest flexible column, until the table fits or all are at their least. */
function fit<T>(columns: readonly Column<T>[], widths: number[], most: number): void {
  for (;;) {
    const over = widths.reduce((sum, width) => sum + width, gap.length * (widths.length - 1)) - most
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
