const previewGraphemes = 200
const segmenter = new Intl.Segmenter()

/** The beginning of a text: at most 200 graphemes, then `…`. */
export function previewOf(text: string): string {
  if (text.length <= previewGraphemes) return text
  let count = 0
  for (const { index } of segmenter.segment(text)) {
    if (count === previewGraphemes) return `${text.slice(0, index)}…`
    count += 1
  }
  return text
}

/** What a text column can hold: PostgreSQL refuses NUL. */
export const withoutNul = (text: string) => text.replaceAll('\0', '\u{fffd}')
