import { createAgent, openClient } from './client.ts'
import {
  median,
  ms,
  type Options,
  percentile,
  profiled,
  progress,
  type Report,
  ratios,
  runsOf,
} from './figures.ts'
import { type Load, loadFor } from './load.ts'
import { databaseUrl, startBare, startOutlast, withDataDir } from './servers.ts'

const connections = 16
const organization = 'org_00000000000000000000000000000001'
const throughputMin = 0.9
const p99Max = 1.5

/** Our `GET /v1/sessions/{id}` against a bare handler on the same database. */
export function getSession(options: Options): Promise<Report> {
  return withDataDir(async (dataDir) => {
    const program = { env: { DATA_DIR: dataDir }, nodeArgs: profiled(options) }
    // A server serves from data that an earlier start made; what that first start leaves on the heap is not the question.
    await (await startOutlast(program)).stop()
    const ours = await startOutlast(program)
    const url = databaseUrl(dataDir)
    const bare = await startBare('bare-get.ts', {
      env: { DATABASE_URL: url, ORG_ID: organization },
    })
    try {
      const client = await openClient(ours.url, await createAgent(ours.url))
      await client.turn('Hello')
      client.close()
      const path = `/v1/sessions/${client.sessionId}`
      return report(await compare([ours.url, bare.url], path, options))
    } finally {
      await bare.stop()
      await ours.stop()
    }
  })
}

type Pair = { ours: Load; bare: Load }

async function compare([ours, bare]: [string, string], path: string, options: Options) {
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

function report(pairs: Pair[]): Report {
  const [ours, bare] = [pairs.map((pair) => pair.ours), pairs.map((pair) => pair.bare)]
  const rate = (loads: Load[]) => loads.map(({ perSecond }) => perSecond)
  const throughput = ratios(rate(ours), rate(bare))
  const slowest = ratios(ours.map(p99), bare.map(p99))
  return {
    title: 'GET /v1/sessions/{id} against a bare Fastify handler',
    rows: [
      {
        what: `throughput, ${connections} connections`,
        goal: `≥ ${throughputMin} of bare`,
        measured: `${median(rate(ours)).toFixed(0)} against ${median(rate(bare)).toFixed(0)} a second`,
        ratio: throughput.shown,
        met: throughput.value >= throughputMin,
      },
      {
        what: 'p99',
        goal: `≤ ${p99Max} of bare`,
        measured: `${ms(median(ours.map(p99)))} against ${ms(median(bare.map(p99)))}`,
        ratio: slowest.shown,
        met: slowest.value <= p99Max,
      },
    ],
  }
}
