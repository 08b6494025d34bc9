/** Text files of messages, as texts that models read and that clients show as files again. */

export type TextFile = { filename?: string; mediaType: string; text: string }

const form = /^<file(?: name="([^"<>]*)")? type="([^"<>]*)">\n([\s\S]*)\n<\/file>$/

const entities = [
  ['&', '&amp;'],
  ['"', '&quot;'],
  ['<', '&lt;'],
  ['>', '&gt;'],
] as const

const escaped = (text: string) =>
  entities.reduce((result, [sign, entity]) => result.replaceAll(sign, entity), text)
const unescaped = (text: string) =>
  entities.reduceRight((result, [sign, entity]) => result.replaceAll(entity, sign), text)

export function fileText({ filename, mediaType, text }: TextFile): string {
  const name = filename === undefined ? '' : ` name="${escaped(filename)}"`
  return `<file${name} type="${escaped(mediaType)}">\n${text}\n</file>`
}

/** The file that a text is; undefined for other text. */
export function fileInText(part: string): TextFile | undefined {
  const [, filename, mediaType, text] = form.exec(part) ?? []
  if (mediaType === undefined || text === undefined) return undefined
  const name = filename === undefined ? {} : { filename: unescaped(filename) }
  return { ...name, mediaType: unescaped(mediaType), text }
}

/** Arguments of one call. */
const partBytes = 8192

export function base64Of({ text }: TextFile): string {
  const bytes = new TextEncoder().encode(text)
  let binary = ''
  for (let at = 0; at < bytes.length; at += partBytes) {
    binary += String.fromCharCode(...bytes.subarray(at, at + partBytes))
  }
  return btoa(binary)
}
