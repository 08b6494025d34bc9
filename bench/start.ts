import { setTimeout as sleep } from 'node:timers/promises'
import { createAgent, openClient } from './client.ts'
import {
  mb,
  median,
  type Options,
  profiled,
  progress,
  type Report,
  runsOf,
  seconds,
} from './figures.ts'
import { residentMb, startOutlast, withDataDir } from './servers.ts'

const firstMaxMs = 6_000
const againMaxMs = 3_000
const idleMaxMb = 150
const turns = 200

type Run = { firstMs: number; againMs: number; idleMb: number; usedMb: number }

/** How long a server takes to be ready, and how much memory its Node process holds. */
export async function start(options: Options): Promise<Report> {
  const runs: Run[] = []
  for (let run = 1; run <= runsOf(options); run++) {
    const result = await withDataDir((dataDir) => startTwice(dataDir, options))
    runs.push(result)
    const { firstMs, againMs, idleMb, usedMb } = result
    progress(
      `run ${run}: ${seconds(firstMs)}, again ${seconds(againMs)}, ${mb(idleMb)}, after turns ${mb(usedMb)}`,
    )
  }
  return report(runs)
}

async function startTwice(dataDir: string, options: Options): Promise<Run> {
  const program = { env: { DATA_DIR: dataDir }, nodeArgs: profiled(options) }
  const first = await startOutlast(program)
  await first.stop()
  const server = await startOutlast(program)
  try {
    await sleep(10_000)
    const idleMb = residentMb(server.pid)
    const client = await openClient(server.url, await createAgent(server.url))
    for (let n = 1; n <= turns; n++) await client.turn(`Hello ${n}`)
    client.close()
    const usedMb = residentMb(server.pid)
    return { firstMs: first.readyMs, againMs: server.readyMs, idleMb, usedMb }
  } finally {
    await server.stop()
  }
}

function report(runs: Run[]): Report {
  const of = (key: keyof Run) => median(runs.map((run) => run[key]))
  const idleMb = of('idleMb')
  return {
    title: 'Start and memory',
    rows: [
      {
        what: 'first start until ready',
        goal: `< ${firstMaxMs / 1000} s`,
        measured: seconds(of('firstMs')),
        met: of('firstMs') < firstMaxMs,
      },
      {
        what: 'start on an existing DATA_DIR until ready',
        goal: `< ${againMaxMs / 1000} s`,
        measured: seconds(of('againMs')),
        met: of('againMs') < againMaxMs,
      },
      {
        what: 'resident memory of the Node process, idle for 10 s',
        goal: `< ${idleMaxMb} MB`,
        measured: mb(idleMb),
        met: idleMb < idleMaxMb,
      },
      {
        what: `the same after ${turns} turns`,
        goal: '',
        measured: mb(of('usedMb')),
      },
    ],
  }
}
