import { setTimeout as sleep } from 'node:timers/promises'
import { ToolError } from '../../capabilities/capability.ts'
import { checkMs } from './health.ts'
import { type ProjectThread, startThread, type ThreadOptions } from './worker.ts'

export type ThreadPool = {
  /**
   * Returns the thread for a new call. Another one starts when the last has ended or is blocked.
   * Contract: throws ToolError when every thread stays blocked, and the reason of `signal`.
   */
  take: (signal: AbortSignal) => ProjectThread | Promise<ProjectThread>
  /** Starts the first thread, so that the first call need not wait for it. Resolves once loaded. */
  warmUp: () => Promise<void>
  stop: () => Promise<void>
}

const threadsMax = 4
const waitMs = 10_000
const pollMs = 50
const busyText = 'All threads for tools are blocked by other calls. Try again later.'

/**
 * Keeps one thread for all calls. A blocked thread gets no further calls; it ends after its calls,
 * or when it is still blocked at the end of the time of one of them.
 */
export function createThreadPool(options: Omit<ThreadOptions, 'onEnd'>): ThreadPool {
  const { log } = options
  const alive = new Set<ProjectThread>()
  const pauses = createPauses()
  let current: ProjectThread | undefined
  let isStopped = false
  let timer: NodeJS.Timeout | undefined

  function start(): ProjectThread {
    const thread = startThread({ ...options, onEnd: drop })
    alive.add(thread)
    pauses.began()
    watch()
    return thread
  }

  function drop(thread: ProjectThread, isExpected: boolean) {
    alive.delete(thread)
    if (current === thread) current = undefined
    if (!isExpected) pauses.crashed()
  }

  function watch() {
    timer ??= setInterval(check, checkMs).unref()
  }

  function check() {
    for (const thread of alive) {
      if (thread.isEnding()) continue
      thread.check()
      if (thread.isBlocked()) leave(thread)
      else if (thread !== current && thread.callCount() === 0) void thread.end()
    }
    if (alive.size > 1 || [...alive].some((thread) => thread.isBusy())) return
    clearInterval(timer)
    timer = undefined
  }

  function leave(thread: ProjectThread) {
    const tools = thread.toolNames()
    if (current === thread) {
      current = undefined
      log.warn('a tool blocks its thread: new calls use another one', { tools })
      thread.close()
    }
    const late = thread.lateTools()
    if (late.length === 0 && thread.callCount() > 0) return
    log.error('a thread is ended: a tool blocks it beyond the end of a call', { late, tools })
    void thread.end()
  }

  async function wait(signal: AbortSignal): Promise<ProjectThread> {
    for (let waited = 0; waited < waitMs; waited += pollMs) {
      signal.throwIfAborted()
      if (isStopped) throw new Error('The server is stopping.')
      if (current) return current
      if (alive.size < threadsMax && pauses.mayStart()) {
        current = start()
        return current
      }
      await sleep(pollMs, undefined, { ref: false })
    }
    throw new ToolError(busyText)
  }

  return {
    take(signal) {
      watch()
      return current ?? wait(signal)
    },
    async warmUp() {
      current ??= start()
      await current.loaded
    },
    async stop() {
      isStopped = true
      clearInterval(timer)
      await Promise.all([...alive].map((thread) => thread.end()))
    },
  }
}

const crashPauseMs = 100
const crashPauseMsMax = 5_000
const stableMs = 10_000

/** Pauses before another thread starts: longer each time that one ends by itself soon. */
function createPauses() {
  let crashes = 0
  let begunAt = 0
  let startAt = 0
  return {
    mayStart: () => performance.now() >= startAt,
    began() {
      begunAt = performance.now()
    },
    crashed() {
      const now = performance.now()
      crashes = now - begunAt > stableMs ? 1 : crashes + 1
      const pauseMs = crashes === 1 ? 0 : crashPauseMs * 2 ** (crashes - 2)
      startAt = now + Math.min(pauseMs, crashPauseMsMax)
    },
  }
}
