import type { ChildProcess } from 'node:child_process'
import { ask, startChild } from '../core/children.ts'
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
import { agentOn, startModel } from '../core/model.ts'
import type { VendorAnswer, VendorOrder } from '../core/pacing-vendor.ts'
import { startOutlast, withDataDir } from '../core/servers.ts'
import type { FoldAnswer, FoldOrder, Wire } from './fold-clients.ts'

const streams = 200
const wordsPerSecond = 50
const costMax = 1.1
const firstMsMax = 5
const names: Record<Exclude<Wire, 'plain'>, string> = {
  'ai-sdk': 'AI SDK UI',
  'ag-ui': 'AG-UI',
  openai: 'OpenAI Responses',
}
const wires = Object.keys(names) as Exclude<Wire, 'plain'>[]

/** Cost of the wires of other clients, which fold the log, over the plain stream of events. */
export function folds(options: Options): Promise<Report> {
  return withDataDir(async (dataDir) => {
    const server = await startOutlast({
      env: { DATA_DIR: dataDir, WORKER_SLOTS: '300' },
      nodeArgs: profiled(options),
    })
    const [vendor, clients] = [
      startChild('core/pacing-vendor.ts'),
      startChild('streams/fold-clients.ts'),
    ]
    try {
      return await measure({ ...server, vendor, clients }, options)
    } finally {
      for (const one of [vendor, clients]) one.kill()
      await server.stop()
    }
  })
}

type Bench = { url: string; pid: number; vendor: ChildProcess; clients: ChildProcess }
/** `busyUs`: processor time of the server per word. `firstMs`: medians. */
type Run = { busyUs: number; firstMs: number }

async function measure(bench: Bench, options: Options): Promise<Report> {
  const speaking = await speakers(bench, options.quick ? 150 : 500)
  const model = await startModel((say) => say('Good morning.'))
  const prompt = await agentOn(bench.url, model)
  const clients = options.quick ? 50 : streams
  const rounds = options.quick ? 10 : 60
  const all: Wire[] = ['plain', ...wires]
  const runs: Record<Wire, Run>[] = []
  for (let run = 0; run <= runsOf(options); run++) {
    const measured = {} as Record<Wire, Run>
    // In alternating order, so that a drift over time does not favor a wire.
    for (const wire of run % 2 === 0 ? all : all.toReversed()) {
      const busyUs = await busyOf(bench, wire, { agentId: speaking, clients })
      const order = { wire, agentId: prompt, clients: 1, rounds }
      const { firstMs } = await chat(bench, order)
      measured[wire] = { busyUs, firstMs: median(firstMs) }
    }
    // The first run warms up.
    if (run > 0) runs.push(measured)
    const shown = all.map((wire) => {
      const { busyUs, firstMs } = measured[wire]
      return `${wire} ${busyUs.toFixed(0)} µs a word, first after ${ms(firstMs)}`
    })
    progress(shown.join('; '))
  }
  await model.close()
  return {
    title: `Wires of other clients against the plain stream, ${clients} streams of ${wordsPerSecond} words a second`,
    rows: wires.flatMap((wire) => rowsOf(wire, runs)),
    notes: [
      'Processor time of the server from the first word to the end of all streams, with its calls of the model and its log. The first text is measured from the request of a message in an existing session, with a model that answers at once. The plain client has its stream open, and sends an Idempotency-Key as the SDK does.',
    ],
  }
}

/** Adds a model that sends so many words, and returns an agent with it. */
async function speakers({ url, vendor }: Bench, words: number): Promise<string> {
  const pace = { pauseMs: 1000 / wordsPerSecond, words }
  const { baseUrls } = await ask<VendorOrder, { baseUrls: { it: string } }>(vendor, {
    listen: { it: pace },
  })
  return agentOn(url, { baseUrl: baseUrls.it })
}

/** Returns the processor time of the server for a word, in µs. */
async function busyOf(
  bench: Bench,
  wire: Wire,
  order: Pick<FoldOrder, 'agentId' | 'clients'>,
): Promise<number> {
  const { vendor } = bench
  await ask<VendorOrder, VendorAnswer>(vendor, { expect: order.clients })
  const { heard, busyMs } = await chat(bench, { ...order, wire, rounds: 1 })
  const { said } = await ask<VendorOrder, Extract<VendorAnswer, { said: unknown }>>(vendor, {
    report: true,
  })
  const hashes = new Set(heard.map(({ hash }) => hash))
  if (said.some(({ hash }) => !hashes.has(hash))) {
    throw new Error(`A text received by ${wire} differs from the sent one.`)
  }
  return (busyMs * 1000) / heard.reduce((sum, { said }) => sum + said.length, 0)
}

const chat = ({ url, pid, clients }: Bench, order: Omit<FoldOrder, 'url' | 'pid'>) =>
  ask<FoldOrder, FoldAnswer>(clients, { url, pid, ...order })

function rowsOf(wire: Exclude<Wire, 'plain'>, runs: Record<Wire, Run>[]): Row[] {
  const of = (which: Wire, what: keyof Run) => runs.map((run) => run[which][what])
  const busy = ratios(of(wire, 'busyUs'), of('plain', 'busyUs'))
  const later = median(runs.map((run) => run[wire].firstMs - run.plain.firstMs))
  const shown = (what: keyof Run, unit: string) =>
    `${median(of(wire, what)).toFixed(1)} against ${median(of('plain', what)).toFixed(1)} ${unit}`
  return [
    {
      what: `${names[wire]}: processor time of a word`,
      goal: `≤ ${costMax}`,
      measured: shown('busyUs', 'µs'),
      ratio: busy.shown,
      met: busy.value <= costMax,
    },
    {
      what: `${names[wire]}: first text after a message, p50, one client`,
      goal: `≤ ${firstMsMax} ms more`,
      measured: `${shown('firstMs', 'ms')}, ${ms(later)} more`,
      met: later <= firstMsMax,
    },
  ]
}
