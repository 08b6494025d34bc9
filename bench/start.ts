import path from 'node:path'
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
import { residentMb, type Server, startOutlast, withDataDir } from './servers.ts'

const firstMaxMs = 6_000
const againMaxMs = 3_000
const idleMaxMb = 150
const turns = 200
const idleMs = 10_000

type Run = { firstMs: number; firstMb: number; againMs: number; againMb: number; usedMb: number }

/** Time until a server is ready, and the memory of its Node process. */
export async function start(options: Options): Promise<Report> {
  const runs: Run[] = []
  for (let run = 1; run <= runsOf(options); run++) {
    const result = await withDataDir((dataDir) => startTwice(dataDir, options))
    runs.push(result)
    const { firstMs, firstMb, againMs, againMb, usedMb } = result
    progress(
      `run ${run}: ${seconds(firstMs)}, ${mb(firstMb)}; again ${seconds(againMs)}, ${mb(againMb)}, after turns ${mb(usedMb)}`,
    )
  }
  return report(runs)
}

/** Uses a separate compile cache, so that the first start finds it empty, as after an install. */
async function startTwice(dataDir: string, options: Options): Promise<Run> {
  const env = {
    DATA_DIR: path.join(dataDir, 'data'),
    NODE_COMPILE_CACHE: path.join(dataDir, 'code'),
  }
  const program = { env, nodeArgs: profiled(options) }
  const first = await startOutlast(program)
  const firstMb = await idleMemory(first)
  await first.stop()
  const server = await startOutlast(program)
  try {
    const againMb = await idleMemory(server)
    const client = await openClient(server.url, await createAgent(server.url))
    for (let n = 1; n <= turns; n++) await client.turn(`Hello ${n}`)
    client.close()
    const usedMb = residentMb(server.pid)
    return { firstMs: first.readyMs, firstMb, againMs: server.readyMs, againMb, usedMb }
  } finally {
    await server.stop()
  }
}

async function idleMemory({ pid }: Server): Promise<number> {
  await sleep(idleMs)
  return residentMb(pid)
}

function report(runs: Run[]): Report {
  const of = (key: keyof Run) => median(runs.map((run) => run[key]))
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
        what: 'resident memory of the Node process, idle, first start',
        goal: `< ${idleMaxMb} MB`,
        measured: mb(of('firstMb')),
        met: of('firstMb') < idleMaxMb,
      },
      {
        what: 'resident memory of the Node process, idle, later starts',
        goal: `< ${idleMaxMb} MB`,
        measured: mb(of('againMb')),
        met: of('againMb') < idleMaxMb,
      },
      {
        what: `the same after ${turns} turns`,
        goal: '',
        measured: mb(of('usedMb')),
      },
    ],
  }
}
