import { setTimeout as sleep } from 'node:timers/promises'
import { indexDueSessions } from '../store/sessions/search/documents.ts'
import { markOlderSessions } from '../store/sessions/search/due.ts'
import type { Node } from './node.ts'

/** How often a node looks for changed sessions. */
const lookEveryMs = 2_000
/** Pause after a batch, so that a long backlog delays no turns. */
const restMs = 25

/** Reads the words of changed sessions for the search. `stop` waits for the current batch. */
export function startSearchIndex({ db, log }: Pick<Node, 'db' | 'log'>) {
  const stopping = new AbortController()
  const { signal } = stopping

  /** The organization after which the next batch begins. */
  let after = ''
  /** Sessions that are older than the search may be left. */
  let hasOlder = true

  async function step(): Promise<boolean> {
    const { count, next, errors } = await indexDueSessions(db, after)
    for (const [{ sessionId: session }, error] of errors) {
      log.warn('could not read a session for the search', { session, error })
    }
    const isAtEnd = after !== ''
    after = next
    if (count > 0 || isAtEnd) return true
    if (hasOlder) hasOlder = await markOlderSessions(db)
    return hasOlder
  }

  async function work() {
    while (!signal.aborted) {
      const isBusy = await step().catch((error) => {
        if (!signal.aborted) log.warn('could not read sessions for the search', { error })
        return false
      })
      await sleep(isBusy ? restMs : lookEveryMs, undefined, { signal }).catch(() => {})
    }
  }

  const working = work()
  return {
    async stop() {
      stopping.abort()
      await working
    },
  }
}
