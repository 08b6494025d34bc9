import os from 'node:os'
import type { Violation } from './audit/auditor.ts'
import type { FaultDone } from './evidence.ts'
import { type Counts, percentile, type Takeovers } from './figures.ts'

/** The outcome of a run. */
export type Outcome = {
  seed: number
  seconds: number
  counts: Counts
  takeovers: Takeovers
  longestStandstillMs: number
  faults: FaultDone[]
  violations: Violation[]
  /** The counts that are too low. */
  missing: string[]
}

const violationsMax = 50

/** True when no promise was broken and enough events occurred for a valid run. */
export const isGood = ({ violations, missing }: Outcome) =>
  violations.length === 0 && missing.length === 0

export function problemsOf({ violations, missing }: Outcome): string[] {
  const shown = violations.slice(0, violationsMax).map(inWords)
  const more = violations.length - shown.length
  return [...shown, ...(more > 0 ? [`and ${more} more`] : []), ...missing]
}

const inWords = ({ check, session, what }: Violation) =>
  `${check}: ${what}${session ? ` (${session})` : ''}`

/** Formats a run as a page of `docs/reports/`. */
export function markdown(outcome: Outcome, command: string): string {
  const { seed, seconds, counts, takeovers, longestStandstillMs, violations, missing } = outcome
  const verdict = isGood(outcome)
    ? 'Nothing was lost, doubled or changed.'
    : `${violations.length} violations; ${missing.length} counts are too low.`
  return `# Chaos, seed ${seed}: ${isGood(outcome) ? 'passed' : 'FAILED'}

${verdict} The checks are described in [chaos](../chaos.md).

\`${command}\`, ${new Date().toISOString().slice(0, 10)}, ${Math.round(seconds)} s, Node ${process.versions.node},
${os.availableParallelism()} cores for nodes, PostgreSQL, clients and auditor together.

| Event | Count |
|---|---|
${Object.entries(counts)
  .map(([name, count]) => `| ${name} | ${count} |`)
  .join('\n')}

| Time until another node resumed | Count | p50 | p99 | Longest |
|---|---|---|---|---|
${takeoverRow('after kill -9', takeovers.afterKill)}
${takeoverRow('after SIGSTOP', takeovers.afterStop)}

Longest time that a session made no progress while a node could have run it: ${inSeconds(longestStandstillMs)}.

## Violations

${bullets(problemsOf(outcome), 'None.')}

## Injected faults

${faultTable(outcome.faults)}
`
}

const inSeconds = (ms: number | undefined) =>
  ms === undefined ? '' : `${(ms / 1000).toFixed(2)} s`

function takeoverRow(name: string, values: readonly number[]): string {
  const parts = [0.5, 0.99, 1].map((part) => inSeconds(percentile(values, part)))
  return `| ${name} | ${values.length} | ${parts.join(' | ')} |`
}

/** Text in backticks or angle brackets in a violation is shown unchanged. */
const bullets = (lines: readonly string[], none: string) =>
  lines.length === 0 ? none : lines.map((line) => `- ${line.replaceAll('<', '&lt;')}`).join('\n')

function faultTable(faults: readonly FaultDone[]): string {
  const byKind = Map.groupBy(faults, ({ kind }) => kind)
  const rows = [...byKind].map(([kind, list]) => {
    const lengths = list.map(({ at, endedAt }) => endedAt - at)
    return `| ${kind.replaceAll('_', ' ')} | ${list.length} | ${inSeconds(percentile(lengths, 0.5))} | ${inSeconds(percentile(lengths, 1))} |`
  })
  return ['| Fault | Count | Median length | Longest |', '|---|---|---|---|', ...rows].join('\n')
}
