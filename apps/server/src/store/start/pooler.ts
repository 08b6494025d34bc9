import type pg from 'pg'
import { newClient } from '../connect.ts'
import { DatabaseUnusableError } from './unusable.ts'

const waitMs = 15_000

/**
 * Verifies that a connection is one session of PostgreSQL for its whole life.
 * Contract: throws DatabaseUnusableError behind a pooler that assigns sessions per transaction,
 * such as PgBouncer in transaction mode: prepared statements, locks and LISTEN would apply to other
 * clients.
 */
export async function checkPooler(url: string): Promise<void> {
  const limits = { query_timeout: waitMs, connectionTimeoutMillis: waitMs }
  const [one, two] = [newClient(url, limits), newClient(url, limits)]
  for (const client of [one, two]) client.on('error', () => {})
  try {
    await Promise.all([one.connect(), two.connect()])
    const sessions = new Set([await begin(one)])
    // Poolers reuse the session that was released last or first: one of the orders reveals it.
    for (const order of [
      [one, two],
      [two, one],
    ]) {
      await begin(two)
      for (const client of order) await client.query('commit')
      sessions.add(await begin(one))
    }
    if (sessions.size > 1) throw sharedSessions()
  } catch (error) {
    if (/^Query read timeout/.test((error as Error).message)) throw sharedSessions()
    throw error
  } finally {
    await Promise.all([one, two].map((client) => client.end().catch(() => {})))
  }
}

/** Timeouts of the role or the database may be short. */
const beginPatiently = `begin;
  select set_config(name, '0', true) from pg_settings
  where name in ('idle_in_transaction_session_timeout', 'statement_timeout', 'transaction_timeout')`

/** Begins a transaction; returns the backend pid of its session. */
async function begin(client: pg.Client): Promise<number> {
  await client.query(beginPatiently)
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
  return rows[0]!.pid
}

const sharedSessions = () =>
  new DatabaseUnusableError(
    'DATABASE_URL leads to a connection pooler that shares sessions between connections, such as PgBouncer in transaction mode. Use session mode, or connect to PostgreSQL itself.',
  )
