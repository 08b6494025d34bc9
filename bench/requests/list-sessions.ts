import type pg from 'pg'
import { compareLoads, loadRows, type Pair } from '../core/against-bare.ts'
import { withConnection } from '../core/database.ts'
import {
  median,
  ms,
  type Options,
  percentile,
  profiled,
  progress,
  type Report,
  type Row,
  ratios,
  runsOf,
} from '../core/figures.ts'
import { addAgents, addSessions, agentId, organizationId, runTurns } from '../core/fill.ts'
import { askTimes } from '../core/load.ts'
import { databaseUrl, type Program, startBare, startOutlast, withDataDir } from '../core/servers.ts'

const p95MaxMs = 10
const growthMax = 2
const few = 20_000
const requests = 200

const byAgent = `&agent_id=${agentId(1)}`
const pages = [
  { what: 'first page', path: '/v1/sessions?limit=20' },
  { what: '500th page', path: '/v1/sessions?limit=20&offset=9980' },
  { what: 'first page of an agent', path: `/v1/sessions?limit=20${byAgent}` },
  { what: '500th page of an agent', path: `/v1/sessions?limit=20&offset=9980${byAgent}` },
]

type Target = { url: string; client: pg.Client; dataDir: string }

/** Pages of 20 sessions: a server with few and one with many, in turns. */
export function listSessions(options: Options): Promise<Report> {
  return withServer({}, (small) =>
    withServer({ nodeArgs: profiled(options) }, (large) => compare(small, large, options)),
  )
}

function withServer<T>(program: Program, work: (target: Target) => Promise<T>): Promise<T> {
  return withDataDir(async (dataDir) => {
    const server = await startOutlast({ ...program, env: { DATA_DIR: dataDir } })
    try {
      return await withConnection(databaseUrl(dataDir), (client) =>
        work({ url: server.url, client, dataDir }),
      )
    } finally {
      await server.stop()
    }
  })
}

async function compare(small: Target, large: Target, options: Options): Promise<Report> {
  const many = options.quick ? 100_000 : 1_000_000
  const shown = many.toLocaleString('en')
  for (const { client } of [small, large]) await addAgents(client)
  await addSessions(small.client, few)
  const loads = await loadPage(small, options)
  await addSessions(large.client, many)
  const fresh = await timePages(small, large, options, `${shown} sessions`)
  const share = await runTurns(large.client, many)
  const used = await timePages(small, large, options, 'one fifth updated')
  return {
    title: `Pages of 20 among ${shown} sessions`,
    rows: [
      ...loadRows(loads, { throughputMin: 0.8, p99Max: undefined }),
      ...pages.flatMap(({ what }, at) => [
        row(what, fresh[at]!, true),
        row(`${what}, one fifth updated`, used[at]!, false),
      ]),
    ],
    notes: [
      `Throughput: the first page among ${few.toLocaleString('en')} sessions, against \`bench/requests/bare-list.ts\` on the same database.`,
      `Against the same page among ${few.toLocaleString('en')} sessions, on another server in the same run. "Updated": after one fifth of the sessions was updated the way turns do (${(share * 100).toFixed(0)} % of the updates heap-only), before any vacuum.`,
    ],
  }
}

/** Loads the first page, beside a minimal server of the same pages. */
async function loadPage({ url, dataDir }: Target, options: Options): Promise<Pair[]> {
  const env = { DATABASE_URL: databaseUrl(dataDir), ORG_ID: organizationId }
  const bare = await startBare('requests/bare-list.ts', { env })
  return await compareLoads([url, bare.url], pages[0]!.path, options).finally(bare.stop)
}

type P95 = { small: number[]; large: number[] }

/** Returns the p95 of each page per run, the two servers one after the other. */
async function timePages(small: Target, large: Target, options: Options, about: string) {
  for (const { url, client } of [small, large]) {
    await client.query('checkpoint')
    for (const { path } of pages) await askTimes(url, path, requests)
  }
  const p95 = async ({ url }: Target, path: string) =>
    percentile(await askTimes(url, path, requests), 0.95)
  const results: P95[] = pages.map(() => ({ small: [], large: [] }))
  for (let run = 1; run <= runsOf(options); run++) {
    for (const [at, { path }] of pages.entries()) {
      results[at]!.small.push(await p95(small, path))
      results[at]!.large.push(await p95(large, path))
    }
    const last = results.map((each) => `${ms(each.large.at(-1)!)} (${ms(each.small.at(-1)!)})`)
    progress(`${about}, run ${run}: p95 ${last.join(', ')}`)
  }
  return results
}

function row(what: string, { small, large }: P95, isGoal: boolean): Row {
  const ratio = ratios(large, small)
  return {
    what: `p95, ${what}`,
    goal: isGoal ? `≤ ${p95MaxMs} ms, ratio ≤ ${growthMax}` : '',
    measured: `${ms(median(large))} against ${ms(median(small))}`,
    ratio: ratio.shown,
    ...(isGoal && { met: median(large) <= p95MaxMs && ratio.value <= growthMax }),
  }
}
