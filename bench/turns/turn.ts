import { createAgent, openClient } from '../core/client.ts'
import { type Crowd, shown as line, measureCrowd, mediansOf, type Result } from '../core/crowd.ts'
import { queryRows } from '../core/database.ts'
import {
  median,
  ms,
  type Options,
  profiled,
  progress,
  type Report,
  type Row,
  ratios,
  runsOf,
} from '../core/figures.ts'
import { databaseUrl, startBare, startOutlast, withDataDir } from '../core/servers.ts'
import { recordTurn } from './recorded-turn.ts'
import { turnAgainst } from './turn-against.ts'

const p50MaxMs = 8
const postMaxMs = 20
const ratioMin = 0.75
const aim = 300
const bareAgent = 'agent_01933b5a000070008000000000000103'

/**
 * A text turn on the simulated model, from POST to `session.idled`, against bare statements or
 * another checkout.
 */
export function turn(options: Options): Promise<Report> {
  if (options.url) return turnAt(options.url, options)
  if (options.against) return turnAgainst(options.against, options)
  return withDataDir(async (dataDir) => {
    const ours = await startOutlast({ env: { DATA_DIR: dataDir }, nodeArgs: profiled(options) })
    try {
      const agentId = await createAgent(ours.url)
      const recorded = await record(ours.url, agentId, databaseUrl(dataDir))
      await queryRows(databaseUrl(dataDir), 'create database bare')
      const env = {
        DATABASE_URL: databaseUrl(dataDir, 'bare'),
        TURN: JSON.stringify(recorded),
      }
      const bare = await startBare('turns/bare-turn.ts', { env })
      try {
        return await compare(
          { url: ours.url, agentId },
          { url: bare.url, agentId: bareAgent },
          options,
        )
      } finally {
        await bare.stop()
      }
    } finally {
      await ours.stop()
    }
  })
}

async function record(url: string, agentId: string, database: string) {
  const client = await openClient(url, agentId)
  await client.turn('Hello 1')
  await client.turn('Hello 2')
  client.close()
  return recordTurn(database, client.sessionId)
}

type Target = { url: string; agentId: string }

async function compare(ours: Target, bare: Target, options: Options): Promise<Report> {
  const forMs = forMsOf(options)
  const rows: Row[] = []
  for (const target of [ours, bare]) await measure(target, { clients: 8, forMs })
  for (const clients of crowds) {
    const results: { ours: Result; bare: Result }[] = []
    for (let run = 1; run <= runsOf(options); run++) {
      const pair = {
        ours: await measure(ours, { clients, forMs }),
        bare: await measure(bare, { clients, forMs }),
      }
      results.push(pair)
      progress(`${clients} clients, run ${run}: ${line(pair.ours)}; bare ${line(pair.bare)}`)
    }
    rows.push(...rowsFor(clients, results))
  }
  return { title: 'A text turn on the simulated model, from POST to session.idled', rows }
}

const measure = ({ url, agentId }: Target, crowd: Crowd): Promise<Result> =>
  measureCrowd(() => openClient(url, agentId), crowd)

const crowds = [1, 8, 64]

/** Measures the same turn on a server that is already running. */
async function turnAt(url: string, options: Options): Promise<Report> {
  const target = { url, agentId: await createAgent(url) }
  const forMs = forMsOf(options)
  const rows: Row[] = []
  await measure(target, { clients: 8, forMs })
  for (const clients of crowds) {
    const results: Result[] = []
    for (let run = 1; run <= runsOf(options); run++) {
      results.push(await measure(target, { clients, forMs }))
      progress(`${clients} clients, run ${run}: ${line(results.at(-1)!)}`)
    }
    const measured = line(mediansOf(results))
    rows.push({ what: `a text turn, ${whoOf(clients)}`, goal: '', measured })
  }
  return { title: `A text turn on ${url}, from POST to session.idled`, rows }
}

const forMsOf = ({ quick }: Options) => (quick ? 1_500 : 5_000)
const whoOf = (clients: number) => (clients === 1 ? 'alone' : `${clients} clients`)

function rowsFor(clients: number, results: { ours: Result; bare: Result }[]): Row[] {
  const of = (who: 'ours' | 'bare', what: keyof Result) =>
    results.map((result) => result[who][what])
  const row = (what: keyof Result, show: (value: number) => string) => {
    const [ours, bare] = [median(of('ours', what)), median(of('bare', what))]
    const ratio = ratios(of('ours', what), of('bare', what))
    return {
      ours,
      value: ratio.value,
      measured: `${show(ours)} against ${show(bare)}`,
      ratio: ratio.shown,
    }
  }
  const [p50, p99] = [row('p50', ms), row('p99', ms)]
  const [postP50, postP99] = [row('postP50', ms), row('postP99', ms)]
  const rate = row('perSecond', (value) => `${value.toFixed(0)} a second`)
  const shown = ({ measured, ratio }: { measured: string; ratio: string }) => ({ measured, ratio })
  const who = whoOf(clients)
  if (clients === 1) {
    return [
      { what: `p50, ${who}`, goal: `≤ ${p50MaxMs} ms`, ...shown(p50), met: p50.ours <= p50MaxMs },
      { what: `p99, ${who}`, goal: '', ...shown(p99) },
    ]
  }
  const goals = {
    goal: `≥ ${ratioMin} of bare; aim ${aim} a second`,
    met: rate.value >= ratioMin && rate.ours >= aim,
  }
  return [
    { what: `turns, ${who}`, ...(clients === 8 ? goals : { goal: '' }), ...shown(rate) },
    { what: `p50, ${who}`, goal: '', ...shown(p50) },
    { what: `p99, ${who}`, goal: '', ...shown(p99) },
    {
      what: `POST p50, ${who}`,
      goal: `≤ ${postMaxMs} ms`,
      ...shown(postP50),
      met: postP50.ours <= postMaxMs,
    },
    { what: `POST p99, ${who}`, goal: '', ...shown(postP99) },
  ]
}
