import { setMaxListeners } from 'node:events'
import { writeFileSync } from 'node:fs'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { audit, type Minimum, tooLittle, type Violation } from './audit/auditor.ts'
import { type Cluster, openCluster, type Role } from './cluster/cluster.ts'
import { databaseAt, ownDatabase, type RunDatabase } from './cluster/database.ts'
import { makeFaults } from './cluster/faults.ts'
import { databaseWithStandby } from './cluster/standby.ts'
import { type Evidence, newSession } from './evidence.ts'
import { countsOf, takeoversOf } from './figures.ts'
import { readLedger } from './ledger.ts'
import { ampleLimits, openBudgets, readBudgets } from './load/budgets.ts'
import { type Client, createClient, readEvents } from './load/client.ts'
import { type Follower, startFollower } from './load/follower.ts'
import { talk } from './load/load.ts'
import { addPricedModel, startModelServer } from './load/model-server.ts'
import { openSchedules, readSchedules } from './load/schedules.ts'
import { keepPaying, sharedLimits } from './load/shared-budget.ts'
import { watch } from './load/watch.ts'
import { openWebhook, readReceived, startReceiver } from './load/webhooks.ts'
import type { Fault } from './plan.ts'
import { randomOf } from './random.ts'
import type { Outcome } from './report.ts'

export type ChaosOptions = {
  seed: number
  roles: readonly Role[]
  sessions: number
  faults: Iterable<Fault>
  /** No new fault after this time. */
  lastsMs: number
  /** The minimum counts. The load continues for a while after the faults to reach them. */
  minimum: Minimum
  /** True: our own PostgreSQL has a synchronous standby. */
  hasStandby?: boolean
  /** A server to use instead of our own. */
  databaseUrl?: string | undefined
  /** The folder for logs and the ledger. */
  keepIn?: string | undefined
  say: (line: string) => void
  signal: AbortSignal
}

/** Longest time for started work to end after the last fault, and for each check after it. */
const settleMsMax = 120_000
const pauseMs = 200
/** In addition to the sessions with clients. */
const schedulesCount = 2
const followerNames = ['follower a', 'follower b'] as const

const ledgerIn = (folder: string) => path.join(folder, 'ledger.jsonl')

/**
 * Runs nodes under load, injects faults, and audits the outcome.
 * Contract: ends all processes that it started, whether it returns or throws; throws when `signal`
 * aborts it.
 */
export async function runChaos(options: ChaosOptions): Promise<Outcome> {
  const undo: (() => Promise<unknown>)[] = []
  const folder = await mkdtemp(path.join(os.tmpdir(), 'outlast-chaos-'))
  undo.push(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  try {
    const { keepIn } = options
    if (keepIn) undo.push(() => keep(folder, keepIn))
    const database = await openDatabase(options, folder)
    undo.push(database.stop)
    const cluster = await openCluster({ roles: options.roles, databaseUrl: database.url, folder })
    undo.push(cluster.stop)
    await Promise.all(cluster.nodes.map((node) => node.start()))
    return await run({ ...options, cluster, database, folder })
  } finally {
    for (const step of undo.reverse()) await step()
  }
}

function openDatabase({ databaseUrl, hasStandby }: ChaosOptions, folder: string) {
  if (databaseUrl) return databaseAt(databaseUrl)
  return hasStandby ? databaseWithStandby() : ownDatabase(folder)
}

async function keep(folder: string, keepIn: string) {
  const filter = (file: string) => !/\/(database|compile-cache)$/.test(file)
  await cp(folder, keepIn, { recursive: true, filter })
}

type Running = ChaosOptions & { cluster: Cluster; database: RunDatabase; folder: string }

async function run(running: Running): Promise<Outcome> {
  const { seed, cluster, minimum, folder } = running
  const begun = performance.now()
  const nothing = { sessions: [], sharedBudgets: [], schedules: [], effects: [], faults: [] }
  const evidence: Evidence = { ...nothing, mishaps: cluster.mishaps }
  const ended = new AbortController()
  const signal = AbortSignal.any([running.signal, ended.signal])
  setMaxListeners(0, signal)
  try {
    await putUnderLoad({ ...running, signal }, evidence, () => ended.abort())
  } finally {
    ended.abort()
  }
  evidence.effects = readLedger(ledgerIn(folder))
  const counts = countsOf(evidence)
  const violations = audit(evidence)
  keepBroken(folder, evidence, violations)
  return {
    seed,
    seconds: (performance.now() - begun) / 1000,
    counts,
    takeovers: takeoversOf(evidence),
    longestStandstillMs: Math.max(...evidence.sessions.map(({ stalledMs }) => stalledMs)),
    faults: evidence.faults,
    violations,
    missing: tooLittle(counts, minimum),
  }
}

/** Opens sessions with clients and followers, and injects faults meanwhile; `end` ends them. */
async function putUnderLoad(running: Running, evidence: Evidence, end: () => void) {
  const { seed, cluster, signal, say, lastsMs } = running
  const { doors } = cluster
  const { mishaps } = evidence
  const clientFor = (name: string) =>
    createClient({ doors, mishaps, signal, random: randomOf(seed, 'client', name) })
  const client = clientFor('setup')
  const receiver = await startReceiver(randomOf(seed, 'receiver'))
  signal.addEventListener('abort', receiver.close)
  await openWebhook(client, receiver.url)
  const modelServer = await startModelServer()
  signal.addEventListener('abort', modelServer.close)
  const modelId = await addPricedModel(client, modelServer.url)
  await openSessions(client, { count: running.sessions, modelId }, evidence)
  evidence.schedules = await openSchedules(client, schedulesCount)
  const { sessions } = evidence
  const followers = sessions.flatMap((session, index) =>
    followerNames.map((name) => {
      const random = randomOf(seed, name, index)
      return startFollower(name, { doors, random, session, signal })
    }),
  )
  const random = randomOf(seed, 'watch')
  const watching = watch(sessions, { client: clientFor('watch'), cluster, random, signal })
  let isEnough = false
  const talking = sessions.map((session, index) => {
    const name = `s${index + 1}`
    const enough = () => isEnough
    const own = { client: clientFor(name), random: randomOf(seed, 'talk', index) }
    return talk({ session, name, doors, enough, signal, ...own }).catch((error) => {
      // An abort in the middle of a message is not an error.
      if (!signal.aborted) throw error
    })
  })
  const talked = Promise.all(talking)
  // Awaited below.
  talked.catch(() => {})
  const paid = new AbortController()
  const paying = keepPaying(evidence.sharedBudgets, {
    client: clientFor('payer'),
    random: randomOf(seed, 'payer'),
    signal: AbortSignal.any([signal, paid.signal]),
  }).catch(() => {})
  const untilMs = performance.now() + lastsMs
  await makeFaults({ ...running, mishaps, untilMs, done: evidence.faults })
  await untilEnough(running, evidence)
  isEnough = true
  say('no more faults; waiting for started work to end')
  await Promise.race([talked, sleep(settleMsMax, undefined, { signal })])
  paid.abort()
  await paying
  await readTheEnd(running, { client, evidence, followers })
  await readSchedules(client, evidence.schedules, { signal, forMs: settleMsMax })
  await readReceived(receiver, evidence.sessions, { signal, forMs: settleMsMax })
  const budgets = [...sessions.flatMap((one) => one.budgets), ...evidence.sharedBudgets]
  await readBudgets(client, budgets, { signal, forMs: settleMsMax })
  end()
  await Promise.all([watching, talked, ...followers.map((follower) => follower.ended)])
}

/** Stores the evidence of sessions with violations, beside the logs of the nodes. */
function keepBroken(folder: string, { sessions }: Evidence, violations: Violation[]) {
  const ids = new Set(violations.map(({ session }) => session))
  for (const { id, logs, followed, posted } of sessions.filter((session) => ids.has(session.id))) {
    const file = path.join(folder, `${id}.json`)
    writeFileSync(file, JSON.stringify({ posted, followed, log: logs[0]?.events }, null, 1))
  }
}

type Opening = { count: number; modelId: string }

/**
 * One agent with its budgets for all. In every third session the model is simulated in the node,
 * without a price; in every fourth it breaks calls.
 */
async function openSessions(
  client: Client,
  { count, modelId }: Opening,
  evidence: Evidence,
): Promise<void> {
  const agent = await client.insist({
    method: 'POST',
    path: '/v1/agents',
    body: { name: 'Chaos', system_prompt: 'Be brief.', capabilities: [{ ref: 'ledger' }] },
    key: 'agent',
  })
  const subject = { type: 'agent', id: agent.body.id } as const
  evidence.sharedBudgets = await openBudgets(client, subject, sharedLimits)
  evidence.sessions = await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const key = `session ${index}`
      const body = { agent_id: agent.body.id, ...(index % 3 > 0 && { model_id: modelId }) }
      const made = await client.insist({ method: 'POST', path: '/v1/sessions', body, key })
      const session = newSession(made.body.id, index % 4 !== 3)
      const subject = { type: 'session', id: session.id } as const
      session.budgets = await openBudgets(client, subject, ampleLimits)
      return session
    }),
  )
}

async function untilEnough({ minimum, signal, folder }: Running, evidence: Evidence) {
  const deadline = performance.now() + settleMsMax
  while (performance.now() < deadline) {
    const effects = readLedger(ledgerIn(folder))
    if (tooLittle(countsOf({ ...evidence, effects }), minimum).length === 0) return
    await sleep(pauseMs, undefined, { signal })
  }
}

type End = { client: Client; evidence: Evidence; followers: Follower[] }

/** Reads every node's log of every session, and gives followers time to reach its end. */
async function readTheEnd({ cluster, signal }: Running, { client, evidence, followers }: End) {
  for (const session of evidence.sessions) {
    const path = `/v1/sessions/${session.id}`
    session.statusAtEnd = (await client.insist({ method: 'GET', path })).body.status
    for (const node of cluster.doors) {
      const events = await readEvents(client, session, { node })
      if (events) session.logs.push({ node: node.name, events })
    }
  }
  const ends = evidence.sessions.map(({ logs }) => logs[0]?.events.at(-1)?.sequence ?? 0)
  const areThere = () =>
    followers.every(
      (follower, index) => follower.at() >= ends[Math.floor(index / followerNames.length)]!,
    )
  const deadline = performance.now() + settleMsMax
  while (!areThere() && performance.now() < deadline) {
    await sleep(pauseMs, undefined, { signal })
  }
}
