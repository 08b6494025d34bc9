/** Signatures of the image types that every vendor supports. */
const beginnings: [type: string, bytes: string, at?: number][] = [
  ['image/png', '89504e470d0a1a0a'],
  ['image/jpeg', 'ffd8ff'],
  ['image/gif', '47494638'],
]

/**
 * Returns the type of an image by its first 12 bytes, not by its name; undefined for unsupported
 * types.
 */
export function imageTypeOf(bytes: Buffer): string | undefined {
  const begins = bytes.toString('hex', 0, 12)
  const known = beginnings.find(([, wanted]) => begins.startsWith(wanted))
  if (known) return known[0]
  // RIFF, four bytes of length, WEBP.
  return /^52494646.{8}57454250/.test(begins) ? 'image/webp' : undefined
}
