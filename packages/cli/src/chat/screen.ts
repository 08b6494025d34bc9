import type { Io } from '../core/io.ts'
import { look, paint } from '../output/style.ts'
import { cut, oneLine, widthOf, withoutSequences } from '../output/width.ts'

export type Screen = ReturnType<typeof createScreen>

const rowsDefault = 24
const columnsDefault = 80

/**
 * Output of a conversation: answers go to stdout, other text to `aside`. Tracks the cursor of the
 * terminal, so that passing lines and interrupted replies can be erased.
 * Contract: without a terminal or without colors the cursor is never moved.
 */
export function createScreen(
  { stdout }: Pick<Io, 'stdout'>,
  aside: Io['stderr'],
  hasColors: boolean,
) {
  const terminal = stdout.isTTY ? stdout : aside.isTTY ? aside : undefined
  const columns = () => terminal?.columns || columnsDefault
  const cursor = createCursor(columns)
  let marked = 0
  let passing: { isBelow: boolean } | undefined
  const writing = createWriting()
  const { perform } = writing

  function endPassing(): void {
    if (!passing) return
    const back = passing.isBelow ? `\x1b[1A\x1b[${cursor.column}C` : ''
    terminal!.write(`\r\x1b[K${back}`)
    passing = undefined
  }

  function write(stream: Io['stdout'], text: string): void {
    if (text === '') return
    endPassing()
    stream.write(text)
    if (stream.isTTY) cursor.advance(text)
  }

  const endLine = (stream: Io['stdout']) => {
    if (cursor.column > 0) write(stream.isTTY ? stream : terminal!, '\n')
  }

  function pass(text: string | undefined): void {
    endPassing()
    if (text === undefined || !terminal || !hasColors) return
    const isBelow = cursor.column > 0
    const shown = paint({ text: cut(oneLine(text), columns() - 1), style: look('dim') })
    terminal.write(`${isBelow ? '\n' : ''}${shown}`)
    passing = { isBelow }
  }

  function takeBack(instead: string): void {
    const canSee = cursor.rows !== undefined && cursor.rows < (terminal?.rows ?? rowsDefault) - 1
    if (canSee && hasColors && marked === columns()) {
      endPassing()
      terminal!.write(`\r${cursor.rows! > 0 ? `\x1b[${cursor.rows}A` : ''}\x1b[J`)
      cursor.column = 0
    } else {
      endLine(aside)
      write(aside, `${instead}\n`)
    }
    cursor.rows = undefined
  }

  return {
    /** Width of a line. One column stays free, because terminals wrap differently. */
    columns: () => (terminal ? columns() - 1 : Infinity),
    answer: (text: string) => perform(() => write(stdout, text)),
    /** A line of its own. */
    aside: (text: string) =>
      perform(() => {
        endLine(aside)
        write(aside, `${text}\n`)
      }),
    /** The cursor goes to the beginning of a line. */
    freshLine: () => perform(() => endLine(stdout)),
    /** Prints a temporary line of plain text, which the next output erases. */
    passing: (text?: string) => perform(() => pass(text)),
    /** Begins output that can be removed later. */
    mark: () =>
      perform(() => {
        endLine(stdout)
        cursor.rows = stdout.isTTY ? 0 : undefined
        marked = columns()
      }),
    /** Erases the text since the mark. If that is impossible, prints `instead`. */
    takeBack: (instead: string) => perform(() => takeBack(instead)),
    /** Pauses output while the user types. */
    hold() {
      if (writing.isHeld()) return
      endPassing()
      if (cursor.column > 0) terminal?.write('\n')
      cursor.column = 0
      cursor.rows = undefined
      writing.hold()
    },
    /** Resumes output. The cursor is at the beginning of a line. */
    release() {
      cursor.column = 0
      writing.release()
    },
  }
}

/** Position of the terminal's cursor after the output. */
function createCursor(columns: () => number) {
  return {
    column: 0,
    /** Rows since the mark; undefined if nothing can be erased. */
    rows: undefined as number | undefined,
    advance(text: string): void {
      for (const [at, part] of withoutSequences(text).split('\n').entries()) {
        if (at > 0) {
          this.column = 0
          if (this.rows !== undefined) this.rows += 1
        }
        const end = this.column + widthOf(part)
        const broken = Math.max(0, Math.ceil(end / columns()) - 1)
        this.column = end - broken * columns()
        if (this.rows !== undefined) this.rows += broken
      }
    },
  }
}

/** Writes at once, or after the user has finished typing. */
function createWriting() {
  let waiting: (() => void)[] | undefined
  return {
    isHeld: () => waiting !== undefined,
    perform(work: () => void): void {
      if (waiting) waiting.push(work)
      else work()
    },
    hold() {
      waiting = []
    },
    release() {
      const works = waiting ?? []
      waiting = undefined
      for (const work of works) work()
    },
  }
}
