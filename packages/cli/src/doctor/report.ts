import { columnsOf, type Io } from '../core/io.ts'
import { oneLine, pad, wrap } from '../output/width.ts'
import type { Finding, Verdict } from './finding.ts'
import { counted } from './finding.ts'

const colors: Record<Verdict, string> = { ok: '32', warning: '33', wrong: '31' }
const verdictWidth = 'warning'.length
const checkWidth = 'settings'.length
const gap = '  '
const column = verdictWidth + gap.length + checkWidth + gap.length
/** Minimum columns for a finding beside its name. With fewer it is printed below. */
const columnsMin = 50

/** Formats a finding for people. */
export function linesOf(finding: Finding, stdout: Io['stdout'], hasColor: boolean): string[] {
  const { check, verdict, sentence, advice } = finding
  const columns = columnsOf(stdout)
  const isNarrow = columns < columnsMin
  const indent = isNarrow ? gap.length : column
  const lines = [sentence, ...(advice ? [`→ ${advice}`] : [])].flatMap((text) =>
    wrap(oneLine(text), columns - indent),
  )
  const name = (text: string) => (hasColor ? `\x1b[${colors[verdict]}m${text}\x1b[39m` : text)
  const indented = lines.map((line) => ' '.repeat(indent) + line)
  if (isNarrow) return [`${name(verdict)} ${check}`, ...indented]
  const head = name(verdict) + ' '.repeat(verdictWidth - verdict.length)
  return [`${head}${gap}${pad(check, checkWidth)}${gap}${lines[0]}`, ...indented.slice(1)]
}

/** Formats the summary line. */
export function summaryOf(findings: readonly Finding[]): string {
  const count = (wanted: Verdict) => findings.filter(({ verdict }) => verdict === wanted).length
  const [wrongs, warnings] = [count('wrong'), count('warning')]
  const noted = warnings > 0 ? counted(warnings, 'warning') : ''
  if (wrongs === 0) return noted === '' ? 'All checks passed.' : `No problems, ${noted}.`
  const problems = counted(wrongs, 'problem')
  return noted === '' ? `${problems}.` : `${problems}, ${noted}.`
}
