import { type Piece, paint, plain, type Style } from '../style.ts'
import { widthOf } from '../width.ts'

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' })

/** Length of the last grapheme, which more text could change. 0 after a line break. */
export function lastGrapheme(text: string): number {
  if (text === '' || text.endsWith('\n')) return 0
  // Half of a surrogate pair cannot be assigned to the grapheme before it.
  const half = /[\ud800-\udbff]$/.test(text) ? 1 : 0
  const known = text.length - half
  if (known === 0) return half
  return half + known - graphemes.segment(text.slice(0, known)).containing(known - 1)!.index
}

const widthOfPieces = (pieces: readonly Piece[]) =>
  pieces.reduce((width, { text }) => width + widthOf(text), 0)

/**
 * Wraps words to a width, each word when it is complete.
 * Contract: output is never revised. A word wider than a line continues on the next one. A line may
 * break between any two wide characters.
 */
export function createWrap(columns: number) {
  let done: Piece[] = []
  let column = 0
  let hanging: readonly Piece[] = []
  let start = 0
  let word: Piece[] = []
  let wordWidth = 0
  let blanks: Piece[] = []

  function emit(piece: Piece): void {
    const last = done.at(-1)
    if (last && last.style === piece.style) last.text += piece.text
    else done.push({ ...piece })
  }

  function put(pieces: readonly Piece[]): void {
    for (const piece of pieces) emit(piece)
    column += widthOfPieces(pieces)
  }

  function endWord(): void {
    if (word.length === 0) return
    const isFirst = column <= start
    if (!isFirst && column + widthOfPieces(blanks) + wordWidth > columns) {
      emit({ text: '\n', style: plain })
      column = 0
      put(hanging)
      start = column
    } else put(blanks)
    blanks = []
    put(word)
    word = []
    wordWidth = 0
  }

  function take(text: string, style: Style): void {
    const width = widthOf(text)
    if (/^\s$/.test(text)) {
      endWord()
      blanks.push({ text: ' ', style })
      return
    }
    if (width > 1 || wordWidth + width > Math.max(1, columns - widthOfPieces(hanging))) endWord()
    word.push({ text, style })
    wordWidth += width
    if (width > 1) endWord()
  }

  return {
    /** Begins a line. `following`: the beginning of its continuation lines. */
    begin(first: readonly Piece[], following: readonly Piece[] = first) {
      hanging = following
      put(first)
      start = column
    },
    text({ text, style }: Piece) {
      for (const { segment } of graphemes.segment(text)) take(segment, style)
    },
    /** Writes a line of any width unwrapped, so that it can be copied whole. */
    raw({ text, style }: Piece) {
      emit({ text, style })
    },
    endLine() {
      endWord()
      blanks = []
      emit({ text: '\n', style: plain })
      column = 0
      start = 0
    },
    /** Returns the output since the last call. */
    flush(): string {
      const text = done.map(paint).join('')
      done = []
      return text
    },
  }
}
