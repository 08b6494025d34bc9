import { ApiError } from '../../../../errors.ts'
import { textPreview } from '../../../../text.ts'

/** Line and column in a file, from 1. */
export type LineAndColumn = { line: number; column: number }

/** The error for a file of a recognized format that cannot be parsed. */
export function broken(said: string, { line, column }: LineAndColumn): ApiError {
  const message = textPreview(said)
  return new ApiError('invalid_agent_file', `line ${line}, column ${column}: ${message}`, [
    { path: 'body', message, line, column },
  ])
}

/** The place of an offset. `firstLine` is the line of the file on which `text` begins. */
export function placeIn(text: string, offset: number, firstLine: number): LineAndColumn {
  const before = text.slice(0, offset)
  const lineStart = before.lastIndexOf('\n') + 1
  return { line: firstLine + linesIn(before), column: offset - lineStart + 1 }
}

/** Counts the line ends in a text, up to `most`. */
export function linesIn(text: string, most = Number.POSITIVE_INFINITY): number {
  let lines = 0
  for (let at = text.indexOf('\n'); at >= 0 && lines <= most; at = text.indexOf('\n', at + 1)) {
    lines += 1
  }
  return lines
}
