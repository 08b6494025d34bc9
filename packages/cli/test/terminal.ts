import { EventEmitter, once } from 'node:events'
import { PassThrough, Writable } from 'node:stream'
import { widthOf } from '../src/output/width.ts'
import { run } from '../src/run/run.ts'

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' })
const sequence = /^\x1b(?:\[[?\d;]*[A-Za-z]|\][^\x07\x1b]*(?:\x07|\x1b\\))/

/** The screen of a terminal after writes. The second half of a wide character is an empty cell. */
export function createGrid(columns: number) {
  const rows: string[][] = [[]]
  let row = 0
  let column = 0

  function goTo(nextRow: number, nextColumn: number): void {
    row = Math.max(0, nextRow)
    column = Math.max(0, Math.min(columns, nextColumn))
    while (rows.length <= row) rows.push([])
  }

  function put(text: string): void {
    const width = widthOf(text)
    if (width === 0) return
    if (column + width > columns) goTo(row + 1, 0)
    const cells = rows[row]!
    while (cells.length < column) cells.push(' ')
    cells[column] = text
    if (width === 2) cells[column + 1] = ''
    column += width
  }

  function control(text: string): void {
    const [, given, command] = /^\x1b\[([\d;]*)([A-Za-z])$/.exec(text) ?? []
    const count = Number(given || 1)
    if (command === 'A') goTo(row - count, column)
    if (command === 'B') goTo(row + count, column)
    if (command === 'C') goTo(row, column + count)
    if (command === 'D') goTo(row, column - count)
    if (command === 'G') goTo(row, count - 1)
    if (command === 'J' || command === 'K') rows[row]!.length = Math.min(rows[row]!.length, column)
    if (command === 'J') rows.length = row + 1
  }

  function write(text: string): void {
    for (let at = 0; at < text.length; ) {
      const rest = text.slice(at)
      const found = sequence.exec(rest)?.[0]
      const next = found ?? graphemes.segment(rest).containing(0)!.segment
      if (found) control(found)
      else if (next === '\n' || next === '\r\n') goTo(row + 1, 0)
      else if (next === '\r') goTo(row, 0)
      else put(next)
      at += next.length
    }
  }
  return { write, lines: () => rows.map((cells) => cells.join('').trimEnd()) }
}

/** The program in this process at a terminal that a test writes and reads. Ends with the test. */
export function atTerminal(
  t: { after: (work: () => unknown) => void },
  args: readonly string[],
  { columns = 80, env = {} }: { columns?: number; env?: Record<string, string> } = {},
) {
  const grid = createGrid(columns)
  const written = new EventEmitter().setMaxListeners(0)
  let raw = ''
  const terminal = () =>
    Object.assign(
      new Writable({
        decodeStrings: false,
        write(text, _encoding, done) {
          raw += text
          grid.write(String(text))
          written.emit('text')
          done()
        },
      }),
      { isTTY: true, columns, rows: 24 },
    )
  const stdin = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => {} })
  const interrupted = new AbortController()
  const io = {
    stdin,
    stdout: terminal(),
    stderr: terminal(),
    env: { HOME: '/nonexistent', ...env },
  }
  const code = run(args, io, { signal: interrupted.signal })
  t.after(() => interrupted.abort())
  const shown = () => grid.lines().join('\n')

  return {
    code,
    shown,
    raw: () => raw,
    interrupt: () => interrupted.abort(),
    type: (keys: string) => void stdin.write(keys),
    /** Nothing can be typed any more. */
    hangUp: () => void stdin.end(),
    /** Waits until the screen shows it. */
    async sees(pattern: RegExp): Promise<string> {
      while (!pattern.test(shown())) await once(written, 'text')
      return shown()
    },
  }
}
