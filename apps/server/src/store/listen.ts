import pg from 'pg'
import type { Log } from '../log.ts'
import type { Bus } from './bus.ts'
import { connectionOptions, type Database } from './database.ts'
import { lastSequences } from './events.ts'

const compareMs = 2_000
const reconnectMs = 500

export type Listening = { stop: () => Promise<void> }

/**
 * Hears what other nodes store, and once in 2 s compares all followed sessions with the table, in one query, so
 * that a lost hint costs time and nothing else. Without a `url` there are no other nodes to hear.
 */
export function listen(
  { bus, db, log }: { bus: Bus; db: Database; log: Log },
  url: string | undefined,
): Listening {
  let stopped = false
  let client: pg.Client | undefined

  async function connect() {
    if (stopped || url === undefined) return
    const fresh = new pg.Client(connectionOptions(url))
    const again = once(() => setTimeout(connect, reconnectMs).unref())
    fresh.on('error', (error) => {
      log.warn('listening for other nodes broke off', { error })
      again()
    })
    fresh.on('end', again)
    fresh.on('notification', ({ payload }) => bus.receive(payload ?? ''))
    try {
      await fresh.connect()
      await fresh.query(`listen ${bus.channel}`)
      client = fresh
      await compare()
    } catch (error) {
      log.warn('listening for other nodes did not begin', { error })
      again()
    }
  }

  async function compare() {
    const followed = bus.followed()
    if (followed.length === 0) return
    const found = await lastSequences(db, followed)
    for (const { id, sequence } of found) bus.hint(id, sequence)
  }

  const timer = setInterval(() => {
    compare().catch((error) => log.debug('followed sessions were not compared', { error }))
  }, compareMs)
  void connect()

  return {
    async stop() {
      stopped = true
      clearInterval(timer)
      await client?.end().catch(() => {})
    },
  }
}

function once(work: () => void): () => void {
  let done = false
  return () => {
    if (!done) work()
    done = true
  }
}
