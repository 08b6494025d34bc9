import { createAgent, openClient } from '../core/client.ts'
import { withCluster } from '../core/cluster.ts'
import { measureCrowd, type Result, shown } from '../core/crowd.ts'
import { median, ms, type Options, progress, type Report, ratios, runsOf } from '../core/figures.ts'

const crowds = [1, 64]
const ratioMin = 0.8

type Pair = { other: Result; same: Result }

/** Text turns of clients that follow on another node than they post to, on two nodes. */
export function otherNode(options: Options): Promise<Report> {
  return withCluster(async (node) => {
    const urls = [(await node()).url, (await node()).url] as const
    const agentId = await createAgent(urls[0])
    const rows = []
    for (const clients of crowds) {
      rows.push(...rowsOf(clients, await compare(urls, { agentId, clients, options })))
    }
    return { title: 'Text turns on two nodes, followed on another one', rows }
  })
}

type Comparing = { agentId: string; clients: number; options: Options }

async function compare(
  urls: readonly [string, string],
  { agentId, clients, options }: Comparing,
): Promise<Pair[]> {
  const forMs = options.quick ? 1_500 : 4_000
  const measure = (distance: 0 | 1) => {
    let opened = 0
    const open = () => {
      const n = opened++
      return openClient(urls[n % 2]!, agentId, urls[(n + distance) % 2]!)
    }
    return measureCrowd(open, { clients, forMs })
  }
  await measure(1)
  const pairs: Pair[] = []
  for (let run = 1; run <= runsOf(options); run++) {
    const same = await measure(0)
    const other = await measure(1)
    pairs.push({ same, other })
    progress(`run ${run}, ${clients} clients: other node ${shown(other)}; same ${shown(same)}`)
  }
  return pairs
}

function rowsOf(clients: number, pairs: Pair[]) {
  const of = (which: keyof Pair, key: 'perSecond' | 'p50' | 'p99') =>
    pairs.map((pair) => pair[which][key])
  const row = (
    what: string,
    key: 'perSecond' | 'p50' | 'p99',
    show: (value: number) => string,
  ) => ({
    what: `${what}, ${clients} clients`,
    goal: '',
    measured: `${show(median(of('other', key)))} against ${show(median(of('same', key)))}`,
    ratio: ratios(of('other', key), of('same', key)).shown,
  })
  const rate = ratios(of('other', 'perSecond'), of('same', 'perSecond'))
  return [
    {
      ...row('turns a second', 'perSecond', (value) => value.toFixed(0)),
      goal: `ratio ≥ ${ratioMin}`,
      met: rate.value >= ratioMin,
    },
    row('p50', 'p50', ms),
    row('p99', 'p99', ms),
  ]
}
