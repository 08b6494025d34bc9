import type { Log } from '../log.ts'
import type { OpenChannel } from '../store/access/agent-channels.ts'
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
export function createOpenConnections({ log, refresh, stillOpen }: Means) {
  const watches = new Set<Watch>()
  let timer: NodeJS.Timeout | undefined
  let looking = false
  let again = false
  let lookedAt = performance.now()

  async function lookAtAll() {
    while (again) {
      again = false
      lookedAt = performance.now()
      for (const watch of [...watches]) {
        if (!watches.has(watch) || (await stillOpen(watch))) continue
        watches.delete(watch)
        watch.ended()
      }
    }
  }

  /**
   * Checks all connections after a change.
   * Contract: a change during a check causes another check.
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
