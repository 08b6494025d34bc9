import { setTimeout as sleep } from 'node:timers/promises'
import { type DurableHealth, OutlastError, type Worker } from '@outlast/sdk'
import { counted, type Finding, failed, lasting, ok, warning, wrong } from './finding.ts'
import type { Visit } from './visit.ts'

const queueMsMax = 30_000
const settleMs = 2_000
const skewMsMax = 5_000
/** Average remaining time of a lease, which lasts 1.5 s and is renewed every 500 ms. */
const leaseLeftMs = 1_250
const mb = 1024 * 1024
const room = { least: 200 * mb, little: 2_048 * mb }

/** Checks the turns and, for operators, the nodes and their disk. */
export async function* checkNodes(visit: Visit): AsyncGenerator<Finding, void, undefined> {
  const { signal } = visit
  try {
    const health = await lastingHealth(visit)
    yield* turnsOf(health)
    if (health.workers) yield* nodesOf(visit, await allWorkers(visit))
    if (health.disk) yield diskOf(health.disk)
    else if (health.workers) yield ok('disk', 'PostgreSQL is external. Monitor its disk there.')
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof OutlastError)) throw error
    yield failed('turns', error)
  }
}

/** Ignores problems that pass within 2 s, such as a takeover. */
async function lastingHealth({ outlast, signal }: Visit): Promise<DurableHealth> {
  const health = await outlast.workers.getHealth({ signal })
  if (health.problems.length === 0) return health
  await sleep(settleMs, undefined, { signal })
  return outlast.workers.getHealth({ signal })
}

function* turnsOf(health: DurableHealth): Generator<Finding> {
  const check = 'turns'
  const { queued, running, waiting, failed: lost, oldest_queued_at, problems } = health
  const advice = 'Start a node, or resume a draining one: `outlast workers list`.'
  for (const problem of problems) yield wrong(check, problem, advice)
  const waitedMs = oldest_queued_at === null ? 0 : Date.now() - Date.parse(oldest_queued_at)
  if (waitedMs > queueMsMax) {
    const sentence = `${counted(queued, 'turn')} in the queue, the oldest for ${lasting(waitedMs)}.`
    yield warning(check, sentence, 'Raise WORKER_SLOTS, or start another node.')
  }
  const failures = lost > 0 ? `, ${lost} failed permanently (\`outlast workflows list\`)` : ''
  yield ok(
    check,
    `${running} running, ${queued} queued, ${waiting} waiting for a client, a person or a budget${failures}.`,
  )
}

async function allWorkers({ outlast, signal }: Visit): Promise<Worker[]> {
  const workers: Worker[] = []
  for await (const worker of outlast.workers.list({}, { signal })) workers.push(worker)
  return workers
}

function* nodesOf(visit: Visit, workers: readonly Worker[]): Generator<Finding> {
  const check = 'nodes'
  const alive = workers.filter((worker) => worker.alive)
  for (const { id } of workers.filter((worker) => !worker.alive)) {
    yield warning(
      check,
      `${id} ended without a shutdown.`,
      'Other nodes take over its turns. Check its log.',
    )
  }
  for (const { id } of alive.filter(({ draining }) => draining)) {
    yield warning(
      check,
      `${id} is draining and takes no new turns.`,
      `Stop it, or resume it with \`outlast workers resume ${id}\`.`,
    )
  }
  const versions = [...new Set(alive.map(({ version }) => version))]
  if (versions.length > 1) {
    yield warning(
      check,
      `Nodes run different versions: ${versions.join(', ')}.`,
      'Finish the upgrade.',
    )
  }
  yield* catalogsOf(alive)
  yield* clocksOf(visit, alive)
  const slots = alive.reduce((sum, worker) => sum + worker.slots, 0)
  const used = alive.reduce((sum, worker) => sum + worker.used_slots, 0)
  const living = alive.length === 1 ? '1 node is alive' : `${alive.length} nodes are alive`
  yield ok(check, `${living}, with ${used} of ${slots} slots in use.`)
}

/** Compares the capabilities of nodes. Nodes of 0.1 have no hash. */
function* catalogsOf(alive: readonly Worker[]): Generator<Finding> {
  const hashes = new Set(alive.flatMap(({ catalog_hash }) => catalog_hash ?? []))
  if (hashes.size < 2) return
  const groups = [...hashes].map((hash) => {
    const same = alive.filter(({ catalog_hash }) => catalog_hash === hash)
    return `${hash} on ${same.map(({ id }) => id).join(', ')}`
  })
  const sentence = `Nodes have different capabilities: ${groups.join('; ')}.`
  yield warning('nodes', sentence, 'Finish the deploy: start all nodes with the same code.')
}

/** Compares clocks: leases use the database's clock, responses that of the answering node. */
function* clocksOf(visit: Visit, alive: readonly Worker[]): Generator<Finding> {
  const nodeTime = Date.parse(visit.latest()?.response.headers.get('date') ?? '')
  const newest = Math.max(...alive.map(({ lease_until }) => Date.parse(lease_until)))
  const skewMs = nodeTime - (newest - leaseLeftMs)
  if (!(Math.abs(skewMs) > skewMsMax)) return
  const way = skewMs > 0 ? 'ahead of' : 'behind'
  const sentence = `This node's clock is ${lasting(Math.abs(skewMs))} ${way} the database's.`
  yield warning('nodes', sentence, 'Synchronize the clocks of all nodes and the database with NTP.')
}

function diskOf({ free_bytes, size_bytes }: NonNullable<DurableHealth['disk']>): Finding {
  const check = 'disk'
  const sentence = `${sizeOf(free_bytes)} of ${sizeOf(size_bytes)} are free on the disk of DATA_DIR.`
  const advice = 'Free disk space. On a full disk the server accepts no messages.'
  if (free_bytes < room.least) return wrong(check, sentence, advice)
  return free_bytes < room.little ? warning(check, sentence, advice) : ok(check, sentence)
}

const sizeOf = (bytes: number) =>
  bytes < 1024 * mb ? `${Math.round(bytes / mb)} MB` : `${(bytes / 1024 / mb).toFixed(1)} GB`
