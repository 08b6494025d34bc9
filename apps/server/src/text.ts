import { setImmediate } from 'node:timers/promises'

const previewGraphemes = 200
/** A grapheme may have any number of code units. */
const previewLengthMax = 8_192
const segmenter = new Intl.Segmenter()
/** Each of these characters is a grapheme: Latin, Greek, Cyrillic, kana, Han, punctuation. */
const simple =
  '\\t\\n -~\\xa0-\\u02ff\\u0370-\\u0482\\u048a-\\u052f\\u2010-\\u2027\\u2030-\\u205e' +
  '\\u3001-\\u3029\\u3041-\\u3096\\u30a1-\\u30ff\\u4e00-\\u9fff'
const beginsSimply = new RegExp(`^[${simple}]{${previewGraphemes + 1}}`)

/** Returns the beginning of a text: at most 200 graphemes and 8,192 code units, then `…`. */
export function textPreview(text: string): string {
  if (text.length <= previewGraphemes) return text
  // A segmenter takes 30 times as long, and creates 12 KB of garbage.
  if (beginsSimply.test(text)) return `${text.slice(0, previewGraphemes)}…`
  let count = 0
  let end = 0
  for (const { index } of segmenter.segment(text.slice(0, previewLengthMax))) {
    end = index
    if (count === previewGraphemes) return `${text.slice(0, end)}…`
    count += 1
  }
  return text.length > previewLengthMax ? `${text.slice(0, end)}…` : text
}

/** Replaces NUL, which PostgreSQL refuses in text columns. */
export const withoutNul = (text: string) => text.replaceAll('\0', '\u{fffd}')

/** False for a text that PostgreSQL cannot hold: with NUL or an unpaired surrogate. */
export const isStorable = (text: string) => text.isWellFormed() && !text.includes('\0')

/** Replaces what PostgreSQL cannot hold. */
export const storableText = (text: string) => withoutNul(text.toWellFormed())

/** The message of any thrown value. */
export function thrownMessage(thrown: unknown): string {
  const message: unknown = (thrown as { message?: unknown } | null | undefined)?.message
  return typeof message === 'string' ? message : String(thrown)
}

const restLength = 512 * 1024

/** Lets the event loop do other work before the next synchronous step with a long text. */
export const restFor = (length: number) => (length > restLength ? setImmediate() : undefined)
