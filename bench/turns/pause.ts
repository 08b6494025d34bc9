import { setTimeout as sleep } from 'node:timers/promises'
import { createAgent, openClient } from '../core/client.ts'
import { measureCrowd, type Result, shown } from '../core/crowd.ts'
import { median, ms, type Options, progress, type Report, ratios, runsOf } from '../core/figures.ts'
import { type Server, startOutlast, withDataDir } from '../core/servers.ts'

const clients = 64
/** Longer than the 10 s after which `pg` closes unused connections by default. */
const pauseMs = 15_000
const forMs = 3_000

/** Text turns after a pause of all clients, against turns without one. */
export function pause(options: Options): Promise<Report> {
  return withDataDir(async (dataDir) => {
    const server = await startOutlast({ env: { DATA_DIR: dataDir } })
    try {
      return await compare(server, options)
    } finally {
      await server.stop()
    }
  })
}

type Pair = { without: Result; after: Result }

async function compare({ url }: Server, options: Options): Promise<Report> {
  const agentId = await createAgent(url)
  const measure = () => measureCrowd(() => openClient(url, agentId), { clients, forMs })
  await measure()
  await measure()
  const pairs: Pair[] = []
  for (let run = 1; run <= runsOf(options); run++) {
    const without = await measure()
    await sleep(pauseMs)
    const after = await measure()
    pairs.push({ without, after })
    progress(`run ${run}: after ${shown(after)}; without ${shown(without)}`)
  }
  return { title: `Text turns after a pause of ${pauseMs / 1000} s`, rows: rowsOf(pairs) }
}

function rowsOf(pairs: Pair[]) {
  const row = (what: string, key: 'perSecond' | 'p99', show: (value: number) => string) => {
    const of = (when: keyof Pair) => pairs.map((pair) => pair[when][key])
    const { shown: ratio } = ratios(of('after'), of('without'))
    const measured = `${show(median(of('after')))} against ${show(median(of('without')))}`
    return { what: `${what}, ${clients} clients`, goal: '', measured, ratio }
  }
  return [
    row('text turns a second', 'perSecond', (value) => value.toFixed(0)),
    row('p99 of a text turn', 'p99', ms),
  ]
}
