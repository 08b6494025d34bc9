import type { McpConnection } from './connection.ts'
import { McpFailure } from './failure.ts'

export type McpPoolOptions = {
  connectionsMax: number
  /** Time that a connection is held after its last call, in ms. */
  idleMs: number
}

/** A connection, and the organization that calls over it. */
export type PoolKey = { key: string; orgId: string }

type Entry = PoolKey & {
  opened: Promise<McpConnection>
  calls: number
  timer: NodeJS.Timeout | undefined
}

type Work<T> = (connection: McpConnection, drop: () => void) => Promise<T>

export type Pool = {
  /**
   * Runs `work` on the connection of a key, which is opened on demand.
   * Contract: a connection that `work` drops, because its server has ended the session, is not used
   * again.
   */
  use: <T>(of: PoolKey, open: () => Promise<McpConnection>, work: Work<T>) => Promise<T>
  /** Drops all open connections for further calls. */
  clear: () => void
  stop: () => Promise<void>
}

/** Part of the connections with open calls that one organization may have. */
const shareOfOne = 3 / 4

/**
 * Creates a pool of sessions with MCP servers between calls. It is a cache: a call without one
 * starts a new session. Servers of one organization that do not answer leave room for others.
 */
export function createMcpPool({ connectionsMax, idleMs }: McpPoolOptions): Pool {
  /** In order of use, the latest last. */
  const entries = new Map<string, Entry>()
  const closing = new Set<Promise<void>>()
  const openMaxOfOne = Math.ceil(connectionsMax * shareOfOne)

  function forget(entry: Entry) {
    clearTimeout(entry.timer)
    if (entries.get(entry.key) === entry) entries.delete(entry.key)
  }

  function close(entry: Entry, known: boolean) {
    forget(entry)
    const closed = entry.opened.then(
      (connection) => connection.close(known),
      () => {},
    )
    closing.add(closed)
    closed.finally(() => closing.delete(closed))
  }

  function makeRoom() {
    if (entries.size < connectionsMax) return
    const idle = [...entries.values()].find(({ calls }) => calls === 0)
    if (!idle) throw new McpFailure('is not called: this node has too many open MCP calls.')
    close(idle, true)
  }

  function checkShare(orgId: string) {
    const open = entries.values().filter((one) => one.orgId === orgId && one.calls > 0)
    if ([...open].length < openMaxOfOne || openMaxOfOne === connectionsMax) return
    throw new McpFailure('is not called: the organization has too many open MCP calls.')
  }

  function take({ key, orgId }: PoolKey, open: () => Promise<McpConnection>): Entry {
    const known = entries.get(key)
    if (!known?.calls) checkShare(orgId)
    if (known) forget(known)
    else makeRoom()
    const entry = known ?? { key, orgId, opened: open(), calls: 0, timer: undefined }
    entries.set(key, entry)
    entry.calls += 1
    return entry
  }

  function giveBack(entry: Entry) {
    entry.calls -= 1
    if (entry.calls > 0) return
    // It was dropped while others were using it.
    if (entries.get(entry.key) !== entry) return close(entry, false)
    entry.timer = setTimeout(() => close(entry, true), idleMs)
    entry.timer.unref()
  }

  return {
    async use(of, open, work) {
      const entry = take(of, open)
      try {
        return await work(await entry.opened, () => forget(entry))
      } finally {
        // The next call retries a connection that did not open.
        await entry.opened.catch(() => forget(entry))
        giveBack(entry)
      }
    },
    clear() {
      for (const entry of [...entries.values()]) {
        if (entry.calls === 0) close(entry, true)
        else forget(entry)
      }
    },
    async stop() {
      for (const entry of [...entries.values()]) close(entry, true)
      await Promise.all(closing)
    },
  }
}
