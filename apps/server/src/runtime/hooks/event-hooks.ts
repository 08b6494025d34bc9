import type { Event } from '@outlast/contract'
import type { EventHook } from '../../authoring/config.ts'
import { presentEvents, readPage } from '../../store/sessions/events.ts'
import {
  claimPosition,
  type HookClaim,
  leavePosition,
  movePosition,
  recoverPositions,
  registerEventHooks,
} from '../../store/sessions/hook-positions.ts'
import type { EventMark } from '../../store/sessions/lost-events.ts'
import { throughOutages } from '../journal/append.ts'
import { leaseMs } from '../lease.ts'
import type { Node } from '../node.ts'
import { type Queue, type QueueOptions, startQueue } from '../queue.ts'
import { callHook } from './call.ts'
import { eventHooksOf } from './names.ts'

/** Sessions whose events one node passes to one hook at once. */
const sessionsAtOnce = 10
const eventsAtOnce = 100
const bytesAtOnce = 1024 * 1024
/** How often a position is stored while a page is processed, in ms. */
const storedEveryMs = 1_000
const recoverEveryMs = 2_000
const retryMs = 1_000
const retryMsMax = 300_000

export type EventHooks = {
  /** Pauses or resumes. Sessions that are being processed continue. */
  setPaused: (paused: boolean) => void
  /** Gives running calls `graceMs` to end, then aborts them and hands their sessions over. */
  stop: (graceMs: number) => Promise<void>
}

export type EventHooksOptions = {
  /** The connections of the hooks' queues: each has one worker, and one connection that listens. */
  pool: QueueOptions['pool']
  /** Longest time for one event, in ms. */
  limitMs: number
}

/**
 * Calls the event hooks of this node. Each has a queue of its own, so that a slow hook delays
 * neither turns nor other hooks.
 */
export async function startEventHooks(node: Node, options: EventHooksOptions): Promise<EventHooks> {
  const hooks = eventHooksOf(node.project, node.config)
  const stopping = new AbortController()
  const stopped = new AbortController()
  // The first hook of a database waits for transactions that hold the sessions.
  await throughOutages(node, stopping.signal, () => registerEventHooks(node.db, [...hooks.keys()]))
  const stop = { stopping: stopping.signal, stopped: stopped.signal }
  const followers: Follower[] = []
  const endAll = () => Promise.all(followers.map((each) => each.end()))
  try {
    for (const [name, hook] of hooks) {
      followers.push(await followAll(node, name, hook, { ...options, stop }))
    }
  } catch (error) {
    await endAll()
    throw error
  }
  return {
    setPaused(paused) {
      for (const { queue } of followers) queue.setPaused(paused)
    },
    async stop(graceMs) {
      stopping.abort()
      const timer = setTimeout(() => stopped.abort(new Error('The server stops.')), graceMs)
      await endAll()
      clearTimeout(timer)
    },
  }
}

type Stop = {
  /** Aborted when no more events should be processed. */
  stopping: AbortSignal
  /** Aborted when running calls should end. */
  stopped: AbortSignal
}

type Following = EventHooksOptions & { stop: Stop }
type Follower = { queue: Queue; end: () => Promise<void> }

/** Calls one hook for all sessions whose positions get a job. */
async function followAll(
  node: Node,
  name: string,
  hook: EventHook,
  { pool, limitMs, stop }: Following,
): Promise<Follower> {
  const running = new Map<string, Promise<void>>()
  /** Sessions that this node may still have claimed. */
  const interrupted = new Set<string>()

  async function work({ session_id: sessionId }: { session_id: string }, begun: () => void) {
    for (let other = running.get(sessionId); other; other = running.get(sessionId)) {
      begun()
      await other
    }
    const following = follow(node, { hook, name, sessionId, limitMs, stop, begun })
      .catch((error) => {
        node.log.warn('event hook interrupted', { hook: name, session: sessionId, error })
        return false
      })
      .then((isReleased) => {
        running.delete(sessionId)
        if (!isReleased) interrupted.add(sessionId)
      })
    running.set(sessionId, following)
    await following
  }

  async function recover() {
    for (const session_id of interrupted) {
      interrupted.delete(session_id)
      void work({ session_id }, () => {})
    }
    await recoverPositions(node.db, { hook: name, nodeId: node.id, leaseMs }).catch((error) =>
      node.log.warn('could not look for lost work of an event hook', { hook: name, error }),
    )
  }

  const queue = await startQueue({
    pool,
    slots: sessionsAtOnce,
    workers: 1,
    pollIntervalMs: retryMs,
    log: node.log,
    tasks: {
      [`hook:${name}`]: { work: (job, begun) => work(job as { session_id: string }, begun) },
    },
    hourly: undefined,
  })
  const timer = setInterval(recover, recoverEveryMs)
  return {
    queue,
    async end() {
      clearInterval(timer)
      await queue.stop()
      await Promise.all(running.values())
    },
  }
}

type Session = {
  name: string
  hook: EventHook
  sessionId: string
  limitMs: number
  stop: Stop
  begun: () => void
}

/**
 * Claims a session's position and calls the hook for all events after it. False: this node may
 * still have the claim.
 */
async function follow(node: Node, session: Session): Promise<boolean> {
  const { name, sessionId, begun, stop } = session
  const of = { hook: name, sessionId, nodeId: node.id }
  const claim = await throughOutages(node, stop.stopping, () => claimPosition(node.db, of))
  begun()
  if (!claim) return true
  let at: EventMark = { sequence: claim.sequence, ts: '-infinity' }
  for (let empty = 0; empty < emptyMax; ) {
    const read = { after: at.sequence, limit: eventsAtOnce, bytesMax: bytesAtOnce }
    const { rows, more } = await readPage(node.db, sessionId, read)
    const events = await presentEvents(node.db, claim, rows)
    const page = events.map(({ json }, n) => ({ event: JSON.parse(json) as Event, at: rows[n]! }))
    const passed = await passPage(node, session, { claim, at, page })
    if (!passed) return false
    at = passed
    const moved = await movePosition(node.db, claim, at, !more)
    if (!moved || moved.done) return moved !== undefined
    if (rows.length === 0) empty += 1
  }
  await leavePosition(node.db, claim, at, { afterMs: retryMs, failed: false })
  return true
}

/** Pages without events in a row: the events of a deleted organization are deleted first. */
const emptyMax = 2

type Page = { claim: HookClaim; at: EventMark; page: { event: Event; at: EventMark }[] }

/** Calls the hook for events. Returns the last one; undefined when the claim has ended. */
async function passPage(node: Node, session: Session, { claim, at, page }: Page) {
  let last = at
  let storedAt = performance.now()
  for (const { event, at } of page) {
    if (session.stop.stopping.aborted) return handOver(node, claim, last)
    try {
      await callOne(node, session, claim, event)
    } catch (error) {
      if (session.stop.stopped.aborted) return handOver(node, claim, last)
      return retryLater(node, claim, { at: last, event, error })
    }
    last = at
    if (performance.now() - storedAt < storedEveryMs) continue
    if (!(await movePosition(node.db, claim, last, false))) return undefined
    storedAt = performance.now()
  }
  return last
}

async function callOne(
  { metrics }: Node,
  { name, hook, limitMs, stop: { stopped } }: Session,
  { orgId }: HookClaim,
  event: Event,
) {
  await callHook(hook, event, { organizationId: orgId, limitMs, stopped })
  metrics.hookCalls.inc({ hook: name, outcome: 'completed' })
}

async function handOver(node: Node, claim: HookClaim, at: EventMark): Promise<undefined> {
  await leavePosition(node.db, claim, at, { afterMs: 0, failed: false })
}

type Failed = { at: EventMark; event: Event; error: unknown }

/** A position that has moved begins with the shortest wait again. */
async function retryLater(node: Node, claim: HookClaim, failed: Failed): Promise<undefined> {
  const { at, event, error } = failed
  const { hook, sessionId: session, sequence, failures } = claim
  const afterMs = Math.min(retryMsMax, retryMs * 2 ** (at.sequence === sequence ? failures : 0))
  node.metrics.hookCalls.inc({ hook, outcome: 'failed' })
  const about = { hook, session, event: event.id, retryInMs: afterMs, error }
  node.log.warn('an event hook failed', about)
  await leavePosition(node.db, claim, at, { afterMs, failed: true })
}
