import { setTimeout as sleep } from 'node:timers/promises'
import { ApiError } from '../../errors.ts'
import { newId, newUuid } from '../../ids.ts'
import type { Db } from '../../store/database.ts'
import { isTimeout, isUnavailable } from '../../store/database-errors.ts'
import {
  advanceSchedules,
  boundTransaction,
  claimDue,
  claimOneDue,
  claimPending,
  countOpen,
  type DueSchedule,
  findKnown,
  lookAtSchedules,
  type PendingExecution,
  recordLook,
} from '../../store/schedules/due-schedules.ts'
import {
  insertExecutions,
  type NewExecution,
  settleExecutions,
  updateRetried,
} from '../../store/schedules/schedule-executions.ts'
import { shardOf } from '../../store/shards.ts'
import type { Node } from '../node.ts'
import { lateMs, planDue, type SchedulePlan } from './plan.ts'
import { carryOut, type Done, type Task } from './targets.ts'

/** Schedules per transaction, which locks the sessions that they write to. */
const batchMax = 25
/** Batches that a node runs concurrently, each on its own connection. */
const batchesAtOnce = 2
/** Consecutive batches, and retried executions, per poll. */
const batchesMax = 400
/** Executions whose turns are checked each second. */
const settledMax = 1_000
const secondMs = 1_000
/** Lock timeout in ms: bounds the wait for a node that was stopped during a transaction. */
const silentMs = 2_000
/** Delay after the start of the second, in ms: all times of that second are due then. */
const graceMs = 3

export type Scheduler = {
  /** Resolves when running work has ended. */
  stop: () => Promise<void>
}

/** Runs schedules on this node: polls once a second, when the database's second starts. */
export function startSchedules(node: Node): Scheduler {
  const stopping = new AbortController()
  const { signal } = stopping
  let settledUpTo: string | undefined

  async function lookOnce(): Promise<number> {
    const begun = performance.now()
    const { ms, due, running } = await lookAtSchedules(node.db)
    if (due) await runDue(node, signal)
    if (running && !signal.aborted) {
      const span = { after: settledUpTo, limit: settledMax }
      const { upTo, settled } = await settleExecutions(node.db, span)
      settledUpTo = upTo
      for (const schedule of settled) telling(node)(schedule)()
    }
    return begun + secondMs - ms + graceMs - performance.now()
  }

  async function keepLooking() {
    while (!signal.aborted) {
      const waitMs = await lookOnce().catch((error) => {
        const tell = isUnavailable(error) ? node.log.debug : node.log.error
        tell('could not run schedules; retrying', { error })
        return secondMs
      })
      await sleep(Math.max(0, waitMs), undefined, { signal }).catch(() => {})
    }
  }

  const over = keepLooking()
  return {
    async stop() {
      stopping.abort()
      await over
    },
  }
}

async function runDue(node: Node, signal: AbortSignal) {
  const batches = Array.from({ length: batchesAtOnce }, () => runBatches(node, signal))
  // Wait for both, also when one has failed: batches of two polls never overlap.
  await Promise.allSettled(batches)
  await Promise.all(batches)
  for (let count = 0; count < batchesMax && !signal.aborted; count += 1) {
    if (!(await runPending(node))) break
  }
}

async function runBatches(node: Node, signal: AbortSignal) {
  for (let batch = 0; batch < batchesMax && !signal.aborted; batch += 1) {
    await recordLook(node.db, lateMs)
    if (!(await runBatch(node))) break
  }
}

const inTransaction = <T>(node: Node, work: (db: Db) => Promise<T>) =>
  node.db.transaction(async (db) => {
    await boundTransaction(db, silentMs)
    return work(db)
  })

/** Runs a batch of due schedules, all or none. False when no more are due. */
async function runBatch(node: Node): Promise<boolean> {
  let ids: string[] = []
  try {
    const publish = await inTransaction(node, async (db) => {
      const due = await claimDue(db, batchMax)
      ids = due.map(({ id }) => id)
      return due.length === 0 ? [] : runClaimed(node, db, due)
    })
    for (const tell of publish) tell()
    return ids.length === batchMax
  } catch (error) {
    if (isUnavailable(error) && !isTimeout(error)) throw error
    node.log.warn('a batch of schedules failed; running them one by one', { error })
    for (const id of ids) await runAlone(node, id)
    return false
  }
}

/** Runs a schedule of a failed batch alone, so that its fault does not affect the others. */
async function runAlone(node: Node, id: string) {
  try {
    const publish = await inTransaction(node, async (db) =>
      runClaimed(node, db, await claimOneDue(db, id)),
    )
    for (const tell of publish) tell()
  } catch (error) {
    if (isTimeout(error)) return node.log.warn('a schedule is delayed', { schedule: id, error })
    if (isUnavailable(error)) throw error
    node.log.error('a schedule failed', { schedule: id, error })
    await inTransaction(node, async (db) => giveUp(db, await claimOneDue(db, id)))
  }
}

type Planned = { schedule: DueSchedule; plan: SchedulePlan }

async function runClaimed(node: Node, db: Db, due: DueSchedule[]): Promise<(() => void)[]> {
  const planned = await planAll(db, due)
  const tasks = planned.flatMap(({ schedule, plan }) =>
    plan.runs.map((scheduledAt) => taskOf(schedule, scheduledAt)),
  )
  const done = new Map<string, Done>()
  for (const task of tasks.toSorted(inLockOrder)) {
    done.set(task.executionId, await carryOut(node, db, task))
  }
  const paused = new Map<string, string>()
  const executions = tasks.map((task) => {
    const outcome = done.get(task.executionId)!
    if (outcome.pausedReason) paused.set(task.scheduleId, outcome.pausedReason)
    return executionOf(task, outcome)
  })
  await insertExecutions(db, [...executions, ...planned.flatMap(skippedOf)])
  await advanceSchedules(db, planned.map(advanceOf(paused)))
  const publish = [...done.values()].flatMap(({ publish }) => publish ?? [])
  return [...publish, ...due.map(telling(node))]
}

const telling =
  ({ bus }: Node) =>
  ({ org_id: orgId, id }: Pick<DueSchedule, 'org_id' | 'id'>) =>
  () =>
    bus.changed(orgId, { noun: 'schedule', id })

/** Plans each schedule. Leaves out times that were handled before the clock went back. */
async function planAll(db: Db, due: DueSchedule[]): Promise<Planned[]> {
  const limited = due.filter(({ max_concurrent }) => max_concurrent !== null).map(({ id }) => id)
  if (limited.length > 0) await settleExecutions(db, { limit: settledMax, of: limited })
  const open = await countOpen(
    db,
    due.map(({ id }) => id),
  )
  const planned = due.map((schedule) => ({
    schedule,
    plan: planDue(schedule, open.get(schedule.id) ?? 0),
  }))
  const known = await findKnown(
    db,
    planned.flatMap(({ schedule: { id: scheduleId }, plan }) =>
      [...plan.runs, ...plan.skipped.map(({ scheduledAt }) => scheduledAt)].map((scheduledAt) => ({
        scheduleId,
        scheduledAt,
      })),
    ),
  )
  if (known.length === 0) return planned
  const isKnown = new Set(known.map(({ scheduleId, scheduledAt }) => scheduleId + scheduledAt))
  return planned.map(({ schedule, plan }) => {
    const isNew = (time: string) => !isKnown.has(schedule.id + time)
    const skipped = plan.skipped.filter(({ scheduledAt }) => isNew(scheduledAt))
    return { schedule, plan: { ...plan, runs: plan.runs.filter(isNew), skipped } }
  })
}

const taskOf = (schedule: DueSchedule, scheduledAt: string): Task => ({
  orgId: schedule.org_id,
  target: schedule.target,
  executionId: newUuid(),
  scheduleId: schedule.id,
  scheduledAt,
  now: schedule.now,
  attempt: 1,
  retryPolicy: schedule.retry_policy,
  sessionId: newId('session'),
})

/**
 * Orders tasks by lock: existing sessions before counters for new ones, in the same order on all
 * nodes, so that transactions do not deadlock. Messages to one session stay in the order of their
 * times.
 */
function inLockOrder(a: Task, b: Task): number {
  const [left, right] = [lockKey(a), lockKey(b)]
  return left < right ? -1 : left > right ? 1 : 0
}

function lockKey({ target, sessionId, orgId, scheduledAt }: Task): string {
  const { session_id, agent_id } = target.input as { session_id?: string; agent_id?: string }
  if (target.name === 'send_message') return `1 ${session_id} ${scheduledAt}`
  return `2 ${shardOf(sessionId).toString(16)} ${orgId} ${agent_id} ${scheduledAt}`
}

const executionOf = (task: Task, outcome: Done): NewExecution => ({
  ...outcome,
  orgId: task.orgId,
  id: task.executionId,
  scheduleId: task.scheduleId,
  scheduledAt: task.scheduledAt,
  manual: false,
})

const skippedOf = ({ schedule, plan }: Planned): NewExecution[] =>
  plan.skipped.map(({ scheduledAt, why: error }) => ({
    orgId: schedule.org_id,
    id: newUuid(),
    scheduleId: schedule.id,
    scheduledAt,
    manual: false,
    status: 'skipped',
    error,
  }))

const advanceOf =
  (paused: Map<string, string>) =>
  ({ schedule: { id }, plan: { next, runs } }: Planned) => ({
    id,
    next,
    triggered: runs.at(-1) ?? null,
    pausedReason: paused.get(id) ?? null,
  })

const broken = 'Internal error.'

/** Advances a schedule that always fails. Pauses one whose times are unreadable. */
async function giveUp(db: Db, due: DueSchedule[]) {
  for (const schedule of due) {
    try {
      const [planned] = await planAll(db, [schedule])
      const failed = planned!.plan.runs.map((scheduledAt) =>
        executionOf(taskOf(schedule, scheduledAt), { status: 'failed', error: broken }),
      )
      await insertExecutions(db, [...failed, ...skippedOf(planned!)])
      await advanceSchedules(db, [advanceOf(new Map())(planned!)])
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
      const { message: pausedReason } = error
      await advanceSchedules(db, [{ id: schedule.id, next: null, triggered: null, pausedReason }])
    }
  }
}

/** Retries an execution that could not start. False when there is none. */
async function runPending(node: Node): Promise<boolean> {
  let pending: PendingExecution | undefined
  try {
    const done = await inTransaction(node, async (db) => {
      ;[pending] = await claimPending(db, 1)
      return pending && tryAgain(node, db, pending)
    })
    done?.publish?.()
    if (pending) telling(node)(pending)()
    return pending !== undefined
  } catch (error) {
    if (isUnavailable(error) || !pending) throw error
    node.log.error('an execution failed', { execution: pending.execution_id, error })
    await updateRetried(node.db, [{ id: pending.execution_id, status: 'failed', error: broken }])
    return true
  }
}

async function tryAgain(node: Node, db: Db, pending: PendingExecution): Promise<Done> {
  const { execution_id: executionId, attempts, scheduled_at, enabled, manual } = pending
  const task = { ...taskOf(pending, scheduled_at), executionId, attempt: attempts + 1 }
  const done: Done =
    enabled || manual
      ? await carryOut(node, db, task)
      : { status: 'skipped', error: 'The schedule was paused.' }
  await updateRetried(db, [{ ...done, id: executionId }])
  const { pausedReason } = done
  if (pausedReason) {
    const { id, next_trigger_at: next } = pending
    await advanceSchedules(db, [{ id, next, triggered: null, pausedReason }])
  }
  return done
}
