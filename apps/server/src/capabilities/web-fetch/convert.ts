import { decode, isUtf16 } from './decode.ts'
import { markdown } from './markdown.ts'
import { kindOf, looksBinary, looksLikeHtml } from './media-type.ts'
import { plainText } from './plain-text.ts'
import type { PageFormat } from './settings.ts'

/** A body with the wanted conversion. */
export type SourcePage = {
  bytes: Uint8Array
  /** The URL of the page, for relative links. */
  url: string
  contentType: string | null
  /** False for a truncated body, whose last character may be incomplete. */
  isWhole: boolean
  format: PageFormat
  lengthMax: number
}

/**
 * The result. `length` is that of the full content; `refused` is a format that was not possible.
 */
export type Converted =
  | { isBinary: true }
  | { isBinary: false; format: PageFormat; content: string; length: number; refused?: PageFormat }

/** Converts a body to text. Contract: may be slow and use much memory: run it in a worker. */
export function convert({ lengthMax, ...page }: SourcePage): Converted {
  if (looksBinary(page.bytes) && !isUtf16(page)) return { isBinary: true }
  const { content, ...rest } = write(decode(page), page)
  return { isBinary: false, content: cut(content, lengthMax), length: content.length, ...rest }
}

type Written = { format: PageFormat; content: string; refused?: PageFormat }

function write(text: string, { contentType, format, url }: Omit<SourcePage, 'lengthMax'>): Written {
  const kind = kindOf(contentType)
  const isHtml = kind === 'html' || (kind === 'unknown' && looksLikeHtml(text))
  if (!isHtml || format === 'raw') return { format: 'raw', content: text }
  if (format === 'text') return { format, content: plainText(text) }
  const content = markdown(text, url)
  if (content !== undefined) return { format, content }
  return { format: 'text', content: plainText(text), refused: format }
}

/** Truncates a text without splitting a surrogate pair. */
function cut(text: string, lengthMax: number): string {
  if (text.length <= lengthMax) return text
  const isSplit = /[\ud800-\udbff]/.test(text[lengthMax - 1]!)
  return text.slice(0, isSplit ? lengthMax - 1 : lengthMax)
}
