/**
 * Matches control sequences of terminals: colors, cursor, titles, links. The parts cannot overlap,
 * so no input is slow: Node's own function takes seconds for 100 KB of hostile text.
 */
const sequences = new RegExp(
  [
    // Parameters and a letter.
    '(?:\\x1b\\[|\\x9b)[0-?]*[ -/]*[@-~]',
    // A text and its terminator.
    '(?:\\x1b[\\]PX^_]|[\\x90\\x98\\x9d-\\x9f])[^\\x07\\x1b\\x9c\\n]*(?:\\x07|\\x1b\\\\|\\x9c)?',
    // Other sequences.
    '\\x1b[ -/]*[0-~]',
  ].join('|'),
  'g',
)

/** Removes control sequences. Single control characters stay. */
export const withoutSequences = (text: string) => text.replace(sequences, '')

let segmenter: Intl.Segmenter | undefined

/** Created on use: this takes as long as the rest of a start. */
function graphemesOf(text: string): Intl.Segments {
  segmenter ??= new Intl.Segmenter(undefined, { granularity: 'grapheme' })
  return segmenter.segment(text)
}

/** Latin letters and our own marks: one column each. */
const plain = /^[\x20-\x7e\u00c0-\u017f…→✓]*$/
const nothing = /^[\p{Mn}\p{Me}\p{Cf}\p{Cc}]+$/u
/** Characters with two columns: East Asian wide and full width, and emoji. */
const wide =
  /^(?:\p{Emoji_Presentation}|.\ufe0f|[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6]|[\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}])/u

/** Columns of a text on a terminal. Colors take none. */
export function widthOf(text: string): number {
  if (plain.test(text)) return text.length
  let width = 0
  for (const { segment } of graphemesOf(withoutSequences(text))) {
    width += graphemeColumns(segment)
  }
  return width
}

const graphemeColumns = (grapheme: string) =>
  nothing.test(grapheme) ? 0 : wide.test(grapheme) ? 2 : 1

/** Cuts a text to a width and appends `…`. Contract: graphemes stay whole. */
export function cut(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text
  if (columns < 1) return ''
  let kept = ''
  let width = 0
  for (const { segment } of graphemesOf(text)) {
    width += graphemeColumns(segment)
    if (width > columns - 1) break
    kept += segment
  }
  return `${kept}…`
}

/** Pads a text with spaces to a width. */
export const pad = (text: string, columns: number) =>
  text + ' '.repeat(Math.max(0, columns - widthOf(text)))

/** Marks that change the text direction, which could disguise a text. */
const turning = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

/** Replaces control characters and line breaks with spaces. */
export const oneLine = (text: string) =>
  withoutSequences(text)
    .replace(turning, '')
    .replace(/[\p{Cc}\u2028\u2029]+/gu, ' ')
    .trim()

/** Removes control characters except line breaks and tabs. */
export const manyLines = (text: string) =>
  withoutSequences(text.replaceAll('\r\n', '\n'))
    .replace(turning, '')
    .replace(/[^\P{Cc}\n\t]/gu, ' ')

/** Wraps a text to a width, between words if possible. */
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

/** Formats JSON with escapes for characters that could hide, turn or move text. */
export const exactJson = (value: unknown, indent = 0) =>
  (JSON.stringify(value, null, indent) ?? '').replace(/[\p{Cf}\u2028\u2029\x7f-\x9f]/gu, (found) =>
    found.replace(/[\s\S]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`),
  )
