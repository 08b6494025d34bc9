import type { Log } from '../../log.ts'
import type { Database } from '../database.ts'
import { lastSequences } from '../log/events.ts'
import type { Bus } from './bus.ts'

const compareMs = 2_000

/**
 * Compares all followed sessions with the table in one query every 2 s, and whenever hints may have
 * been lost. A lost hint therefore only causes a delay.
 */
export function keepComparing({ bus, db, log }: { bus: Bus; db: Database; log: Log }) {
  async function compare() {
    const followed = bus.followed()
    if (followed.length === 0) return
    const readAt = performance.now()
    const found = await lastSequences(db, followed)
    const known = new Set(found.map(({ id }) => id))
    for (const { id, sequence } of found) bus.hint(id, sequence, readAt)
    for (const { id } of followed) if (!known.has(id)) bus.gone(id)
  }

  const look = () => {
    compare().catch((error) => log.debug('followed sessions were not compared', { error }))
  }
  const timer = setInterval(look, compareMs)
  const forget = bus.onConnected(look)
  return {
    stop() {
      clearInterval(timer)
      forget()
    },
  }
}
