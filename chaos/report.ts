import os from 'node:os'
import type { Violation } from './auditor.ts'
import type { FaultDone } from './evidence.ts'
import { type Counts, percentile, type Takeovers } from './figures.ts'

/** All that a run has to say. */
export type Outcome = {
  seed: number
  seconds: number
  counts: Counts
  takeovers: Takeovers
  longestStandstillMs: number
  faults: FaultDone[]
  violations: Violation[]
  /** What did not happen often enough. */
  missing: string[]
}

const violationsMax = 50

/** True when nothing was broken and enough happened for that to mean something. */
export const isGood = ({ violations, missing }: Outcome) =>
  violations.length === 0 && missing.length === 0

export function problemsOf({ violations, missing }: Outcome): string[] {
  const shown = violations.slice(0, violationsMax).map(inWords)
  const more = violations.length - shown.length
  return [...shown, ...(more > 0 ? [`and ${more} more`] : []), ...missing]
}

const inWords = ({ check, session, what }: Violation) =>
  `${check}: ${what}${session ? ` (${session})` : ''}`

/** A run as a page of `docs/reports/`. */
export function markdown(outcome: Outcome, command: string): string {
  const { seed, seconds, counts, takeovers, longestStandstillMs, violations, missing } = outcome
  const verdict = isGood(outcome)
    ? 'Nothing was lost, doubled or changed.'
    : `${violations.length} violations; ${missing.length} things happened too seldom.`
  return `# Chaos, seed ${seed}: ${isGood(outcome) ? 'passed' : 'FAILED'}

${verdict} What is checked, and how, stands in [chaos](../chaos.md).

\`${command}\`, ${new Date().toISOString().slice(0, 10)}, ${Math.round(seconds)} s, Node ${process.versions.node},
${os.availableParallelism()} cores for nodes, PostgreSQL, clients and auditor together.

| What | How often |
|---|---|
${Object.entries(counts)
  .map(([name, count]) => `| ${name} | ${count} |`)
  .join('\n')}

| Time until another node had gone on | Times | p50 | p99 | Longest |
|---|---|---|---|---|
${takeoverRow('after kill -9', takeovers.afterKill)}
${takeoverRow('after SIGSTOP', takeovers.afterStop)}

Longest time that a session stood still while a node could have gone on: ${inSeconds(longestStandstillMs)}.

## What was broken

${bullets(problemsOf(outcome), 'Nothing.')}

## What went wrong on purpose

${faultTable(outcome.faults)}
`
}

const inSeconds = (ms: number | undefined) =>
  ms === undefined ? '' : `${(ms / 1000).toFixed(2)} s`

function takeoverRow(name: string, values: readonly number[]): string {
  const parts = [0.5, 0.99, 1].map((part) => inSeconds(percentile(values, part)))
  return `| ${name} | ${values.length} | ${parts.join(' | ')} |`
}

/** What stands in backticks or angle brackets in a violation is shown as it is. */
const bullets = (lines: readonly string[], none: string) =>
  lines.length === 0 ? none : lines.map((line) => `- ${line.replaceAll('<', '&lt;')}`).join('\n')

function faultTable(faults: readonly FaultDone[]): string {
  const byKind = Map.groupBy(faults, ({ kind }) => kind)
  const rows = [...byKind].map(([kind, list]) => {
    const lengths = list.map(({ at, endedAt }) => endedAt - at)
    return `| ${kind.replaceAll('_', ' ')} | ${list.length} | ${inSeconds(percentile(lengths, 0.5))} | ${inSeconds(percentile(lengths, 1))} |`
  })
  return ['| Fault | Times | Median length | Longest |', '|---|---|---|---|', ...rows].join('\n')
}
