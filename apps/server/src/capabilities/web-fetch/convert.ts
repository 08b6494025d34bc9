import { decode, isUtf16 } from './decode.ts'
import { markdown } from './markdown.ts'
import { kindOf, looksBinary, looksLikeHtml } from './media-type.ts'
import { plainText } from './plain-text.ts'
import type { PageFormat } from './settings.ts'

/** A body that was read, and what is wanted of it. */
export type Page = {
  bytes: Uint8Array
  /** Where it came from: relative links begin there. */
  url: string
  contentType: string | null
  /** False when the body went on: its last character may be half there. */
  isWhole: boolean
  format: PageFormat
  lengthMax: number
}

/** The result. `length` is that of the uncut content; `refused` is an impossible format. */
export type Converted =
  | { isBinary: true }
  | { isBinary: false; format: PageFormat; content: string; length: number; refused?: PageFormat }

/** Converts a body to text. Contract: may be slow and use much memory: run it in a worker. */
export function convert({ lengthMax, ...page }: Page): Converted {
  if (looksBinary(page.bytes) && !isUtf16(page)) return { isBinary: true }
  const { content, ...rest } = write(decode(page), page)
  return { isBinary: false, content: cut(content, lengthMax), length: content.length, ...rest }
}

type Written = { format: PageFormat; content: string; refused?: PageFormat }

function write(text: string, { contentType, format, url }: Omit<Page, 'lengthMax'>): Written {
  const kind = kindOf(contentType)
  const isHtml = kind === 'html' || (kind === 'unknown' && looksLikeHtml(text))
  if (!isHtml || format === 'raw') return { format: 'raw', content: text }
  if (format === 'text') return { format, content: plainText(text) }
  const content = markdown(text, url)
  if (content !== undefined) return { format, content }
  return { format: 'text', content: plainText(text), refused: format }
}

/** Not between the two halves of a character. */
function cut(text: string, lengthMax: number): string {
  if (text.length <= lengthMax) return text
  const isSplit = /[\ud800-\udbff]/.test(text[lengthMax - 1]!)
  return text.slice(0, isSplit ? lengthMax - 1 : lengthMax)
}
