import type { DifferenceLine } from '../../shell/text/difference.tsx'
import { type DiffLine, lineDiff } from '../../shell/text/line-diff.ts'
import type { TextChange } from './changes.ts'

/** Unchanged lines that are shown before and after a change. */
const contextLines = 3

const head = (text: string): DifferenceLine => ({ kind: 'head', text })

/** Compares texts. Long runs of unchanged lines become one line with their number. */
export const linesOfChanges = (changes: readonly TextChange[]): DifferenceLine[] =>
  changes.flatMap(({ before, after }, at) => [
    ...(at === 0 ? [] : [head('⋯')]),
    ...folded(lineDiff(before, after)),
  ])

function folded(lines: readonly DiffLine[]): DifferenceLine[] {
  const near = new Set<number>()
  for (const [at, { kind }] of lines.entries()) {
    if (kind === 'same') continue
    for (let to = at - contextLines; to <= at + contextLines; to++) near.add(to)
  }
  const shown: DifferenceLine[] = []
  let hidden = 0
  const endRun = () => {
    if (hidden > 0) shown.push(head(`⋯ ${hidden} unchanged ${hidden === 1 ? 'line' : 'lines'}`))
    hidden = 0
  }
  for (const [at, line] of lines.entries()) {
    if (near.has(at)) {
      endRun()
      shown.push(line)
    } else hidden += 1
  }
  endRun()
  return shown
}

const kinds: Record<string, DiffLine['kind']> = { '+': 'added', '-': 'gone', ' ': 'same' }

/** Reads the lines of a change in the format of `diff -u`. */
export function linesOfPatch(patch: string): DifferenceLine[] {
  const lines = patch.replace(/\n$/, '').split('\n')
  const namesOld = (at: number) =>
    /^--- /.test(lines[at] ?? '') && /^\+\+\+ /.test(lines[at + 1] ?? '')
  return lines.map((line, at) => {
    const kind = kinds[line.slice(0, 1)]
    if (!kind || namesOld(at) || namesOld(at - 1)) return head(line)
    return { kind, text: line.slice(1) }
  })
}
