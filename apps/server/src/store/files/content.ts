import { ApiError } from '../../errors.ts'

/** Decodes the content of a request. Contract: throws 400 `invalid_base64`. */
export function decodeContent(content: string, encoding: string | null | undefined): Buffer {
  if (encoding !== 'base64') return Buffer.from(content)
  const text = content.replace(/[\r\n]/g, '')
  const bytes = Buffer.from(text, 'base64')
  const isWhole = withoutPadding(bytes.toString('base64')) === withoutPadding(text)
  if (!isWhole) throw new ApiError('invalid_base64')
  return bytes
}

/** Removes padding in linear time; `/=+$/` is not linear. */
function withoutPadding(base64: string): string {
  let end = base64.length
  while (base64[end - 1] === '=') end -= 1
  return base64.slice(0, end)
}
