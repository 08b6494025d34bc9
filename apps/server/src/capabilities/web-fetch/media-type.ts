/** Classes of content by the server's content type. */
export type MediaKind = 'html' | 'text' | 'binary' | 'unknown'

const textTypes =
  /^(text\/.*|.*\+(json|xml|yaml)|application\/(json|json5|ld-json|xml|xml-dtd|(x-)?javascript|ecmascript|typescript|x-www-form-urlencoded|(x-)?yaml|toml|sql|graphql|x-ndjson|jsonl|jsonlines|x-sh|x-httpd-php|x-tex|x-subrip|mbox))$/
const binaryTypes =
  /^((image|audio|video|font|model)\/.*|application\/(pdf|zip|gzip|x-gzip|zstd|octet-stream|msword|rtf|epub\+zip|wasm|x-(7z-compressed|bzip2?|rar.*|tar|xz|msdownload|shockwave-flash|font.*|protobuf|iso9660-image)|font.*|vnd\..*|java-archive|x-java-archive|vnd))$/

/** `text/html` of `Text/HTML; charset=utf-8`. */
export const essenceOf = (contentType: string | null) =>
  (contentType ?? '').split(';')[0]!.trim().toLowerCase()

export function kindOf(contentType: string | null): MediaKind {
  const type = essenceOf(contentType)
  if (type === 'text/html' || type === 'application/xhtml+xml') return 'html'
  if (textTypes.test(type)) return 'text'
  return binaryTypes.test(type) ? 'binary' : 'unknown'
}

const signatures = ['25504446', '89504e47', '47494638', 'ffd8ff', '504b0304', '1f8b08', '7f454c46']

/** True for binary bytes, independent of their type: a known signature, or unexplained zeros. */
export function looksBinary(bytes: Uint8Array): boolean {
  const start = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 1024))
  const hex = start.toString('hex', 0, 4)
  return signatures.some((one) => hex.startsWith(one)) || start.includes(0)
}

const htmlStart =
  /^\s*<(!doctype html|html|head|body|title|meta|link|script|style|h[1-6]|div|p|table|ul|ol|a|b|br|font|iframe)[\s>/]/i

/** Whether text without a content type begins like a page, after comments. */
export const looksLikeHtml = (text: string) =>
  htmlStart.test(text.slice(0, 4096).replace(/<!--.*?-->/gs, ''))
