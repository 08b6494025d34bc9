import { escaped } from '../../shell/text/escapes.ts'

const linesMax = 24
const lengthMax = 4_000
const parsedMax = 1_000_000

/**
 * Formats a value as indented JSON. Returns `instead` if it is nested too deep for that. Control
 * characters of directions are escapes.
 */
export function jsonOf(value: unknown, instead = 'This value is nested too deep.'): string {
  try {
    return escaped(JSON.stringify(value, null, 2) ?? 'undefined')
  } catch {
    return instead
  }
}

/** Parses a text that looks like a JSON list or object. */
export function parsed(text: string): unknown {
  if (text.length >= parsedMax || !/^\s*[[{]/.test(text)) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Cuts a text to 24 lines or 4,000 characters. */
export function cut(text: string): string {
  const lines = text.slice(0, lengthMax).split('\n', linesMax + 1)
  const short = lines.slice(0, linesMax).join('\n')
  return short.length < text.length ? `${short}…` : text
}
