/**
 * Sequences that tell a terminal what to do: colours, cursor, titles, links. Each part begins where
 * the one before cannot go on, so that no text is slow: Node's own function takes seconds for 100
 * KB that are made for it.
 */
const sequences = new RegExp(
  [
    // Of parameters and a letter.
    '(?:\\x1b\\[|\\x9b)[0-?]*[ -/]*[@-~]',
    // With a text of their own, up to its end.
    '(?:\\x1b[\\]PX^_]|[\\x90\\x98\\x9d-\\x9f])[^\\x07\\x1b\\x9c\\n]*(?:\\x07|\\x1b\\\\|\\x9c)?',
    // All others.
    '\\x1b[ -/]*[0-~]',
  ].join('|'),
  'g',
)

/** The text without what would tell a terminal something; single control characters stay. */
export const withoutSequences = (text: string) => text.replace(sequences, '')

let segmenter: Intl.Segmenter | undefined

/** Made when it is needed: that takes as long as all the rest of a start. */
function graphemesOf(text: string): Intl.Segments {
  segmenter ??= new Intl.Segmenter(undefined, { granularity: 'grapheme' })
  return segmenter.segment(text)
}

/** Letters of the Latin alphabet and marks that we print: one column each. */
const plain = /^[\x20-\x7e\u00c0-\u017f…→✓]*$/
const nothing = /^[\p{Mn}\p{Me}\p{Cf}\p{Cc}]+$/u
/** Blocks of characters with two columns: East Asian wide and full width, and emoji. */
const wide =
  /^(?:\p{Emoji_Presentation}|.\ufe0f|[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6]|[\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}])/u

/** How many columns a terminal shows a text in; colours take none. */
export function widthOf(text: string): number {
  if (plain.test(text)) return text.length
  let width = 0
  for (const { segment } of graphemesOf(withoutSequences(text))) {
    width += columnsOf(segment)
  }
  return width
}

const columnsOf = (grapheme: string) => (nothing.test(grapheme) ? 0 : wide.test(grapheme) ? 2 : 1)

/** The text in at most so many columns, `…` if it is cut. Contract: no grapheme is cut in two. */
export function cut(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text
  if (columns < 1) return ''
  let kept = ''
  let width = 0
  for (const { segment } of graphemesOf(text)) {
    width += columnsOf(segment)
    if (width > columns - 1) break
    kept += segment
  }
  return `${kept}…`
}

/** The text with blanks up to so many columns. */
export const pad = (text: string, columns: number) =>
  text + ' '.repeat(Math.max(0, columns - widthOf(text)))

/** Marks that turn the direction of what follows, and so could make a text read as another. */
const turning = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

/** One line that cannot move a cursor: control characters and line breaks become blanks. */
export const oneLine = (text: string) =>
  withoutSequences(text)
    .replace(turning, '')
    .replace(/[\p{Cc}\u2028\u2029]+/gu, ' ')
    .trim()

/** Lines that cannot move a cursor: line breaks and tabs stay, no other control character does. */
export const manyLines = (text: string) =>
  withoutSequences(text.replaceAll('\r\n', '\n'))
    .replace(turning, '')
    .replace(/[^\P{Cc}\n\t]/gu, ' ')

/** A text in lines of at most so many columns, broken between words if possible. */
export function wrap(text: string, columns: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ').filter((one) => one !== '')) {
    const longer = line === '' ? word : `${line} ${word}`
    if (line !== '' && widthOf(longer) > columns) {
      lines.push(line)
      line = word
    } else line = longer
  }
  return [...lines, line]
}

/** JSON with escapes for characters that could hide, turn or move text. */
export const exactJson = (value: unknown, indent = 0) =>
  (JSON.stringify(value, null, indent) ?? '').replace(/[\p{Cf}\u2028\u2029\x7f-\x9f]/gu, (found) =>
    found.replace(/[\s\S]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`),
  )
