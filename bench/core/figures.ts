/** The result of one benchmark: a heading, and a row for each goal. */
export type Report = { title: string; rows: Row[]; notes?: string[] }

export type Row = {
  what: string
  goal: string
  measured: string
  /** Relative to the other server, or the smaller case, of the same run. */
  ratio?: string
  /** Absent for rows without a goal. */
  met?: boolean
}

export type Options = {
  /** Fewer runs, less data. Its figures only show that the benchmark works. */
  quick: boolean
  /** The folder for a CPU profile of our server's whole life. */
  profileDir: string | undefined
  /** A server to measure instead of our own, with the same contract. Only for `turn`. */
  url: string | undefined
  /** The folder of another checkout to compare with. Only for `turn`, `start` and `hooks`. */
  against: string | undefined
}

export const runsOf = ({ quick }: Options) => (quick ? 2 : 5)

export const profiled = ({ profileDir }: Options) =>
  profileDir ? ['--cpu-prof', `--cpu-prof-dir=${profileDir}`] : []

export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!
}

export const median = (values: readonly number[]) => percentile(values, 0.5)

export const ms = (value: number) => `${value.toFixed(1)} ms`
export const mb = (value: number) => `${value.toFixed(0)} MB`
export const seconds = (valueMs: number) => `${(valueMs / 1000).toFixed(2)} s`

/** Returns the median ratio of runs that were measured side by side, and their spread. */
export function ratios(ours: readonly number[], theirs: readonly number[]) {
  const each = ours.map((value, run) => value / theirs[run]!)
  const shown = `${median(each).toFixed(2)} (${Math.min(...each).toFixed(2)} to ${Math.max(...each).toFixed(2)})`
  return { value: median(each), shown }
}

export function markdown({ title, rows, notes = [] }: Report): string {
  const lines = rows.map(({ what, goal, measured, ratio = '', met }) => {
    const verdict = met === undefined ? '' : met ? 'yes' : '**no**'
    return `| ${[what, goal, measured, ratio, verdict].join(' | ')} |`
  })
  return [
    `### ${title}`,
    '',
    '| What | Goal | Measured | Ratio | Met |',
    '|---|---|---|---|---|',
    ...lines,
    '',
    ...notes.flatMap((note) => [note, '']),
  ].join('\n')
}

/** Reports the progress of a benchmark on the terminal. */
export function progress(line: string) {
  process.stderr.write(`  ${line}\n`)
}
