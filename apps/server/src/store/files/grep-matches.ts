import type { GrepMatch, GrepResult } from '@outlast/contract'
import { RE2JS } from 're2js'
import { globPattern } from './glob.ts'

const matchesMax = 10_000
const answerCharsMax = 2_000_000
const lineCharsMax = 1_000

export type GrepProgress = {
  results: GrepResult[]
  matches: number
  chars: number
  truncated: boolean
}

export const newGrepProgress = (): GrepProgress => ({
  results: [],
  matches: 0,
  chars: 0,
  truncated: false,
})

export const compileGlob = (glob: string) => RE2JS.compile(globPattern(glob), RE2JS.DOTALL)

/** Compiles an RE2 pattern, or says why it is invalid. */
export function compilePattern(pattern: string): RE2JS | { invalid: string } {
  try {
    return RE2JS.compile(pattern)
  } catch (error) {
    return { invalid: (error as Error).message.replace(/^error parsing regexp: /, '') }
  }
}

/** Adds the matching lines of one file. */
export function addMatches(
  found: GrepProgress,
  pattern: RE2JS,
  { path, text }: { path: string; text: string },
) {
  const matches: GrepMatch[] = []
  let number = 0
  for (let at = 0; at <= text.length && !found.truncated; ) {
    const end = text.indexOf('\n', at)
    const line = text.slice(at, end < 0 ? text.length : end)
    number += 1
    at = end < 0 ? text.length + 1 : end + 1
    // The text after the last line break is no line.
    if (line === '' && end < 0 && number > 1) break
    if (!pattern.test(line.endsWith('\r') ? line.slice(0, -1) : line)) continue
    if (found.matches === matchesMax || found.chars > answerCharsMax) {
      found.truncated = true
      break
    }
    const shown = shorten(line)
    matches.push({ path, line_number: number, line: shown })
    found.matches += 1
    found.chars += shown.length
  }
  if (matches.length > 0) found.results.push({ path, matches })
}

const shorten = (line: string) =>
  line.length <= lineCharsMax ? line : `${line.slice(0, lineCharsMax).toWellFormed()}…`
