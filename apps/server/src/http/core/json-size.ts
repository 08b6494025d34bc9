import { ApiError } from '../../errors.ts'

const valuesMax = 50_000

const quote = 34
const backslash = 92
const comma = 44
const openBracket = 91
const openBrace = 123

/**
 * Counts the values of a JSON text piece by piece, before it is parsed: the time of parsing and
 * validation depends on their number.
 * Contract: throws 413 `body_too_complex`; time is linear in the length of the text, and text
 * inside of strings is skipped.
 */
export function valueCounter(): (piece: Uint8Array) => void {
  let values = 1
  let inText = false
  let escaped = false
  return (piece) => {
    for (let at = 0; at < piece.length; at += 1) {
      const byte = piece[at]
      if (escaped) escaped = false
      else if (byte === quote) inText = !inText
      else if (inText) escaped = byte === backslash
      else if (byte === comma || byte === openBracket || byte === openBrace) values += 1
    }
    if (values > valuesMax) throw new ApiError('body_too_complex', String(valuesMax))
  }
}
