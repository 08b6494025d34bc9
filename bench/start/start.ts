import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createAgent, openClient } from '../core/client.ts'
import {
  mb,
  median,
  type Options,
  profiled,
  progress,
  type Report,
  type Row,
  ratios,
  runsOf,
  seconds,
} from '../core/figures.ts'
import {
  busyMs,
  residentMb,
  type Server,
  startNode,
  startOutlast,
  withDataDir,
} from '../core/servers.ts'

const firstMaxMs = 6_000
const againMaxMs = 3_000
const idleMaxMb = 150
const turns = 200
const againstMax = 1.05
/** Pairs of starts in a comparison: one start is short, and its time varies. */
const pairs = 10
const idleMs = 10_000
const settleMs = 1_500

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
  const rows = options.against ? await compared(options.against) : []
  return report(runs, rows)
}

/** Starts this checkout and another one by turns, each on its own data. */
async function compared(folder: string): Promise<Row[]> {
  const other = path.join(path.resolve(folder), 'apps/server/start.js')
  return withDataDir((dataDir) =>
    withDataDir(async (otherDir) => {
      const own = () => started(startOutlast, dataDir)
      const old = () => started((program = {}) => startNode(other, program), otherDir)
      const runs = { own: [] as Start[], old: [] as Start[] }
      for (let run = 0; run <= pairs; run++) {
        const [first, second] =
          run % 2 === 0 ? [await own(), await old()] : [await old(), await own()]
        // The first start makes the data and the compile cache.
        if (run === 0) continue
        runs.own.push(run % 2 === 0 ? first : second)
        runs.old.push(run % 2 === 0 ? second : first)
      }
      return [
        comparedRow('readyMs', 'start', runs),
        comparedRow('usedMs', 'processor time of a start', runs),
        comparedRow('idleMb', 'resident memory', runs),
      ]
    }),
  )
}

type Start = { readyMs: number; usedMs: number; idleMb: number }

async function started(run: typeof startOutlast, dataDir: string): Promise<Start> {
  const server = await run({ env: { DATA_DIR: dataDir } })
  const usedMs = busyMs(server.pid)
  await sleep(settleMs)
  const idleMb = residentMb(server.pid)
  await server.stop()
  return { readyMs: server.readyMs, usedMs, idleMb }
}

function comparedRow(key: keyof Start, noun: string, { own, old }: Record<'own' | 'old', Start[]>) {
  const [ours, theirs] = [own, old].map((all) => all.map((one) => one[key]))
  const { value, shown } = ratios(ours!, theirs!)
  return {
    what: `${noun}, compared with the other checkout`,
    goal: `≤ ${againstMax}`,
    measured: `${median(ours!).toFixed(0)} against ${median(theirs!).toFixed(0)}`,
    ratio: shown,
    met: value <= againstMax,
  }
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

function report(runs: Run[], more: Row[]): Report {
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
      ...more,
    ],
  }
}
