import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAgent, openClient } from '../core/client.ts'
import { type Crowd, measureCrowd, type Result, shown } from '../core/crowd.ts'
import {
  mb,
  median,
  ms,
  type Options,
  profiled,
  progress,
  type Report,
  type Row,
  ratios,
} from '../core/figures.ts'
import { busyMs, residentMb, type Server, startOutlast, withDataDir } from '../core/servers.ts'

const costMax = 1.1
/** Short measurements, and many, so that other load on the machine affects both servers. */
const forMs = 1_500
const crowds = [1, 8]

type Measured = Result & {
  /** Processor time of the server's process for one turn, in ms. */
  busyMs: number
}

/** Cost of traces: the same text turn on a server that sends them and on one that does not. */
export async function tracing(options: Options): Promise<Report> {
  const receiver = await startReceiver()
  try {
    return await withDataDir((plainDir) =>
      withDataDir(async (tracedDir) => {
        const plain = await startOutlast({ env: { DATA_DIR: plainDir } })
        const traced = await startOutlast({
          env: { DATA_DIR: tracedDir, OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url },
          nodeArgs: profiled(options),
        })
        try {
          return await compare({ plain, traced, receiver }, options)
        } finally {
          await traced.stop()
          await plain.stop()
        }
      }),
    )
  } finally {
    receiver.stop()
  }
}

/** Starts a receiver that reads at full speed and counts bytes. */
async function startReceiver() {
  let bytes = 0
  const server = createServer((request, response) => {
    request.on('data', (piece: Buffer) => {
      bytes += piece.length
    })
    request.on('end', () => response.writeHead(200).end())
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    bytes: () => bytes,
    stop() {
      server.closeAllConnections()
      server.close()
    },
  }
}

type Servers = {
  plain: Server
  traced: Server
  receiver: { bytes: () => number }
}

async function compare({ plain, traced, receiver }: Servers, options: Options): Promise<Report> {
  const targets = {
    plain: { server: plain, agentId: await createAgent(plain.url) },
    traced: { server: traced, agentId: await createAgent(traced.url) },
  }
  const started = { plain: residentMb(plain.pid), traced: residentMb(traced.pid) }
  const pairs = options.quick ? 4 : 15
  for (const target of Object.values(targets)) {
    await measure(target, { clients: 8, forMs: 4 * forMs })
  }
  const rows: Row[] = []
  for (const clients of crowds) {
    const results: { plain: Measured; traced: Measured }[] = []
    for (let run = 1; run <= pairs; run++) {
      // Alternates, because the second server finds the machine in the state that the first left.
      const order = run % 2 ? (['plain', 'traced'] as const) : (['traced', 'plain'] as const)
      const pair = {} as Record<'plain' | 'traced', Measured>
      for (const who of order) pair[who] = await measure(targets[who], { clients, forMs })
      results.push(pair)
      progress(
        `${clients} clients, run ${run}: ${shown(pair.traced)}, ${ms(pair.traced.busyMs)} busy; without ${shown(pair.plain)}, ${ms(pair.plain.busyMs)} busy`,
      )
    }
    rows.push(...rowsFor(clients, results))
  }
  rows.push({
    what: 'memory of a server that has just started',
    goal: '',
    measured: `${mb(started.traced)} against ${mb(started.plain)}`,
  })
  const sent = (receiver.bytes() / 1_048_576).toFixed(1)
  const notes = [
    `The receiver got ${sent} MB. Busy is the total processor time of the server's process.`,
  ]
  return { title: 'Cost of traces for a text turn', rows, notes }
}

async function measure(
  { server, agentId }: { server: Server; agentId: string },
  crowd: Crowd,
): Promise<Measured> {
  const before = busyMs(server.pid)
  const begun = performance.now()
  const result = await measureCrowd(() => openClient(server.url, agentId), crowd)
  const turns = (result.perSecond * (performance.now() - begun)) / 1_000
  return { ...result, busyMs: (busyMs(server.pid) - before) / turns }
}

function rowsFor(clients: number, results: { plain: Measured; traced: Measured }[]): Row[] {
  const who = clients === 1 ? 'alone' : `${clients} clients`
  const of = (key: keyof Measured) => {
    const [traced, plain] = [
      results.map((pair) => pair.traced[key]),
      results.map((pair) => pair.plain[key]),
    ]
    return { traced: median(traced), plain: median(plain), ...ratios(traced, plain) }
  }
  const row = (what: string, key: keyof Measured): Row => {
    const { traced, plain, value, shown: ratio } = of(key)
    return {
      what: `${what}, ${who}`,
      goal: `≤ ${costMax} times that without`,
      measured: `${ms(traced)} against ${ms(plain)}`,
      ratio,
      met: value <= costMax,
    }
  }
  const rate = of('perSecond')
  return [
    row('p50', 'p50'),
    row('busy for a turn', 'busyMs'),
    {
      what: `turns, ${who}`,
      goal: '',
      measured: `${rate.traced.toFixed(0)} against ${rate.plain.toFixed(0)} a second`,
      ratio: rate.shown,
    },
  ]
}
