import type { Log } from '../log.ts'
import type { Level } from './principal.ts'

const lookMs = 400
const expiryMs = 2_000

/** What stays open with a credential: a stream in an organization. */
export type Opened = {
  credential: string
  orgId: string
  /** When given, what is open was for who may do just this. */
  level?: Level | undefined
}

type Watch = Opened & { ended: () => void }
type Means = {
  log: Log
  /** Learns what changed, and calls `look` when something did. */
  refresh: () => Promise<void>
  stillOpen: (opened: Opened) => Promise<boolean>
}

/** Closes connections with their credentials. Costs a statement each 400 ms while one is open. */
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

  /** Something changed. Contract: a change in the middle of a look makes another one. */
  async function look() {
    again = true
    if (looking) return
    looking = true
    await lookAtAll().catch((error) =>
      log.warn('whether streams may go on is asked again', { error }),
    )
    looking = false
  }

  function tick() {
    // Tokens end by themselves, without a change that anybody would be told of.
    if (performance.now() - lookedAt > expiryMs) void look()
    refresh().catch((error) => log.warn('whether access changed is asked again', { error }))
  }

  function remove(watch: Watch) {
    watches.delete(watch)
    if (watches.size > 0) return
    clearInterval(timer)
    timer = undefined
  }

  return {
    look,
    add(opened: Opened, ended: () => void): () => void {
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
