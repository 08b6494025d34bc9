import type { EventHook } from '../../authoring/config.ts'
import { recoverPositions, registerEventHooks } from '../../store/log/hook-positions.ts'
import { throughOutages } from '../journal/append.ts'
import { leaseMs } from '../lease.ts'
import type { Node } from '../node.ts'
import { type Queue, type QueueOptions, startQueue } from '../queue.ts'
import { eventHooksOf } from './names.ts'
import { passEvents, type StopSignals } from './pass-events.ts'

/** Sessions whose events one node passes to one hook at once. */
const sessionsAtOnce = 10
const recoverEveryMs = 2_000
const pollIntervalMs = 1_000

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
 * Calls the event hooks of this node. Each has a runner of its own, so that a slow hook delays
 * neither turns nor other hooks. Its jobs come after those of turns.
 */
export async function startEventHooks(node: Node, options: EventHooksOptions): Promise<EventHooks> {
  const hooks = eventHooksOf(node.project, node.config)
  const stopping = new AbortController()
  const stopped = new AbortController()
  // The first hook of a database waits for transactions that hold the sessions.
  await throughOutages(node, stopping.signal, () => registerEventHooks(node.db, [...hooks.keys()]))
  const stop = { stopping: stopping.signal, stopped: stopped.signal }
  const followers: FollowedHook[] = []
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

type Following = EventHooksOptions & { stop: StopSignals }
type FollowedHook = { queue: Queue; end: () => Promise<void> }

/** Calls one hook for all sessions whose positions get a job. */
async function followAll(
  node: Node,
  name: string,
  hook: EventHook,
  { pool, limitMs, stop }: Following,
): Promise<FollowedHook> {
  const running = new Map<string, Promise<void>>()

  async function work({ session_id: sessionId }: { session_id: string }, begun: () => void) {
    for (let other = running.get(sessionId); other; other = running.get(sessionId)) {
      begun()
      await other
    }
    const following = passEvents(node, { hook, name, sessionId, limitMs, stop, begun })
      .catch((error) => {
        node.log.warn('event hook interrupted', { hook: name, session: sessionId, error })
      })
      .finally(() => running.delete(sessionId))
    running.set(sessionId, following)
    await following
  }

  async function recover() {
    try {
      const claimed = await recoverPositions(node.db, { hook: name, nodeId: node.id, leaseMs })
      if (stop.stopping.aborted) return
      // Claims that were interrupted, or came back when a database lost commits.
      for (const session_id of claimed) {
        if (!running.has(session_id)) void work({ session_id }, () => {})
      }
    } catch (error) {
      node.log.warn('could not look for lost work of an event hook', { hook: name, error })
    }
  }

  const queue = await startQueue({
    pool,
    slots: sessionsAtOnce,
    workers: 1,
    pollIntervalMs,
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
