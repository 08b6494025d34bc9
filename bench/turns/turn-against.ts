import path from 'node:path'
import { createAgent, openClient } from '../core/client.ts'
import { measureCrowd } from '../core/crowd.ts'
import { median, type Options, progress, type Report, type Row, ratios } from '../core/figures.ts'
import { busyMs, databaseBusyMs, startNode, startOutlast, withDataDir } from '../core/servers.ts'

const crowds = [8, 64]
const forMs = 1_200
const warmUps = 4
const throughputMin = 0.98

/** Turns a second, and the processor time of a turn in ms, of the server and of PostgreSQL. */
type Slice = { perSecond: number; serverMs: number; databaseMs: number }
type Slices = { ours: Slice[]; theirs: Slice[] }
type Measure = (clients: number) => Promise<Slice>

/**
 * Text turns of this code against those of another checkout. Both servers run for the whole time
 * and are loaded for about a second in turns: the speed of a shared machine changes within minutes.
 * The second half starts them in the other order.
 */
export async function turnAgainst(folder: string, options: Options): Promise<Report> {
  const slices = crowds.map((): Slices => ({ ours: [], theirs: [] }))
  await withServer(undefined, (ours) =>
    withServer(folder, (theirs) => compare({ ours, theirs }, slices, options)),
  )
  await withServer(folder, (theirs) =>
    withServer(undefined, (ours) => compare({ ours, theirs }, slices, options)),
  )
  const rows = crowds.flatMap((clients, index) => rowsOf(clients, slices[index]!))
  return { title: `A text turn against ${path.basename(folder)}`, rows }
}

/** Starts the code of a folder, or this one, for the duration of `work`. */
function withServer(folder: string | undefined, work: (measure: Measure) => Promise<void>) {
  return withDataDir(async (dataDir) => {
    const env = { DATA_DIR: dataDir }
    const server = folder
      ? await startNode(path.resolve(folder, 'apps/server/start.js'), { env })
      : await startOutlast({ env })
    const { url, pid } = server
    try {
      const agentId = await createAgent(url)
      await work(async (clients) => {
        const [serverFrom, databaseFrom] = [busyMs(pid), databaseBusyMs(dataDir)]
        const crowd = await measureCrowd(() => openClient(url, agentId), { clients, forMs })
        const { perSecond, count } = crowd
        const serverMs = (busyMs(pid) - serverFrom) / count
        return { perSecond, serverMs, databaseMs: (databaseBusyMs(dataDir) - databaseFrom) / count }
      })
    } finally {
      await server.stop()
    }
  })
}

async function compare(
  { ours, theirs }: { ours: Measure; theirs: Measure },
  slices: readonly Slices[],
  { quick }: Options,
) {
  for (let n = 0; n < warmUps; n++) {
    await ours(16)
    await theirs(16)
  }
  const pairs = quick ? 2 : 12
  for (const [index, clients] of crowds.entries()) {
    for (let n = 0; n < pairs; n++) {
      // The first of a pair would profit from the idle time before it.
      if (n % 2 === 0) slices[index]!.ours.push(await ours(clients))
      slices[index]!.theirs.push(await theirs(clients))
      if (n % 2 === 1) slices[index]!.ours.push(await ours(clients))
    }
    progress(
      `${clients} clients: ${rowsOf(clients, slices[index]!)[0]!.ratio} of its turns a second`,
    )
  }
}

function rowsOf(clients: number, { ours, theirs }: Slices): Row[] {
  const row = (what: string, key: keyof Slice, digits: number) => {
    const of = (each: Slice[]) => each.map((slice) => slice[key])
    const { value, shown: ratio } = ratios(of(ours), of(theirs))
    const [own, other] = [median(of(ours)), median(of(theirs))]
    const measured = `${own.toFixed(digits)} against ${other.toFixed(digits)}`
    return { value, row: { what: `${what}, ${clients} clients`, goal: '', measured, ratio } }
  }
  const turns = row('turns a second', 'perSecond', 0)
  return [
    { ...turns.row, goal: `≥ ${throughputMin}`, met: turns.value >= throughputMin },
    row('processor time of the server for a turn, ms', 'serverMs', 2).row,
    row('processor time of PostgreSQL for a turn, ms', 'databaseMs', 2).row,
  ]
}
