import { columnsOf, hasColors, type Io } from '../core/io.ts'
import { harmless } from './style.ts'
import { type Column, type Field, fieldLines, tableOf } from './table.ts'
import { exactJson, manyLines } from './width.ts'

/** How a command answers: `text` for people, `json` for programs, `quiet` with ids only. */
export type Mode = 'text' | 'json' | 'quiet'

export type Fields = Record<string, Field>

/** What comes row by row; `hint` is told to people after the last one. */
export type Rows<T> = AsyncIterable<T> & { hint?: () => string | undefined }

export type Output = ReturnType<typeof createOutput>

const idIn = (value: object) => (value as { id?: string }).id

export function createOutput(io: Io, { mode, noColor }: { mode: Mode; noColor: boolean }) {
  const { stdout, stderr } = io
  const colors = {
    out: hasColors(io, stdout, noColor),
    err: hasColors(io, stderr, noColor),
  }

  const decoder = new TextDecoder()
  const shownText = (bytes: string | Uint8Array) =>
    harmless(typeof bytes === 'string' ? bytes : decoder.decode(bytes, { stream: true }))

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

  const painted = (text: string) => write(`${text}\n`)
  const line = (text: string) => painted(manyLines(text))

  const quietly = async (value: object) => {
    const id = idIn(value)
    if (id !== undefined) await line(id)
  }

  return {
    mode,
    colors,
    /** Raw bytes, for programs. A terminal gets text that cannot move its cursor. */
    write: (bytes: string | Uint8Array) => write(stdout.isTTY ? shownText(bytes) : bytes),
    /** A line that cannot move a cursor: it may come from the server. */
    line,
    /** A line with colours of ours, whose other parts were cleaned before. */
    painted,
    /** Tells people what happened; programs do not see it. */
    note(text: string) {
      if (mode !== 'quiet') stderr.write(`${manyLines(text)}\n`)
    },
    /** One JSON value; `isLine` for those of a stream, one a line. */
    json: (value: unknown, isLine = false) => line(exactJson(value, isLine ? 0 : 2)),
    /** A text of many lines that came from the server. */
    text: (text: string) => line(String(text).replace(/\n+$/, '')),
    /** One thing: its fields, its JSON, or its id. */
    async item<T extends object>(value: T, fields: Fields, title?: string): Promise<void> {
      if (mode === 'json') return this.json(value)
      if (mode === 'quiet') return quietly(value)
      if (title) await line(title)
      for (const text of fieldLines(Object.entries(fields), columnsOf(stdout))) await line(text)
    },
    /** What was done, in a sentence; the JSON of what came of it, or its id. */
    async done<T extends object>(value: T, sentence: string): Promise<void> {
      if (mode === 'json') return this.json(value)
      if (mode === 'quiet') return quietly(value)
      return line(sentence)
    },
    /** A list: a table, a JSON array, or ids. Only a table waits for the last item. */
    async list<T extends object>(
      rows: Rows<T> | readonly T[],
      columns: readonly Column<T>[],
      { empty, idOf = idIn }: { empty: string; idOf?: (row: T) => string | undefined },
    ): Promise<void> {
      if (mode === 'json') return writeArray(rows, write)
      if (mode === 'quiet') {
        for await (const row of rows) await line(idOf(row) ?? '-')
        return
      }
      const kept: T[] = []
      for await (const row of rows) kept.push(row)
      if (kept.length === 0) return this.note(empty)
      const { head, lines } = tableOf(kept, columns, columnsOf(stdout))
      if (head) await painted(colors.out ? `\x1b[1m${head}\x1b[22m` : head)
      for (const text of lines) await line(text)
      const hint = 'hint' in rows ? rows.hint?.() : undefined
      if (hint) this.note(hint)
    },
  }
}

/** A JSON array, written as its values come. */
async function writeArray(
  rows: AsyncIterable<unknown> | Iterable<unknown>,
  write: (text: string) => Promise<void>,
): Promise<void> {
  let before = '[\n'
  for await (const row of rows) {
    await write(before + exactJson(row, 2).replace(/^/gm, '  '))
    before = ',\n'
  }
  await write(before === '[\n' ? '[]\n' : '\n]\n')
}
