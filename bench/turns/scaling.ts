import { openClient } from '../core/client.ts'
import { withCluster } from '../core/cluster.ts'
import { measureCrowd, type Result, shown } from '../core/crowd.ts'
import { median, type Options, progress, type Report, ratios, runsOf } from '../core/figures.ts'
import { agentOnSimulated } from '../core/model.ts'
import type { Server } from '../core/servers.ts'

const ratioMin = 1.7
const slots = 8
const modelMs = 300
/** More than all slots of both workers, so that both always have turns. */
const clients = 32

/**
 * One node that serves, and one or two that run turns, which spend most of their time in the model.
 */
export function scaling(options: Options): Promise<Report> {
  return withCluster(async (node) => {
    const worker = () => node({ ROLE: 'worker', WORKER_SLOTS: String(slots) })
    const server = await node({ ROLE: 'api' })
    await worker()
    return report(await compare(server, { worker, options }))
  })
}

type Pair = { one: Result; two: Result }
type Comparing = { worker: () => Promise<Server>; options: Options }

async function compare({ url }: Server, { worker, options }: Comparing): Promise<Pair[]> {
  const agentId = await agentOnSimulated(url, `llmsim-echo-ttft-${modelMs}`)
  const forMs = options.quick ? 3_000 : 10_000
  const measure = () => measureCrowd(() => openClient(url, agentId), { clients, forMs })
  await measure()
  const pairs: Pair[] = []
  for (let run = 1; run <= runsOf(options); run++) {
    const one = await measure()
    const second = await worker()
    const two = await measure().finally(second.stop)
    pairs.push({ one, two })
    progress(`run ${run}: 1 worker ${shown(one)}; 2 workers ${shown(two)}`)
  }
  return pairs
}

function report(pairs: Pair[]): Report {
  const of = (who: keyof Pair) => pairs.map((pair) => pair[who].perSecond)
  const ratio = ratios(of('two'), of('one'))
  const rate = (who: keyof Pair) => median(of(who)).toFixed(0)
  return {
    title: 'Two workers against one, when the model is the bottleneck',
    rows: [
      {
        what: 'turns, 2 workers against 1',
        goal: `ratio ≥ ${ratioMin}`,
        measured: `${rate('two')} against ${rate('one')} a second`,
        ratio: ratio.shown,
        met: ratio.value >= ratioMin,
      },
    ],
    notes: [
      `One node with \`ROLE=api\` and workers with ${slots} slots each on one database, ${clients} clients, a simulated model that waits ${modelMs} ms: one worker can do no more than ${Math.floor((slots * 1000) / modelMs)} turns a second.`,
    ],
  }
}
