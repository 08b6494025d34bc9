import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { startChild } from '../core/children.ts'
import { call } from '../core/client.ts'
import { ms, type Options, percentile, profiled, progress, type Report } from '../core/figures.ts'
import { createInspector, type Inspector } from '../core/inspect.ts'
import { agentOn, type Model, startModel } from '../core/model.ts'
import { residentMb, type Server, startOutlast, withDataDir } from '../core/servers.ts'
import type { Answer, Order } from './stream-clients.ts'

const p99MaxMs = 250
const perConnectionMaxKb = 40
const wordPauseMs = 50
const settleMs = 2_000
/** Files that a server or client process needs besides its connections. */
const filesBesides = 500

type Size = { clients: number; streaming: number; words: number }
const full: Size = { clients: 5_000, streaming: 200, words: 400 }
const small: Size = { clients: 500, streaming: 20, words: 60 }

/** Many clients on one node, few with events: their delay, and the cost of all. */
export function streams(options: Options): Promise<Report> {
  const size = options.quick ? small : full
  requireFiles(size.clients + filesBesides)
  return withDataDir(async (dataDir) => {
    const inspector = await createInspector()
    const model = await startModel(speaker(size.words))
    const server = await startOutlast({
      // As many concurrent turns as there are streaming sessions; all other settings are defaults.
      env: { DATA_DIR: dataDir, WORKER_SLOTS: String(size.streaming) },
      nodeArgs: [...inspector.nodeArgs, ...profiled(options)],
    })
    const clients = startChild('streams/stream-clients.ts')
    try {
      return await measure({ server, model, clients, inspector }, size)
    } finally {
      clients.kill()
      await server.stop()
      await model.close()
    }
  })
}

function requireFiles(count: number) {
  const limits = readFileSync('/proc/self/limits', 'utf8')
  const [, most] = /Max open files\s+\d+\s+(\d+)/.exec(limits) ?? []
  if (Number(most) < count) {
    throw new Error(
      `A process may open ${most} files here; this needs ${count}: ulimit -n ${count}`,
    )
  }
}

/** Sends a word with its time every 50 ms. */
const speaker =
  (words: number) =>
  async (say: (text: string) => void): Promise<void> => {
    for (let n = 0; n < words; n++) {
      say(`@${Date.now()} `)
      await sleep(wordPauseMs)
    }
  }

type Bench = { server: Server; model: Model; clients: ChildProcess; inspector: Inspector }
type Memory = { heapMb: number; residentMb: number }

async function measure(bench: Bench, size: Size): Promise<Report> {
  const { server, clients } = bench
  const agentId = await agentOn(server.url, bench.model)
  const sessionIds = await createSessions(server.url, agentId, size.streaming + size.clients)
  // Memory that the first requests and turns take once is not a cost of connections.
  const early = sessionIds.splice(0, size.streaming)
  await order(clients, { follow: follow(server, early.slice(0, 1)) })
  await converse(server, early)
  await order(clients, { report: true })
  const before = await memoryOf(bench)
  await order(clients, { follow: follow(server, sessionIds) })
  const connected = await memoryOf(bench)
  await converse(server, sessionIds.slice(0, size.streaming))
  const heard = (await order(clients, { report: true })) as Extract<Answer, { broken: number }>
  const after = await memoryOf(bench)
  return report(size, { heard, before, connected, after })
}

/** Runs one turn in each session, all at once. */
async function converse({ url }: Server, sessionIds: string[]) {
  await Promise.all(sessionIds.map((id) => post(url, id)))
  await untilIdle(url, sessionIds)
}

async function order(clients: ChildProcess, what: Order): Promise<Answer> {
  const answered = once(clients, 'message') as Promise<[Answer]>
  clients.send(what)
  return (await answered)[0]
}

const follow = (server: Server, sessionIds: string[]) => ({
  port: Number(new URL(server.url).port),
  paths: sessionIds.map((id) => `/v1/sessions/${id}/sse?accumulated=false`),
})

async function createSessions(url: string, agentId: string, count: number): Promise<string[]> {
  const ids: string[] = []
  const create = async () => {
    while (ids.length < count) {
      const at = ids.push('') - 1
      ids[at] = (await call<{ id: string }>(url, 'POST', '/v1/sessions', { agent_id: agentId })).id
    }
  }
  await Promise.all(Array.from({ length: 8 }, create))
  progress(`${count} sessions`)
  return ids
}

const post = (url: string, id: string) =>
  call(url, 'POST', `/v1/sessions/${id}/messages`, {
    message: { content: [{ type: 'text', text: 'Go on.' }] },
  })

async function untilIdle(url: string, sessionIds: string[]) {
  for (const id of sessionIds) {
    for (;;) {
      const { status } = await call<{ status: string }>(url, 'GET', `/v1/sessions/${id}`)
      if (status === 'idle') break
      await sleep(settleMs / 4)
    }
  }
}

async function memoryOf({ server, inspector }: Bench): Promise<Memory> {
  await sleep(settleMs)
  const heapMb = await inspector.heapMb()
  await sleep(settleMs)
  const memory = { heapMb, residentMb: residentMb(server.pid) }
  progress(`heap ${memory.heapMb.toFixed(1)} MB, resident ${memory.residentMb.toFixed(1)} MB`)
  return memory
}

type Measured = {
  heard: { behindMs: number[]; broken: number }
  before: Memory
  connected: Memory
  after: Memory
}

function report(size: Size, { heard, before, connected, after }: Measured): Report {
  const { behindMs, broken } = heard
  const said = size.streaming * size.words
  if (broken > 0) throw new Error(`${broken} streams ended.`)
  if (behindMs.length !== said)
    throw new Error(`${behindMs.length} of ${said} words were received.`)
  const p99 = percentile(behindMs, 0.99)
  const each = (key: keyof Memory, then: Memory) =>
    ((then[key] - before[key]) * 1024) / size.clients
  const row = (what: string, key: keyof Memory, then: Memory) => ({
    what,
    goal: `≤ ${perConnectionMaxKb} KB`,
    measured: `${each(key, then).toFixed(1)} KB`,
    met: each(key, then) <= perConnectionMaxKb,
  })
  return {
    title: `${size.clients.toLocaleString('en')} followers on one node, ${size.streaming} of them of sessions that stream`,
    rows: [
      { what: 'p50 behind the model', goal: '', measured: ms(percentile(behindMs, 0.5)) },
      {
        what: 'p99 behind the model',
        goal: `≤ ${p99MaxMs} ms`,
        measured: ms(p99),
        met: p99 <= p99MaxMs,
      },
      { what: 'longest', goal: '', measured: ms(percentile(behindMs, 1)) },
      row('resident memory of a connection', 'residentMb', connected),
      row('heap of a connection, garbage collected', 'heapMb', connected),
      row('resident memory of a connection, after streaming', 'residentMb', after),
      row('heap of a connection, after streaming', 'heapMb', after),
    ],
    notes: [
      `The model is a server of its own that sends ${1000 / wordPauseMs} words a second in each session, each with its time; ${said.toLocaleString('en')} words were received. Deltas are sent at most every 50 ms, which is part of the delay. Model and clients are other processes on the same cores.`,
    ],
  }
}
