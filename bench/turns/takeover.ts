import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { createLog } from '../../apps/server/src/log.ts'
import { startEmbedded } from '../../apps/server/src/store/embedded/embedded.ts'
import { call } from '../core/client.ts'
import { withConnection } from '../core/database.ts'
import {
  type Options,
  percentile,
  progress,
  type Report,
  runsOf,
  seconds,
} from '../core/figures.ts'
import { agentOnSimulated } from '../core/model.ts'
import {
  databaseUrl,
  type Program,
  type Server,
  startOutlast,
  withDataDir,
} from '../core/servers.ts'

const turns = 100
const elsewhereMaxMs = 3_000
const againMaxMs = 2_000
/** Longer than any run takes: no turn ends by itself. */
const model = 'llmsim-echo-ttft-120000'
/**
 * Enough slots for all turns on one node, and no wait for model calls without a reader at shutdown.
 */
const settings = { WORKER_SLOTS: '128', SHUTDOWN_GRACE_MS: '100' }
/** Age of a node when the other one dies. It judges no node before its own lease is old enough. */
const settledMs = 4_000
const lookMs = 10
const patienceMs = 60_000

/**
 * How long turns pause when their node is killed: until another node, or the restarted one, resumes
 * them.
 */
export async function takeover(options: Options): Promise<Report> {
  const elsewhere: number[] = []
  const again: number[] = []
  for (let run = 1; run <= runsOf(options); run++) {
    elsewhere.push(...(await withDataDir(killOneOfTwo)))
    again.push(...(await withDataDir(killAndStartAgain)))
    progress(`run ${run}: ${shown(elsewhere.slice(-turns))}; again ${shown(again.slice(-turns))}`)
  }
  const row = (what: string, waitsMs: number[], maxMs: number) => ({
    what,
    goal: `all within ${seconds(maxMs)}`,
    measured: shown(waitsMs),
    met: Math.max(...waitsMs) <= maxMs,
  })
  return {
    title: `kill -9 with ${turns} turns in flight`,
    rows: [
      row('from the kill, on another node', elsewhere, elsewhereMaxMs),
      row('from ready, on the same one', again, againMaxMs),
    ],
    notes: [
      `A turn has resumed when its new owner has appended its next event, the intent to call the model again. All turns of ${runsOf(options)} runs.`,
    ],
  }
}

const shown = (waitsMs: number[]) =>
  `p50 ${seconds(percentile(waitsMs, 0.5))}, p99 ${seconds(percentile(waitsMs, 0.99))}, longest ${seconds(Math.max(...waitsMs))}`

/** Two nodes on one database; the one with all the turns is killed. */
async function killOneOfTwo(dataDir: string): Promise<number[]> {
  const log = createLog('warn')
  const embedded = await startEmbedded({ dataDir, log, onFatal: fail })
  const program = { env: { ...settings, DATA_DIR: dataDir, DATABASE_URL: embedded.url } }
  const nodes: Server[] = []
  try {
    nodes.push(await startOutlast(program))
    return await withConnection(embedded.url, async (client) => {
      const before = await fillWithTurns(nodes[0]!, client)
      nodes.push(await startOutlast(program))
      await sleep(settledMs)
      const killedMs = Date.now()
      await nodes[0]!.kill()
      return waitsFor(client, before, killedMs)
    })
  } finally {
    for (const node of nodes) await node.stop()
    await embedded.stop()
  }
}

function fail(error: Error): never {
  throw error
}

/** A server on its own database is killed and started again. */
async function killAndStartAgain(dataDir: string): Promise<number[]> {
  const program: Program = { env: { ...settings, DATA_DIR: dataDir } }
  const first = await startOutlast(program)
  const before = await withConnection(databaseUrl(dataDir), (client) =>
    fillWithTurns(first, client),
  ).finally(first.kill)
  const second = await startOutlast(program)
  const readyMs = Date.now()
  try {
    return await withConnection(databaseUrl(dataDir), (client) => waitsFor(client, before, readyMs))
  } finally {
    await second.stop()
  }
}

/** Sequences of sessions by their id. */
type Sequences = Map<string, number>

/** Begins turns, and waits until all of them wait for the model. */
async function fillWithTurns({ url }: Server, client: pg.Client): Promise<Sequences> {
  const agentId = await agentOnSimulated(url, model)
  const message = { content: [{ type: 'text', text: 'Hello' }] }
  for (let n = 0; n < turns; n++) {
    const session = { agent_id: agentId }
    const { id } = await call<{ id: string }>(url, 'POST', '/v1/sessions', session)
    await call(url, 'POST', `/v1/sessions/${id}/messages`, { message })
  }
  const deadline = Date.now() + patienceMs
  while (Date.now() < deadline) {
    const { rows } = await client.query<{ session_id: string; sequence: number }>(
      "select session_id, sequence from events where type = 'output.message.started'",
    )
    if (rows.length === turns) {
      return new Map(rows.map(({ session_id, sequence }) => [session_id, sequence]))
    }
    await sleep(lookMs)
  }
  throw new Error('Turns did not begin.')
}

/** Returns the ms from a moment until each session got its next event. */
async function waitsFor(client: pg.Client, before: Sequences, sinceMs: number): Promise<number[]> {
  const waitsMs = new Map<string, number>()
  while (waitsMs.size < before.size) {
    const { rows } = await client.query<{ id: string; sequence: number }>(
      'select id, sequence from sessions',
    )
    const now = Date.now()
    for (const { id, sequence } of rows) {
      if (sequence > before.get(id)! && !waitsMs.has(id)) waitsMs.set(id, now - sinceMs)
    }
    if (now - sinceMs > patienceMs) {
      throw new Error(`${before.size - waitsMs.size} of ${turns} turns did not resume.`)
    }
    await sleep(lookMs)
  }
  return [...waitsMs.values()]
}
