import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { isUnavailable } from '../store/database.ts'
import { endLeases, renewLease } from '../store/nodes.ts'
import { findCurrentTurn, releaseTurn, type TurnRun, takeTurn } from '../store/turns.ts'
import { type Kept, nothingKept, settleCancel } from './cancel.ts'
import { FencedError, openTurn, type Turn } from './journal.ts'
import type { Node } from './node.ts'
import { type Queue, startQueue, type TurnJob } from './queue.ts'
import { end, runTurn } from './turn.ts'

/** Attempts that may end without an outcome before the turn is given up. */
const triesMax = 3
const leaseMs = 1_500
const renewMs = 500
const retryMs = 500

export type Runtime = {
  /** Other nodes with a lease, as of the latest renewal. */
  peers: () => number
  /** Takes no new turn; lets running model calls and tools end for at most `graceMs`, hands the rest over. */
  stop: (graceMs: number) => Promise<void>
}

export type RuntimeOptions = {
  /** The queue's own connections. */
  pool: pg.Pool
  version: string
  /** True when no other node can be using the database: what is there, this node takes over at once. */
  alone: boolean
}

type Running = { controller: AbortController; over: Promise<void> }

class HandoverError extends Error {
  override name = 'HandoverError'
}

/** Runs turns on this node: takes them from the queue, keeps the lease that says so. */
export async function startRuntime(node: Node, options: RuntimeOptions): Promise<Runtime> {
  const running = new Map<string, Running>()
  let stopping = false
  if (options.alone) await endLeases(node.db)
  const lease = await keepLease(node, options)
  const forget = node.bus.onCancel((turnId) => {
    running.get(turnId)?.controller.abort(new FencedError())
  })

  async function work(job: TurnJob) {
    const run = { orgId: job.org_id, sessionId: job.session_id, turnId: job.turn_id }
    if (running.has(run.turnId)) return
    const controller = new AbortController()
    const over = attempt(node, run, { signal: controller.signal, stopping: () => stopping })
    running.set(run.turnId, { controller, over })
    await over
    running.delete(run.turnId)
  }

  const slots = node.config.WORKER_SLOTS
  const queue: Queue | undefined =
    node.config.ROLE === 'api'
      ? undefined
      : await startQueue({ pool: options.pool, slots, log: node.log, work })

  return {
    peers: lease.peers,
    async stop(graceMs) {
      stopping = true
      const timer = setTimeout(() => {
        for (const { controller } of running.values()) controller.abort(new HandoverError())
      }, graceMs)
      await queue?.stop()
      await Promise.all([...running.values()].map(({ over }) => over))
      clearTimeout(timer)
      forget()
      await lease.end()
    },
  }
}

/** Renews this node's lease, and takes care of turns that nobody runs. */
async function keepLease(node: Node, { version, alone }: RuntimeOptions) {
  const { ROLE: role, WORKER_SLOTS: slots } = node.config
  const lease = { id: node.id, version, role, slots, ms: leaseMs }
  let peers = 0
  let ended = false
  let renewedSince = alone ? 0 : Date.now()

  async function renew() {
    try {
      const judging = Date.now() - renewedSince >= leaseMs
      const state = await renewLease(node.db, lease, judging)
      peers = state.peers
      if (state.readded > 0) node.log.info('turns without a node', { turns: state.readded })
    } catch (error) {
      renewedSince = Date.now()
      if (!ended) node.log.warn('the lease could not be renewed', { error })
    }
  }

  await renew()
  const timer = setInterval(renew, renewMs)
  return {
    peers: () => peers,
    async end() {
      ended = true
      clearInterval(timer)
      await endLeases(node.db, node.id).catch(() => {})
    },
  }
}

type AttemptOptions = { signal: AbortSignal; stopping: () => boolean }

/** Takes a turn and runs it as far as it goes. Contract: never throws. */
async function attempt(
  node: Node,
  ref: Omit<TurnRun, 'attempt'>,
  { signal, stopping }: AttemptOptions,
): Promise<void> {
  let run: TurnRun = { ...ref, attempt: null }
  let turn: Turn | undefined
  try {
    const taken = await takeTurn(node.db, ref, node.id)
    if (!taken) return
    run = { ...ref, attempt: taken.turn_attempt }
    if (taken.turn_cancelled) return await settleCancel(node, ref, nothingKept)
    turn = await openTurn(node, { run, taken, signal })
    while (taken.turn_tries > triesMax && !turn.state.ended) {
      await end(turn, { kind: 'failed', code: 'turn_crashed' })
    }
    const over = await runTurn(turn, stopping)
    if (!over) await release(node, run, true)
  } catch (error) {
    await afterFailure(node, run, { turn, error, handover: signal.reason instanceof HandoverError })
  }
}

type Failure = { turn: Turn | undefined; error: unknown; handover: boolean }

/** An attempt that cannot go on: it was cancelled, it is not the current one, or something broke. */
async function afterFailure(node: Node, run: TurnRun, { turn, error, handover }: Failure) {
  if (handover) return release(node, run, true)
  if (!(error instanceof FencedError)) {
    const unharmed = isUnavailable(error)
    const about = { session: run.sessionId, turn: run.turnId, error }
    if (unharmed) node.log.warn('turn waits for the database', about)
    else node.log.error('turn broke', about)
    return release(node, run, unharmed)
  }
  await untilReachable(node, async () => {
    const current = await findCurrentTurn(node.db, run.orgId, run.sessionId)
    if (current?.turn_id !== run.turnId || !current.turn_cancelled) return
    await settleCancel(node, run, turn ? keptOf(turn) : nothingKept)
  })
}

/** Outcomes that a cancel does not undo. Intents are dropped: nothing follows them any more. */
const outcomes = new Set<string>([
  'reason.thinking.completed',
  'llm.generation',
  'output.message.completed',
  'reason.completed',
  'tool.completed',
])

function keptOf({ drafts, effects }: Turn): Kept {
  const events = drafts.map(({ stored }) => stored).filter(({ type }) => outcomes.has(type))
  return { events, effects }
}

/** Gives a turn back. An attempt that took nothing has nothing to give. */
async function release(node: Node, run: TurnRun, unharmed: boolean) {
  if (run.attempt === null) return
  await untilReachable(node, () => releaseTurn(node.db, run, unharmed))
}

/** Tries until the database answers. A node that ends meanwhile loses its lease, and with it the turn. */
async function untilReachable(node: Node, work: () => Promise<void>) {
  for (;;) {
    try {
      return await work()
    } catch (error) {
      node.log.warn('a turn could not be given back yet', { error })
      if (!isUnavailable(error)) return
      await sleep(retryMs)
    }
  }
}
