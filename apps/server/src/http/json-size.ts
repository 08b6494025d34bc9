import { ApiError } from '../errors.ts'

const valuesMax = 50_000

const quote = 34
const backslash = 92
const comma = 44
const openBracket = 91
const openBrace = 123

/**
 * Checks how many values a text of JSON has, before it is parsed: parsing and validation take time by their number.
 * Contract: throws 413 `body_too_complex`; time is linear in the length of the text, and text inside of strings is skipped.
 */
export function checkValueCount(json: string): void {
  let values = 1
  for (let at = 0; at < json.length; at += 1) {
    const code = json.charCodeAt(at)
    if (code === quote) at = endOfString(json, at)
    else if (code === comma || code === openBracket || code === openBrace) values += 1
    if (values > valuesMax) throw new ApiError('body_too_complex', String(valuesMax))
  }
}

/** The index of the quote that ends the string which begins at `start`; the end of the text for one without an end. */
function endOfString(json: string, start: number): number {
  for (let at = json.indexOf('"', start + 1); at >= 0; at = json.indexOf('"', at + 1)) {
    let escapes = 0
    while (json.charCodeAt(at - 1 - escapes) === backslash) escapes += 1
    if (escapes % 2 === 0) return at
  }
  return json.length
}
