import { assistant, createAgent, openClient, twoTools } from '../core/client.ts'
import { measureCrowd, mediansOf, type Result, shown } from '../core/crowd.ts'
import { queryRows } from '../core/database.ts'
import { type Options, progress, type Report, type Row, ratios, runsOf } from '../core/figures.ts'
import { databaseUrl, startOutlast, withDataDir } from '../core/servers.ts'
import { startDbos } from './dbos.ts'
import { startEve } from './eve.ts'
import { startLanggraph } from './langgraph.ts'
import type { Peer, TurnKind } from './peer.ts'

const fasterMin = 10
const kinds: Record<TurnKind, string> = {
  text: 'text turn',
  tools: 'turn with two tools',
}
const crowds = [1, 8, 64]

/** Our turns beside those of other systems, each installed from npm, in alternating rounds. */
export function peers(options: Options): Promise<Report> {
  return withDataDir(async (dataDir) => {
    const started: Peer[] = []
    try {
      const ours = await startOurs(dataDir)
      started.push(ours)
      await queryRows(databaseUrl(dataDir), 'create database dbos')
      const engines = await startDbos(databaseUrl(dataDir, 'dbos'))
      started.push(...engines)
      for (const start of [startEve, startLanggraph]) started.push(await start())
      const products = started.slice(1 + engines.length)
      return await compare({ ours, engines, products }, options)
    } finally {
      for (const peer of started.reverse()) await peer.stop()
    }
  })
}

async function startOurs(dataDir: string): Promise<Peer> {
  const { url, stop } = await startOutlast({ env: { DATA_DIR: dataDir } })
  const talkative = await createAgent(url)
  return {
    name: 'Outlast',
    async measure(kind, crowd) {
      if (kind === 'text') return measureCrowd(() => openClient(url, talkative), crowd)
      return measureCrowd(async () => {
        const client = await openClient(url, assistant)
        return { turn: () => client.turn(twoTools), close: client.close }
      }, crowd)
    },
    stop,
  }
}

type Field = { ours: Peer; engines: Peer[]; products: Peer[] }

async function compare(field: Field, options: Options): Promise<Report> {
  const forMs = options.quick ? 1_500 : 3_000
  const all = [field.ours, ...field.engines, ...field.products]
  const rows: Row[] = []
  for (const kind of ['text', 'tools'] as const) {
    for (const peer of all) await peer.measure(kind, { clients: 8, forMs })
    for (const clients of crowds) {
      const results = new Map<Peer, Result[]>(all.map((peer) => [peer, []]))
      for (let run = 1; run <= runsOf(options); run++) {
        for (const peer of all) {
          const result = await peer.measure(kind, { clients, forMs })
          results.get(peer)!.push(result)
          progress(`${kinds[kind]}, ${clients} clients, run ${run}: ${peer.name} ${shown(result)}`)
        }
      }
      rows.push(...rowsFor(field, { kind, clients, results }))
    }
  }
  return {
    title: 'Turns beside those of others',
    rows,
    notes: [
      'The ratio is ours to theirs, in turns a second. DBOS records 1 step for a text turn, 4 for one with two tools, and has no session and no stream. "Alone" it is called in its own process, without HTTP and without a client beside it.',
    ],
  }
}

type Round = { kind: TurnKind; clients: number; results: Map<Peer, Result[]> }

function rowsFor({ ours, engines, products }: Field, { kind, clients, results }: Round): Row[] {
  const of = (peer: Peer, key: keyof Result) => results.get(peer)!.map((result) => result[key])
  return [ours, ...engines, ...products].map((peer) => {
    const all = mediansOf(results.get(peer)!)
    const row = {
      what: `${kinds[kind]}, ${clients === 1 ? '1 client' : `${clients} clients`}: ${peer.name}`,
      goal: '',
      measured: shown(all),
    }
    if (peer === ours) return row
    const ratio = ratios(of(ours, 'perSecond'), of(peer, 'perSecond'))
    const goalMin = engines.includes(peer) ? 1 : clients === 8 ? fasterMin : undefined
    return {
      ...row,
      ratio: ratio.shown,
      ...(goalMin && { goal: `ratio ≥ ${goalMin}`, met: ratio.value >= goalMin }),
    }
  })
}
