import type { Config } from '../config.ts'
import { isInternal, mayPass } from '../store/database-errors.ts'
import type { EventRow } from '../store/log/events.ts'
import { findMissing } from '../store/log/lost-events.ts'
import { endLeases } from '../store/turns/nodes.ts'
import {
  findCurrentTurn,
  forgiveAttempt,
  type Release,
  releaseTurn,
  type TakenTurn,
  type TurnRun,
  takeTurn,
} from '../store/turns/turns.ts'
import { keptOf, nothingKept, settleCancel, type TurnRef } from './inbox/cancel.ts'
import { areDraftsStored, settleSpent, throughOutages } from './journal/append.ts'
import { lastOf, type Turn } from './journal/attempt.ts'
import { type ConversationRooms, createConversationRooms } from './journal/conversation-room.ts'
import {
  FencedError,
  HandoverError,
  NoRoomError,
  NotUnderstoodError,
  UnstorableError,
} from './journal/errors.ts'
import { endLive } from './journal/journal.ts'
import { logOf, logOfTurn } from './journal/metrics.ts'
import { createRecent, type Recent } from './journal/recent.ts'
import { type HeldTurns, keepLease, type Lease } from './lease.ts'
import { callsOf } from './log/state.ts'
import type { Node } from './node.ts'
import { endUnstorable, failTurn, openOrEnd } from './open-or-end.ts'
import { createRefusals, type Refusals } from './refusal.ts'
import { runTurn } from './turn.ts'
import { type NodeWork, type NodeWorkOptions, startWork } from './work.ts'

/** Time that a stopping node waits for the database to release its turns, in ms. */
const partingMs = 2_000

export type Runtime = {
  /** Takes no new turn; gives model calls and tools `graceMs` to end, then hands the rest over. */
  stop: (graceMs: number) => Promise<void>
}

export type RuntimeOptions = Pick<NodeWorkOptions, 'pool' | 'hooks'> & {
  version: string
  /** True when no other node can be using the database: this node takes over its turns at once. */
  alone: boolean
}

type Running = {
  controller: AbortController
  isTaken: boolean
  /** Set once its log is read. */
  turn?: Turn
  over: Promise<void>
}

/** Runs turns on this node: takes jobs from the queue and renews the lease. */
export async function startRuntime(node: Node, options: RuntimeOptions): Promise<Runtime> {
  const running = new Map<string, Running>()
  const held = { recent: createRecent(), rooms: createConversationRooms() }
  const parting = new AbortController()
  /** Number of turns started without the queue. */
  let local = 0
  let stopping = false
  let draining = false
  const refusals = createRefusals(node, options.alone)
  let work: NodeWork | undefined
  if (options.alone) await endLeases(node.db)
  const lease = await keepLease(node, {
    ...options,
    turns: () => heldOf(new Map(running)),
    drain(now) {
      if (draining !== now) node.log.info(now ? 'draining' : 'taking turns again')
      draining = now
      work?.setPaused(now)
    },
  })
  const forget = [
    node.bus.onCancel((turnId) => abort(running.get(turnId))),
    node.bus.onLook(lease.look),
    node.history.onChange(held.recent.clear),
    node.history.onChange(() => void stopLost(node, running, parting.signal)),
  ]
  const shared = { lease, ...held, refusals, parting: parting.signal, stopping: () => stopping }

  async function run(ref: TurnRef, { claimed, begun = () => {} }: Beginning) {
    // One attempt at a time per turn: a second one would fence the first.
    for (let other = running.get(ref.turnId); other; other = running.get(ref.turnId)) {
      begun()
      await other.over
    }
    const controller = new AbortController()
    const entry: Running = { controller, isTaken: claimed !== undefined, over: Promise.resolve() }
    running.set(ref.turnId, entry)
    entry.over = attempt(node, ref, claimed, {
      ...shared,
      signal: controller.signal,
      took: () => {
        entry.isTaken = true
        begun()
      },
      opened: (turn) => {
        entry.turn = turn
      },
    })
    await entry.over
    // Tools may be running still, if a result of another one could not be stored.
    abort(entry)
    if (running.get(ref.turnId) === entry) running.delete(ref.turnId)
  }

  const { localSlots, queueSlots } = slotsOf(node.config)
  const turn = (ref: TurnRef, begun: () => void) => run(ref, { begun })
  work = await startWork(node, { ...options, slots: queueSlots, lacking: refusals.lacking, turn })
  node.problem = () => lease.problem() ?? work?.problem()
  node.reachesDatabase = () => lease.problem() === undefined
  node.local = {
    hasRoom: () => !stopping && !draining && local < localSlots && lease.held(),
    async begin({ ref, taken, input }) {
      local += 1
      await run(ref, { claimed: { turn: taken, input } })
      local -= 1
    },
    running: () => running.size,
    over: (turnId) => running.get(turnId)?.over,
  }

  return {
    async stop(graceMs) {
      stopping = true
      await endAttempts(running, { work, parting, graceMs })
      for (const each of forget) each()
      await lease.end()
    },
  }
}

type Stopping = {
  work: NodeWork
  parting: AbortController
  graceMs: number
}

/** Takes no more turns, and hands over those that run longer than `graceMs`. */
async function endAttempts(
  running: ReadonlyMap<string, Running>,
  { work, parting, graceMs }: Stopping,
): Promise<void> {
  const handover = setTimeout(() => {
    for (const { controller } of running.values()) controller.abort(new HandoverError())
  }, graceMs)
  const leave = setTimeout(() => parting.abort(), graceMs + partingMs)
  const left = new Promise<void>((resolve) => {
    parting.signal.addEventListener('abort', () => resolve())
  })
  await work.stop(graceMs, left)
  while (running.size > 0) await Promise.all([...running.values()].map(({ over }) => over))
  clearTimeout(handover)
  clearTimeout(leave)
}

/** Each turn ends with it, and a new one would record the stack each time. */
const fenced = new FencedError()

const abort = (attempt: Running | undefined) => attempt?.controller.abort(fenced)

/**
 * Ends attempts whose latest events were lost with their commits. Such a turn resumes from its log.
 * Contract: never throws.
 */
async function stopLost(node: Node, running: ReadonlyMap<string, Running>, parting: AbortSignal) {
  const marks = [...running.values()].flatMap((entry) =>
    entry.turn ? [{ ...lastOf(entry.turn), sessionId: entry.turn.run.sessionId, entry }] : [],
  )
  if (marks.length === 0) return
  await orLeave(node, parting, async () => {
    for (const { entry } of await findMissing(node.db, marks)) abort(entry)
  })
}

const heldOf = (running: ReadonlyMap<string, Running>): HeldTurns => ({
  taken: [...running].filter(([, { isTaken }]) => isTaken).map(([turnId]) => turnId),
  known: [...running.keys()],
  lose: (turnIds) => {
    for (const turnId of turnIds) abort(running.get(turnId))
  },
})

/** Divides slots between new turns, which start without the queue, and turns of the queue. */
function slotsOf({ ROLE, WORKER_SLOTS }: Config) {
  if (ROLE === 'api') return { localSlots: 0, queueSlots: 0 }
  const localSlots = ROLE === 'worker' ? 0 : Math.floor(WORKER_SLOTS / 2)
  return { localSlots, queueSlots: WORKER_SLOTS }
}

type Claimed = { turn: TakenTurn; input: EventRow | undefined }

type Beginning = {
  /** The state of a turn that this node has already claimed. */
  claimed?: Claimed
  /** Called once a node has the turn: its job can be deleted. Not called if the turn has ended. */
  begun?: () => void
}

type AttemptOptions = {
  lease: Lease
  recent: Recent
  rooms: ConversationRooms
  /** Aborted when the turn is cancelled, lost or handed over. */
  signal: AbortSignal
  /** Aborted when this node stops, also during a database outage. */
  parting: AbortSignal
  stopping: () => boolean
  refusals: Refusals
  took: () => void
  opened: (turn: Turn) => void
}

/** Takes a free turn and runs it until it ends, parks or is handed over. Contract: never throws. */
async function attempt(
  node: Node,
  ref: TurnRef,
  claimed: Claimed | undefined,
  options: AttemptOptions,
) {
  const { lease, recent, refusals, signal, parting, stopping, took, opened } = options
  const room = options.rooms(ref.orgId)
  const epoch = node.history.epoch()
  const unread = { log: logOfTurn(node, ref) }
  let run: TurnRun = { ...ref, attempt: claimed?.turn.turn_attempt ?? null }
  let turn: Turn | undefined
  try {
    const taken = claimed?.turn ?? (await take(node, ref, AbortSignal.any([signal, parting])))
    if (!taken) return
    took()
    run = { ...ref, attempt: taken.turn_attempt }
    if (taken.taken_over) node.metrics.takeovers.inc()
    if (taken.turn_cancelled) return await settleCancel(node, ref, nothingKept)
    const missing = refusals.reasonOf(taken)
    if (missing) {
      return await orLeave(unread, parting, () => refusals.refuse(run, { taken, missing }))
    }
    const opening = { run, taken, input: claimed?.input, signal, lease, recent, room }
    const { turn: current, failsWith } = await openOrEnd(node, opening)
    turn = current
    opened(turn)
    if (failsWith) return await failTurn(turn, failsWith)
    const howFar = await runTurn(turn, stopping).catch((error) => {
      if (!(error instanceof UnstorableError)) throw error
      logOf(current).error('cannot store the events of a turn', { error })
      return endUnstorable(node, { ...opening, run: current.run }, current.effects.spent)
    })
    if (howFar === 'over' && epoch === node.history.epoch()) recent.keep(turn)
    if (howFar === 'left') {
      await release(node, turn.run, { turn, parting, harmed: false, atOnce: true })
    }
  } catch (error) {
    const stopped = signal.reason instanceof Error ? signal.reason : undefined
    await afterFailure(node, turn?.run ?? run, { turn, error, stopped, parting })
  } finally {
    turn?.fetchBudget.end()
    room.end()
    if (turn) endLive(turn)
  }
}

const take = (node: Node, ref: TurnRef, signal: AbortSignal) =>
  throughOutages({ log: logOfTurn(node, ref) }, signal, () => takeTurn(node.db, ref, node.id))

type FailedAttempt = {
  turn: Turn | undefined
  error: unknown
  /** Why the attempt was stopped. Later errors are consequences of the stop. */
  stopped: Error | undefined
  parting: AbortSignal
}

/** Handles an attempt that cannot continue: cancelled, superseded, or failed. */
async function afterFailure(node: Node, run: TurnRun, failure: FailedAttempt) {
  const { turn, error, stopped, parting } = failure
  const log = turn ? logOf(turn) : logOfTurn(node, run)
  if (stopped instanceof HandoverError) {
    return release(node, run, { turn, parting, harmed: false, atOnce: true })
  }
  if (error instanceof FencedError || stopped instanceof FencedError) {
    return afterFence(node, run, { turn, parting })
  }
  const isHarmed = !mayPass(error) || isInternal(error)
  const isForAnother = error instanceof NotUnderstoodError || error instanceof NoRoomError
  const harmed = isHarmed && !isForAnother
  if (harmed) log.error('turn broke', { error })
  else log.warn('turn released', { error })
  await release(node, run, { turn, parting, harmed, atOnce: false })
}

/**
 * Ends a cancelled turn with the drafts of this attempt. Releases a turn of this node that lost
 * events: it resumes from its log. Notifies followers of other turns. A takeover does not count.
 */
async function afterFence(
  node: Node,
  run: TurnRun,
  { turn, parting }: Pick<FailedAttempt, 'turn' | 'parting'>,
) {
  await orLeave(turn ?? { log: logOfTurn(node, run) }, parting, async () => {
    const current = await findCurrentTurn(node.db, run.orgId, run.sessionId)
    if (!current) return
    node.bus.stored(run, current.sequence)
    const isLost = turn !== undefined && (await hasLost(turn))
    if (isLost) warnOfLost(turn, current.sequence)
    if (current.turn_id !== run.turnId) return
    if (current.turn_cancelled) {
      const isHeld = turn !== undefined && !isLost && !(await areDraftsStored(turn))
      return settleCancel(node, run, isHeld ? keptOf(turn) : nothingKept)
    }
    if (current.turn_node !== node.id) {
      if (current.turn_node !== null) logOfTurn(node, run).warn('lost a turn to another node')
      // Not repeated: its response may be lost after it has subtracted one.
      return forgiveAttempt(node.db, run).catch((error) =>
        logOfTurn(node, run).warn('a takeover counts as a failed attempt', { error }),
      )
    }
    const settling = turn && !isLost ? await settleSpent(turn) : undefined
    const again = { ...run, attempt: settling ?? current.turn_attempt }
    await releaseTurn(node.db, again, { harmed: true, atOnce: true })
  })
}

async function hasLost(turn: Turn): Promise<boolean> {
  const mark = { ...lastOf(turn), sessionId: turn.run.sessionId }
  return (await findMissing(turn.node.db, [mark])).length > 0
}

/** Warns the operator when calls that the log lacks may have had effects. */
function warnOfLost(turn: Turn, sequence: number) {
  const calls = callsOf(turn.state).map(({ call: { id, name } }) => ({ id, name }))
  const about = { known: turn.sequence, sequence, calls }
  logOf(turn).warn('the database lost events of a running turn; its later work is dropped', about)
}

type Releasing = Release & Pick<FailedAttempt, 'turn' | 'parting'>

/** Releases a turn. Does nothing for an attempt that took none. */
async function release(node: Node, run: TurnRun, { turn, parting, ...how }: Releasing) {
  if (run.attempt === null) return
  const whose = { log: turn ? logOf(turn) : logOfTurn(node, run) }
  if (turn) await orLeave(whose, parting, async () => void (await settleSpent(turn)))
  await orLeave(whose, parting, () => releaseTurn(node.db, turn?.run ?? run, how))
}

/** Updates a turn once the database responds. A stopping node leaves the turn to its lease. */
async function orLeave(
  whose: Pick<Node, 'log'> | Turn,
  parting: AbortSignal,
  work: () => Promise<void>,
) {
  await throughOutages(whose, parting, work).catch((error) => {
    const log = 'run' in whose ? logOf(whose) : whose.log
    log.warn('could not release a turn', { error })
  })
}
