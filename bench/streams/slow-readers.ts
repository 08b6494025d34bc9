import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { startChild } from '../core/children.ts'
import { call, createAgent, openClient } from '../core/client.ts'
import { queryRows } from '../core/database.ts'
import {
  mb,
  median,
  ms,
  type Options,
  percentile,
  progress,
  type Report,
  type Row,
} from '../core/figures.ts'
import { createInspector, type Inspector } from '../core/inspect.ts'
import { databaseUrl, residentMb, type Server, startOutlast, withDataDir } from '../core/servers.ts'
import type { ReaderOrder, ReaderReport } from './slow-reader-clients.ts'

const eventsCount = 2_000
const eventBytes = 10_000
const idleClients = 300
const readingClients = 200
const idleMaxMb = 20
const p99RatioMax = 2
const firstTurnRatioMax = 3
const postPauseMs = 20
const settleMs = 5_000

/**
 * Cost of clients of a long session: idle readers in memory, others in the time of requests and of
 * new streams.
 */
export function slowReaders({ quick }: Options): Promise<Report> {
  const postMs = quick ? 5_000 : 20_000
  return withDataDir(async (dataDir) => {
    const inspector = await createInspector()
    const server = await startOutlast({
      env: { DATA_DIR: dataDir },
      nodeArgs: inspector.nodeArgs,
    })
    try {
      const agentId = await createAgent(server.url)
      const [long, other] = await Promise.all([
        createSession(server, agentId),
        createSession(server, agentId),
      ])
      await lengthen(databaseUrl(dataDir), long)
      await posts(server, other, postMs)
      const quiet = await posts(server, other, postMs)
      const reading = await withClients(
        { server, sessionId: long, count: readingClients, reads: true },
        () => posts(server, other, postMs),
      )
      const quietFirst = await firstTurns(server, agentId, postMs)
      const readingFirst = await withClients(
        { server, sessionId: long, count: readingClients, reads: true },
        () => firstTurns(server, agentId, postMs),
      )
      const before = await settledMemory(server, inspector)
      const idle = await withClients(
        { server, sessionId: long, count: idleClients, reads: false },
        () => settledMemory(server, inspector),
      )
      return report({
        quiet,
        reading: reading.result,
        bytes: reading.bytes,
        quietFirst,
        readingFirst: readingFirst.result,
        heldMb: idle.result.heldMb - before.heldMb,
        residentMb: idle.result.residentMb - before.residentMb,
      })
    } finally {
      await server.stop()
    }
  })
}

const createSession = async ({ url }: Server, agent_id: string) =>
  (await call<{ id: string }>(url, 'POST', '/v1/sessions', { agent_id })).id

/** Stores 20 MB of events as turns would. */
async function lengthen(url: string, sessionId: string) {
  await queryRows(
    url,
    `with s as (
       update sessions set sequence = sequence + $2 where id = $1 returning id, sequence - $2 as sequence
     )
     insert into events (session_id, sequence, type, ts, context, data)
     select s.id, s.sequence + n, 'tool.completed', now(), '{}',
       json_build_object('tool_call_id', 'call_' || n, 'tool_name', 'read_file', 'success', true,
         'result', (select string_agg(md5((n * 1000 + k)::text), '') from generate_series(1, $3) k))
     from s, generate_series(1, $2::int) n`,
    [sessionId, eventsCount, Math.ceil(eventBytes / 32)],
  )
  progress(`a session of ${((eventsCount * eventBytes) / 1e6).toFixed(0)} MB`)
}

/** Posts a message every 20 ms; returns the ms until each was accepted. */
async function posts({ url }: Server, sessionId: string, forMs: number): Promise<number[]> {
  const took: number[] = []
  const end = performance.now() + forMs
  while (performance.now() < end) {
    const begun = performance.now()
    await call(url, 'POST', `/v1/sessions/${sessionId}/messages`, {
      message: { content: [{ type: 'text', text: 'Hello' }] },
    })
    took.push(performance.now() - begun)
    await sleep(postPauseMs)
  }
  return took
}

/** Creates sessions; returns the ms of the first turn of each, on a stream opened before it. */
async function firstTurns({ url }: Server, agentId: string, forMs: number): Promise<number[]> {
  const took: number[] = []
  const end = performance.now() + forMs
  while (performance.now() < end) {
    const client = await openClient(url, agentId)
    took.push(await client.turn('Hello'))
    client.close()
  }
  return took
}

type Clients = { server: Server; sessionId: string; count: number; reads: boolean }

/**
 * Runs `work` while clients in another process are connected; returns the amount that they read,
 * too.
 */
async function withClients<T>({ server, ...clients }: Clients, work: () => Promise<T>) {
  const child = startChild('streams/slow-reader-clients.ts')
  try {
    const order: ReaderOrder = {
      port: Number(new URL(server.url).port),
      path: `/v1/sessions/${clients.sessionId}/sse`,
      ...clients,
    }
    child.send(order)
    await once(child, 'message')
    const result = await work()
    child.send('report')
    const [{ bytes }] = (await once(child, 'message')) as [ReaderReport]
    return { result, bytes }
  } finally {
    child.kill()
  }
}

/** Memory after a garbage collection: `heldMb` is the heap and external buffers. */
async function settledMemory(server: Server, inspector: Inspector) {
  await sleep(settleMs)
  const memory = { heldMb: await inspector.heapMb(), residentMb: residentMb(server.pid) }
  progress(`resident ${mb(memory.residentMb)}, held ${mb(memory.heldMb)}`)
  return memory
}

type Measured = {
  quiet: number[]
  reading: number[]
  bytes: number
  quietFirst: number[]
  readingFirst: number[]
  heldMb: number
  residentMb: number
}

function report({ quiet, reading, bytes, quietFirst, readingFirst, ...idle }: Measured): Report {
  const [before, during] = [percentile(quiet, 0.99), percentile(reading, 0.99)]
  return {
    title: 'Slow and many readers of a 20 MB session',
    rows: [
      {
        what: `resident memory of ${idleClients} connections that read nothing`,
        goal: `at most ${idleMaxMb} MB`,
        measured: `${idle.residentMb.toFixed(1)} MB; on the heap and in buffers ${idle.heldMb.toFixed(1)} MB`,
        met: idle.residentMb <= idleMaxMb,
      },
      { what: 'p99 of POST without readers', goal: '', measured: ms(before) },
      {
        what: `p99 of POST while ${readingClients} clients read the session`,
        goal: `at most ${p99RatioMax} times`,
        measured: ms(during),
        ratio: (during / before).toFixed(2),
        met: during / before <= p99RatioMax,
      },
      {
        what: 'the same, p50',
        goal: '',
        measured: `${ms(percentile(reading, 0.5))}; without readers ${ms(percentile(quiet, 0.5))}`,
      },
      firstTurnRow(quietFirst, readingFirst),
      { what: 'read by them meanwhile', goal: '', measured: `${(bytes / 1e6).toFixed(0)} MB` },
    ],
    notes: [
      'Clients run in a process of their own on the same cores. Memory is measured after a garbage collection.',
    ],
  }
}

function firstTurnRow(quiet: number[], reading: number[]): Row {
  const [before, during] = [median(quiet), median(reading)]
  return {
    what: 'first turn of a new session meanwhile, until its stream has it, p50',
    goal: `at most ${firstTurnRatioMax} times`,
    measured: `${ms(during)}, p99 ${ms(percentile(reading, 0.99))}; without readers ${ms(before)}`,
    ratio: (during / before).toFixed(2),
    met: during / before <= firstTurnRatioMax,
  }
}
