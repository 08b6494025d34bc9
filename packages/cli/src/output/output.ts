import { columnsOf, hasColors, type Io } from '../core/io.ts'
import type { Rows } from './rows.ts'
import { harmless } from './style.ts'
import { type Column, type Field, fieldLines, tableOf } from './table.ts'
import { exactJson, manyLines } from './width.ts'

/** Output format: `text` for people, `json` for programs, `quiet` for ids only. */
export type Mode = 'text' | 'json' | 'quiet'

export type Fields = Record<string, Field>

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

  /** Writes, and waits for a slow reader. */
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
    /** Writes raw bytes. A terminal gets text without control sequences. */
    write: (bytes: string | Uint8Array) => write(stdout.isTTY ? shownText(bytes) : bytes),
    /** Writes text of the server as lines without control sequences. */
    line,
    /** Writes a line with colors. The caller has removed control sequences from its texts. */
    painted,
    /** Prints a note for people to stderr. */
    note(text: string) {
      if (mode !== 'quiet') this.failure(text)
    },
    /** Prints the reason of a failed command to stderr, also with --quiet. */
    failure(text: string) {
      stderr.write(`${manyLines(text)}\n`)
    },
    /** Prints a JSON value. `isLine`: on one line, for streams. */
    json: (value: unknown, isLine = false) => line(exactJson(value, isLine ? 0 : 2)),
    /** Prints a text of many lines from the server. */
    text: (text: string) => line(String(text).replace(/\n+$/, '')),
    /** Prints a resource: its fields, JSON, or id. */
    async item<T extends object>(value: T, fields: Fields, title?: string): Promise<void> {
      if (mode === 'json') return this.json(value)
      if (mode === 'quiet') return quietly(value)
      if (title) await line(title)
      for (const text of fieldLines(Object.entries(fields), columnsOf(stdout))) await line(text)
    },
    /** Reports an action: a sentence, or the JSON or id of its result. */
    async done<T extends object>(value: T, sentence: string): Promise<void> {
      if (mode === 'json') return this.json(value, io.hasManyResults)
      if (mode === 'quiet') return quietly(value)
      return line(sentence)
    },
    /** Prints a list: a table, a JSON array, or ids. Only a table waits for the last row. */
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

/** Writes a JSON array value by value. */
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
