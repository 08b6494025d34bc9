import type pg from 'pg'
import { withConnection } from './database.ts'
import {
  ms,
  type Options,
  percentile,
  profiled,
  progress,
  type Report,
  type Row,
} from './figures.ts'
import { addAgents, addSessions, agentId, runTurns } from './fill.ts'
import { askTimes } from './load.ts'
import { databaseUrl, startOutlast, withDataDir } from './servers.ts'

const p95MaxMs = 10
const growthMax = 2
const few = 20_000
const requests = 200
const rounds = 5

const byAgent = `&agent_id=${agentId(1)}`
const pages = [
  { what: 'first page', path: '/v1/sessions?limit=20' },
  { what: '500th page', path: '/v1/sessions?limit=20&offset=9980' },
  { what: 'first page of an agent', path: `/v1/sessions?limit=20${byAgent}` },
  { what: '500th page of an agent', path: `/v1/sessions?limit=20&offset=9980${byAgent}` },
]

/** Pages of 20 sessions, among few and among many. */
export function listSessions(options: Options): Promise<Report> {
  return withDataDir(async (dataDir) => {
    const server = await startOutlast({ env: { DATA_DIR: dataDir }, nodeArgs: profiled(options) })
    try {
      return await withConnection(databaseUrl(dataDir), (client) =>
        compare(server.url, client, options),
      )
    } finally {
      await server.stop()
    }
  })
}

async function compare(url: string, client: pg.Client, { quick }: Options): Promise<Report> {
  const many = quick ? 100_000 : 1_000_000
  await addAgents(client)
  await addSessions(client, 1, few)
  const small = await timePages(url, `${few} sessions`)
  const begun = performance.now()
  await addSessions(client, few + 1, many)
  progress(`${many} sessions after ${((performance.now() - begun) / 1000).toFixed(0)} s`)
  const large = await timePages(url, `${many} sessions`)
  const share = await runTurns(client, many)
  const used = await timePages(url, 'one fifth updated')
  const shown = many.toLocaleString('en')
  return {
    title: `Pages of 20 among ${shown} sessions`,
    rows: pages.map(({ what }, at) => row(what, [small[at]!, large[at]!, used[at]!])),
    notes: [
      `The ratio is to the same page among ${few.toLocaleString('en')} sessions. "Updated": after one fifth of the sessions was updated the way turns do (${(share * 100).toFixed(0)} % of the updates heap-only), before any vacuum.`,
    ],
  }
}

/** The p95 of each page, in rounds so that a busy moment of the machine meets all of them. */
async function timePages(url: string, about: string): Promise<number[]> {
  const latencies = pages.map(() => [] as number[])
  for (const { path } of pages) await askTimes(url, path, requests)
  for (let round = 0; round < rounds; round++) {
    for (const [at, { path }] of pages.entries()) {
      latencies[at]!.push(...(await askTimes(url, path, requests / rounds)))
    }
  }
  const p95 = latencies.map((each) => percentile(each, 0.95))
  progress(`${about}: p95 ${p95.map(ms).join(', ')}`)
  return p95
}

function row(what: string, [small, large, used]: [number, number, number]): Row {
  const ratio = large / small
  return {
    what: `p95, ${what}`,
    goal: `≤ ${p95MaxMs} ms, ratio ≤ ${growthMax}`,
    measured: `${ms(large)}; updated ${ms(used)}`,
    ratio: `${ratio.toFixed(2)} (${ms(small)})`,
    met: large <= p95MaxMs && ratio <= growthMax,
  }
}
