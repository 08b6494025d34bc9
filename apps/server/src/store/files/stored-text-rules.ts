import { ApiError, invalidAt } from '../../errors.ts'

export const storedNameMax = 255
export const storedBytesMax = 65_536
/** Limit per kind and session. */
export const storedNamesMax = 1_000

/** Contract: throws `value_too_large`. */
export function checkStoredText(text: string): void {
  if (Buffer.byteLength(text) > storedBytesMax) {
    throw new ApiError('value_too_large', String(storedBytesMax))
  }
}

/** Contract: throws `value_too_large` and `invalid_request`. */
export function checkStoredValue(text: string): void {
  checkStoredText(text)
  if (text.includes('\0')) throw invalidAt('value', 'cannot contain NUL')
}

/** Contract: throws `invalid_request`. */
export function checkStoredName(name: string): void {
  if (name === '') throw invalidAt('name', 'must not be empty')
  if (name.includes('\0')) throw invalidAt('name', 'cannot contain NUL')
  // PostgreSQL's characters, not JavaScript's UTF-16 units.
  if ([...name].length > storedNameMax) {
    throw invalidAt('name', `must not have more than ${storedNameMax} characters`)
  }
}

export const storageFull = (kind: 'value' | 'secret') =>
  new ApiError('storage_full', `${storedNamesMax} ${kind}s`)
