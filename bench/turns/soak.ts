import { assistant, type Client, openClient, twoTools } from '../core/client.ts'
import { mb, type Options, profiled, progress, type Report } from '../core/figures.ts'
import { createInspector, type Inspector } from '../core/inspect.ts'
import { residentMb, type Server, startOutlast, withDataDir } from '../core/servers.ts'

const clients = 16
/** Turns per session. */
const turnsEach = 50
const residentMaxMb = 250
/**
 * Limit of the growth in the second half: the difference between two measurements of the same
 * server.
 */
const growthMaxMb = 10

type Memory = { turns: number; residentMb: number; heapMb: number; externalMb: number }

/** Memory of a server over many turns, half of them with two tools, in followed sessions. */
export function soak(options: Options): Promise<Report> {
  const turns = options.quick ? 2_000 : 20_000
  return withDataDir(async (dataDir) => {
    const inspector = await createInspector()
    const nodeArgs = [...inspector.nodeArgs, ...profiled(options)]
    const server = await startOutlast({ env: { DATA_DIR: dataDir }, nodeArgs })
    try {
      return report(await measure(server, inspector, turns))
    } finally {
      await server.stop()
    }
  })
}

async function measure(server: Server, inspector: Inspector, turns: number): Promise<Memory[]> {
  const steps = 4
  const measured = [await memoryOf(server, inspector, 0)]
  for (let step = 1; step <= steps; step++) {
    await runTurns(server.url, turns / steps)
    measured.push(await memoryOf(server, inspector, (turns / steps) * step))
  }
  return measured
}

/** Returns the current memory, without a garbage collection. */
async function memoryOf({ pid }: Server, { evaluate }: Inspector, turns: number): Promise<Memory> {
  const used = await evaluate<NodeJS.MemoryUsage>('process.memoryUsage()')
  const mebibytes = (bytes: number) => bytes / 1024 / 1024
  const memory = {
    turns,
    residentMb: residentMb(pid),
    heapMb: mebibytes(used.heapUsed),
    externalMb: mebibytes(used.external),
  }
  progress(`${turns} turns: ${shown(memory)}`)
  return memory
}

const shown = ({ residentMb, heapMb, externalMb }: Memory) =>
  `${mb(residentMb)}, heap ${mb(heapMb)}, external ${mb(externalMb)}`

async function runTurns(url: string, count: number) {
  let left = count
  const converse = async () => {
    while (left > 0) {
      const client: Client = await openClient(url, assistant)
      for (let n = 0; n < turnsEach && left > 0; n++) {
        left -= 1
        await client.turn(n % 2 === 0 ? 'Hello' : twoTools)
      }
      client.close()
    }
  }
  await Promise.all(Array.from({ length: clients }, converse))
}

function report(measured: Memory[]): Report {
  const [half, last] = [measured[Math.floor(measured.length / 2)]!, measured.at(-1)!]
  const growthMb = last.residentMb - half.residentMb
  return {
    title: `Memory over ${last.turns.toLocaleString('en')} turns`,
    rows: [
      ...measured.map((memory) => ({
        what: `resident memory after ${memory.turns.toLocaleString('en')} turns`,
        goal: memory === last ? `≤ ${mb(residentMaxMb)}` : '',
        measured: shown(memory),
        ...(memory === last && { met: memory.residentMb <= residentMaxMb }),
      })),
      {
        what: 'growth over the second half',
        goal: `≤ ${mb(growthMaxMb)}`,
        measured: mb(growthMb),
        met: growthMb <= growthMaxMb,
      },
    ],
  }
}
