import {
  median,
  ms,
  type Options,
  percentile,
  progress,
  type Row,
  ratios,
  runsOf,
} from './figures.ts'
import { type Load, loadFor } from './load.ts'

const connections = 16

/** Rounds in which two servers answered the same request, one after the other. */
export type Pair = { ours: Load; bare: Load }

/** Loads our server and a minimal one with the same GET, in turns. */
export async function compareLoads(
  [ours, bare]: [ours: string, bare: string],
  path: string,
  options: Options,
): Promise<Pair[]> {
  const forMs = options.quick ? 1_500 : 5_000
  const load = (url: string) => loadFor(url, path, { connections, forMs })
  for (const url of [ours, bare]) await load(url)
  const pairs: Pair[] = []
  for (let run = 1; run <= runsOf(options); run++) {
    const pair = { ours: await load(ours), bare: await load(bare) }
    pairs.push(pair)
    progress(`run ${run}: ${line(pair.ours)}; bare ${line(pair.bare)}`)
  }
  return pairs
}

const p99 = ({ latencies }: Load) => percentile(latencies, 0.99)
const line = (load: Load) => `${load.perSecond.toFixed(0)} a second, p99 ${ms(p99(load))}`

type Goals = { throughputMin: number; p99Max: number | undefined }

export function loadRows(pairs: Pair[], { throughputMin, p99Max }: Goals): Row[] {
  const [ours, bare] = [pairs.map((pair) => pair.ours), pairs.map((pair) => pair.bare)]
  const rate = (loads: Load[]) => loads.map(({ perSecond }) => perSecond)
  const throughput = ratios(rate(ours), rate(bare))
  const slowest = ratios(ours.map(p99), bare.map(p99))
  return [
    {
      what: `throughput, ${connections} connections`,
      goal: `≥ ${throughputMin} of bare`,
      measured: `${median(rate(ours)).toFixed(0)} against ${median(rate(bare)).toFixed(0)} a second`,
      ratio: throughput.shown,
      met: throughput.value >= throughputMin,
    },
    {
      what: 'p99',
      goal: p99Max === undefined ? '' : `≤ ${p99Max} of bare`,
      measured: `${ms(median(ours.map(p99)))} against ${ms(median(bare.map(p99)))}`,
      ratio: slowest.shown,
      ...(p99Max !== undefined && { met: slowest.value <= p99Max }),
    },
  ]
}
