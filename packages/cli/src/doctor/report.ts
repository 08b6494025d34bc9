import { columnsOf, type Io } from '../core/io.ts'
import { oneLine, pad, wrap } from '../output/width.ts'
import type { Finding, Verdict } from './finding.ts'
import { counted } from './finding.ts'

const colors: Record<Verdict, string> = { ok: '32', warning: '33', wrong: '31' }
const verdictWidth = 'warning'.length
const checkWidth = 'settings'.length
const gap = '  '
const column = verdictWidth + gap.length + checkWidth + gap.length
/** Narrower than this, what was found stands below its name. */
const columnsMin = 50

/** The lines that tell a person of one finding. */
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

/** The last line: how it stands, all in all. */
export function summaryOf(findings: readonly Finding[]): string {
  const count = (wanted: Verdict) => findings.filter(({ verdict }) => verdict === wanted).length
  const [wrongs, warnings] = [count('wrong'), count('warning')]
  const told = warnings > 0 ? counted(warnings, 'warning') : ''
  if (wrongs === 0) return told === '' ? 'All is well.' : `Nothing is wrong; ${told}.`
  const is = wrongs === 1 ? '1 thing is wrong' : `${wrongs} things are wrong`
  return told === '' ? `${is}.` : `${is}; ${told}.`
}
