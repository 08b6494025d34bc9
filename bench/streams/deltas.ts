import type { ChildProcess } from 'node:child_process'
import { livePauseMs } from '../../apps/server/src/store/bus/live-message.ts'
import { ask, startChild } from '../core/children.ts'
import { call } from '../core/client.ts'
import {
  median,
  ms,
  type Options,
  percentile,
  profiled,
  progress,
  type Report,
  type Row,
  ratios,
  runsOf,
} from '../core/figures.ts'
import { agentOn } from '../core/model.ts'
import type { Said, VendorAnswer, VendorOrder } from '../core/pacing-vendor.ts'
import { busyMs, type Server, startOutlast, withDataDir } from '../core/servers.ts'
import { type Heard, windowWaits } from '../core/spoken.ts'
import type { ReaderAnswer, ReaderOrder } from './bare-reader.ts'
import type { ClientsAnswer, ClientsOrder } from './delta-clients.ts'

/** The delay that the server may add to that of the bare AI SDK, beyond the window of a delta. */
const addedMaxMs = { p50: 5, p99: 25 }
const wordsPerSecond = 50
const crowds = [1, 50, 500]

/**
 * Delay of a word from a vendor's byte to our delta on SSE, and to the bare AI SDK.
 *
 * Most streams send 50 words a second, most of which wait for the delta that carries them. For
 * every twenty of them, one stream sends 10 a second: its words are further apart than deltas, and
 * none waits.
 */
export function deltas(options: Options): Promise<Report> {
  return withDataDir(async (dataDir) => {
    const server = await startOutlast({
      // As many concurrent turns as there are streams; all other settings are defaults.
      env: { DATA_DIR: dataDir, WORKER_SLOTS: '600' },
      nodeArgs: profiled(options),
    })
    const children = [
      startChild('core/pacing-vendor.ts'),
      startChild('streams/delta-clients.ts'),
      startChild('streams/bare-reader.ts'),
    ]
    const [vendor, clients, reader] = children as [ChildProcess, ChildProcess, ChildProcess]
    try {
      return await measure({ server, vendor, clients, reader }, options)
    } finally {
      for (const one of children) one.kill()
      await server.stop()
    }
  })
}

type Bench = { server: Server; vendor: ChildProcess; clients: ChildProcess; reader: ChildProcess }
type Crowd = { fast: number; slow: number }
/**
 * The words that one side received from one crowd. `busyUs`: processor time of the reader per word.
 */
type Run = { fast: Heard[]; slow: Heard[]; vendorLateMs: number; busyUs: number }
type Pair = { ours: Run; bare: Run }

async function measure(bench: Bench, options: Options): Promise<Report> {
  const forSeconds = options.quick ? 5 : 20
  const { baseUrls } = await ask<VendorOrder, { baseUrls: Record<keyof Crowd, string> }>(
    bench.vendor,
    {
      listen: {
        fast: { pauseMs: 1000 / wordsPerSecond, words: forSeconds * wordsPerSecond },
        slow: { pauseMs: 100, words: forSeconds * 10 },
      },
    },
  )
  const agents = {
    fast: await agentOn(bench.server.url, { baseUrl: baseUrls.fast }),
    slow: await agentOn(bench.server.url, { baseUrl: baseUrls.slow }),
  }
  const rows: Row[] = []
  for (const fast of crowds) {
    const crowd = { fast, slow: Math.ceil(fast / 20) }
    const pairs: Pair[] = []
    for (let run = 1; run <= Math.min(3, runsOf(options)); run++) {
      pairs.push({
        ours: await askOurs(bench, crowd, agents),
        bare: await askBare(bench, crowd, baseUrls),
      })
      progress(`${fast} streams, run ${run}: ${shown(pairs.at(-1)!)}`)
    }
    rows.push(...rowsFor(fast, pairs))
  }
  return { title: 'From a vendor’s byte to our delta', rows, notes }
}

const notes = [
  'Each word contains the time at which the vendor sent it, by the clock that all processes of a machine share. Vendor, clients and the bare AI SDK are processes of their own on the same cores. The bare AI SDK reads such streams as our server does, without followers. For every 20 streams of 50 words a second there is one of 10, whose words wait for no delta. The window is the time that the words of a stream would wait if all other work took no time. Every reply was compared with the sent text.',
]

const each = <T>({ fast, slow }: Crowd, { fast: f, slow: s }: Record<keyof Crowd, T>): T[] => [
  ...Array<T>(fast).fill(f),
  ...Array<T>(slow).fill(s),
]

async function askOurs(
  { server, vendor, clients }: Bench,
  crowd: Crowd,
  agents: Record<keyof Crowd, string>,
): Promise<Run> {
  const ids: string[] = []
  for (const agent_id of each(crowd, agents)) {
    ids.push((await call<{ id: string }>(server.url, 'POST', '/v1/sessions', { agent_id })).id)
  }
  const follow = {
    port: Number(new URL(server.url).port),
    paths: ids.map((id) => `/v1/sessions/${id}/sse?accumulated=false`),
  }
  await ask<ClientsOrder, ClientsAnswer>(clients, { follow })
  await ask<VendorOrder, VendorAnswer>(vendor, { expect: ids.length })
  const before = busyMs(server.pid)
  const message = { content: [{ type: 'text', text: 'Go on.' }] }
  await Promise.all(
    ids.map((id) => call(server.url, 'POST', `/v1/sessions/${id}/messages`, { message })),
  )
  const { heard, differing } = await ask<
    ClientsOrder,
    Extract<ClientsAnswer, { differing: number }>
  >(clients, { report: true })
  if (differing > 0) throw new Error(`${differing} replies differ from the sent text.`)
  return runOf(vendor, heard, busyMs(server.pid) - before)
}

async function askBare(
  { vendor, reader }: Bench,
  crowd: Crowd,
  baseUrls: Record<keyof Crowd, string>,
): Promise<Run> {
  const read = each(crowd, baseUrls)
  await ask<VendorOrder, VendorAnswer>(vendor, { expect: read.length })
  const before = busyMs(reader.pid!)
  const { heard } = await ask<ReaderOrder, ReaderAnswer>(reader, { read })
  return runOf(vendor, heard, busyMs(reader.pid!) - before)
}

/** Contract: throws when a received text differs from the sent one. */
async function runOf(vendor: ChildProcess, heard: Heard[], busyMs: number): Promise<Run> {
  const { said, lateMs } = await ask<VendorOrder, { said: Said[]; lateMs: number[] }>(vendor, {
    report: true,
  })
  const byHash = new Map(heard.map((one) => [one.hash, one]))
  const of = (pace: string) =>
    said
      .filter((one) => one.pace === pace)
      .map(({ hash }) => {
        const found = byHash.get(hash)
        if (!found) throw new Error('A received text differs from the sent one.')
        return found
      })
  return {
    fast: of('fast'),
    slow: of('slow'),
    vendorLateMs: percentile(lateMs, 0.99),
    busyUs: (busyMs * 1000) / lateMs.length,
  }
}

const latencies = ({ said, heard }: Heard) =>
  Array.from(heard, (at, index) => (at - said[index]!) / 1000)

const all = (texts: Heard[]) => texts.flatMap(latencies)
const waits = (texts: Heard[]) => texts.flatMap(({ said }) => windowWaits(said, livePauseMs))

/** Returns the delays of words that were sent in one quarter of a run. */
function quarter(texts: Heard[], which: 0 | 3): number[] {
  const begun = Math.min(...texts.map(({ said }) => said[0]!))
  const ended = Math.max(...texts.map(({ said }) => said.at(-1)!))
  const from = begun + (which * (ended - begun)) / 4
  const to = from + (ended - begun) / 4
  return texts.flatMap((text) =>
    latencies(text).filter((_, index) => text.said[index]! >= from && text.said[index]! <= to),
  )
}

/** Words per second, while all streams send some. */
function rateOf(texts: Heard[], clock: 'said' | 'heard'): number {
  const from = Math.max(...texts.map((text) => text[clock][0]!))
  const to = Math.min(...texts.map((text) => text[clock].at(-1)!))
  const between = texts.flatMap((text) => [...text[clock]]).filter((at) => at >= from && at < to)
  return between.length / ((to - from) / 1_000_000)
}

const shares = { p50: 0.5, p99: 0.99 }
type Share = keyof typeof shares

const both = (values: number[]) =>
  `p50 ${ms(percentile(values, 0.5))}, p99 ${ms(percentile(values, 0.99))}`

function shown({ ours, bare }: Pair): string {
  return [
    `at once ${both(all(ours.slow))}; bare ${both(all(bare.slow))}`,
    `every word ${both(all(ours.fast))}; window ${both(waits(ours.fast))}; bare ${both(all(bare.fast))}`,
    `first quarter ${both(quarter(ours.fast, 0))}, last ${both(quarter(ours.fast, 3))}`,
    `${rateOf(ours.fast, 'said').toFixed(0)} sent per second, ${rateOf(ours.fast, 'heard').toFixed(0)} received`,
    `${ours.busyUs.toFixed(0)} µs of a processor a word, bare ${bare.busyUs.toFixed(0)} µs`,
    `vendor late by ${ms(ours.vendorLateMs)}, for bare ${ms(bare.vendorLateMs)}`,
  ].join('\n    ')
}

function rowsFor(fast: number, pairs: Pair[]): Row[] {
  const streams = fast === 1 ? '1 stream' : `${fast} streams`
  const named = (row: Row) => ({ ...row, what: `${streams}, ${row.what}` })
  return [
    latencyRow(pairs, 'slow', 'p50'),
    latencyRow(pairs, 'slow', 'p99'),
    latencyRow(pairs, 'fast', 'p50'),
    latencyRow(pairs, 'fast', 'p99'),
    ...paceRows(pairs),
  ].map(named)
}

function latencyRow(pairs: Pair[], which: keyof Crowd, share: Share): Row {
  const at = (values: number[]) => percentile(values, shares[share])
  const window = ({ ours }: Pair) => (which === 'fast' ? at(waits(ours.fast)) : 0)
  const ours = pairs.map((pair) => at(all(pair.ours[which])) - window(pair))
  const bare = pairs.map((pair) => at(all(pair.bare[which])))
  const added = median(ours.map((value, run) => value - bare[run]!))
  const what = which === 'slow' ? 'words that wait for none' : 'all words, less the window'
  return {
    what: `${what}, ${share}`,
    goal: `≤ ${addedMaxMs[share]} ms more than bare`,
    measured: `${ms(median(ours))} against ${ms(median(bare))}, ${ms(added)} more`,
    met: added <= addedMaxMs[share],
  }
}

function paceRows(pairs: Pair[]): Row[] {
  const rate = (clock: 'said' | 'heard') =>
    median(pairs.map(({ ours }) => rateOf(ours.fast, clock))).toFixed(0)
  const late = (which: 0 | 3, share: Share) =>
    ms(median(pairs.map(({ ours }) => percentile(quarter(ours.fast, which), shares[share]))))
  const busy = (who: keyof Pair) => pairs.map((pair) => pair[who].busyUs)
  const grown = (share: Share) => `${share} ${late(3, share)} against ${late(0, share)}`
  return [
    {
      what: 'words received, of those sent',
      goal: '',
      measured: `${rate('heard')} of ${rate('said')} per second`,
    },
    {
      what: 'all words with the window, last quarter against first',
      goal: '',
      measured: `${grown('p50')}, ${grown('p99')}`,
    },
    {
      what: 'processor time of a word',
      goal: '',
      measured: `${median(busy('ours')).toFixed(0)} against ${median(busy('bare')).toFixed(0)} µs`,
      ratio: ratios(busy('ours'), busy('bare')).shown,
    },
  ]
}
