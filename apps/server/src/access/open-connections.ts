import type { Log } from '../log.ts'
import type { OpenChannel } from '../store/access/agent-channels.ts'
import { isOfIdentity } from './identity/identities.ts'
import type { Level } from './principal.ts'

const lookMs = 400
const expiryMs = 2_000

/** A connection that depends on a credential: a stream in an organization. */
export type OpenConnection = {
  credential: string
  orgId: string
  /** Set when the connection requires exactly this level. */
  level?: Level | undefined
  /** Set for a connection of a channel, which ends when the channel changes. */
  channel?: Pick<OpenChannel, 'updatedAt'> | undefined
}

type Watch = OpenConnection & { ended: () => void }
type Means = {
  log: Log
  /** Reads the changes, and calls `look` if there are any. */
  refresh: () => Promise<void>
  stillOpen: (opened: OpenConnection) => Promise<boolean>
}

/**
 * Closes connections when their credentials end. Runs a statement every 400 ms while one is open.
 */
function createOpenConnections({ log, refresh, stillOpen }: Means) {
  const watches = new Set<Watch>()
  let timer: NodeJS.Timeout | undefined
  let looking = false
  let again = false
  let lookedAt = performance.now()

  async function lookAtAll() {
    while (again) {
      again = false
      lookedAt = performance.now()
      const failures: unknown[] = []
      for (const watch of [...watches]) {
        if (!watches.has(watch)) continue
        const isOpen = await stillOpen(watch).catch((error) => {
          failures.push(error)
          return true
        })
        if (isOpen) continue
        watches.delete(watch)
        watch.ended()
      }
      if (failures.length > 0 && !again) throw failures[0]
    }
  }

  /**
   * Checks all connections after a change.
   * Contract: a change during a check causes another check. A check that fails ends nothing, and
   * does not keep others from being checked; it is repeated.
   */
  async function look() {
    again = true
    if (looking) return
    looking = true
    await lookAtAll().catch((error) =>
      log.warn('open streams could not be checked; trying again', { error }),
    )
    looking = false
  }

  function tick() {
    // Tokens expire without a recorded change.
    if (performance.now() - lookedAt > expiryMs) void look()
    refresh().catch((error) =>
      log.warn('changes of access could not be read; trying again', { error }),
    )
  }

  function remove(watch: Watch) {
    watches.delete(watch)
    if (watches.size > 0) return
    clearInterval(timer)
    timer = undefined
  }

  return {
    look,
    add(opened: OpenConnection, ended: () => void): () => void {
      const watch = { ...opened, ended }
      watches.add(watch)
      timer ??= setInterval(tick, lookMs)
      return () => remove(watch)
    },
    stop() {
      clearInterval(timer)
      watches.clear()
    },
  }
}

/** Identity providers may be slow: connections of their users delay no check of others. */
export function createConnectionChecks(means: Means) {
  const own = createOpenConnections(means)
  const remote = createOpenConnections(means)
  return {
    add: (opened: OpenConnection, ended: () => void) =>
      (isOfIdentity(opened.credential) ? remote : own).add(opened, ended),
    look: () => Promise.all([own.look(), remote.look()]),
    stop() {
      own.stop()
      remote.stop()
    },
  }
}
