type Decoder = InstanceType<typeof TextDecoder>

/** Sources of the encoding: byte order mark first, then the header, then the page itself. */
type Source = { bytes: Uint8Array; contentType: string | null; isWhole: boolean }

/** Decodes the bytes of a page. Contract: never throws; invalid bytes become U+FFFD. */
export function decode({ bytes, contentType, isWhole }: Source): string {
  const decoder =
    marked(bytes) ??
    labelled(charsetOf(contentType)) ??
    unmarked(bytes) ??
    labelled(declared(bytes)) ??
    (isUtf8(bytes) ? new TextDecoder() : new TextDecoder('windows-1252'))
  // Drops an incomplete last character of a truncated page.
  return decoder.decode(bytes, { stream: !isWhole })
}

/** Returns a decoder; undefined for an unknown label. */
function labelled(label: string | undefined): Decoder | undefined {
  try {
    return label ? new TextDecoder(label) : undefined
  } catch {
    return undefined
  }
}

function marked([first, second, third]: Uint8Array): Decoder | undefined {
  if (first === 0xff && second === 0xfe) return new TextDecoder('utf-16le')
  if (first === 0xfe && second === 0xff) return new TextDecoder('utf-16be')
  return first === 0xef && second === 0xbb && third === 0xbf ? new TextDecoder() : undefined
}

/** Detects unlabeled UTF-16: markup has a zero in every second byte. */
function unmarked(bytes: Uint8Array): Decoder | undefined {
  const start = bytes.subarray(0, 256)
  if (start.length < 4) return undefined
  const zeros = (odd: number) =>
    start.reduce((count, byte, at) => count + Number(byte === 0 && at % 2 === odd), 0)
  const [even, odd] = [zeros(0), zeros(1)]
  const many = start.length / 4
  if (odd > many && even === 0) return new TextDecoder('utf-16le')
  return even > many && odd === 0 ? new TextDecoder('utf-16be') : undefined
}

/** True for UTF-16 by mark, header or pattern: its zeros do not make it binary. */
export function isUtf16({ bytes, contentType }: Omit<Source, 'isWhole'>): boolean {
  const decoder = marked(bytes) ?? labelled(charsetOf(contentType)) ?? unmarked(bytes)
  return decoder?.encoding.startsWith('utf-16') ?? false
}

const charsetOf = (contentType: string | null) =>
  /charset\s*=\s*["']?([^\s"';]+)/i.exec(contentType ?? '')?.[1]

/** The label in a `meta` element or an XML declaration near the start. */
function declared(bytes: Uint8Array): string | undefined {
  const start = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 4096))
  const text = start.toString('latin1')
  const label =
    /^\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([^"']+)/i.exec(text)?.[1] ??
    /<meta[^>]{0,500}?charset\s*=\s*["']?([^\s"'/>;]+)/i.exec(text)?.[1]
  // A label that was read as ASCII cannot be UTF-16.
  return label && /^utf-?16/i.test(label) ? 'utf-8' : label
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true })
    return true
  } catch {
    return false
  }
}
