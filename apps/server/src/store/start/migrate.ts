import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { hostUrls } from '../../config/postgres-hosts.ts'
import type { Log } from '../../log.ts'
import { newClient, prepareSession } from '../connect.ts'
import { isReadOnly, isTimeout, isUnavailable } from '../database-errors.ts'
import { applyMigrations } from './migrations.ts'
import { checkPooler } from './pooler.ts'
import { DatabaseUnusableError } from './unusable.ts'

/** A start fails if it cannot connect. Longer than that of a running node, which tries again. */
const startMs = 15_000
const lockKey = 79_117_651
const lockPauseMs = 50
/** Wait for another node's migration before it is logged. */
const lockLogMs = 2_000
/** Longer than one migration waits for a table. */
const lockWaitMs = 20 * 60_000
const oldestServer = 150_000

/**
 * Migrates the schema and runs `also`, which may be repeated, while all other nodes wait. `direct`:
 * no pooler is in between.
 * Contract: the lock is polled, so that no waiting node holds a transaction open. Throws
 * DatabaseUnusableError, with nothing changed, for a schema of a newer version and for a server
 * that is too old or whose database has another encoding than UTF8.
 */
export async function migrate(
  url: string,
  also: () => Promise<void>,
  { log, direct = false }: { log?: Pick<Log, 'info' | 'warn'>; direct?: boolean } = {},
): Promise<void> {
  const client = await connectToHost(url)
  try {
    await checkServer(client)
    if (!direct) await checkPooler(url)
    await lock(client, log)
    await applyMigrations(client, log)
    await untilAvailable(also)
  } catch (error) {
    throw isUnavailable(error) ? unusable(client, error) : error
  } finally {
    await client.end()
  }
}

/** Repeats work that times out: its connections have the limits of a running node. */
async function untilAvailable(work: () => Promise<void>): Promise<void> {
  const deadline = Date.now() + startMs
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (!isTimeout(error) || Date.now() > deadline) throw error
      await sleep(lockPauseMs)
    }
  }
}

/** Creates a client, which reads the files that the URL names. */
function firstClient(url: string): pg.Client {
  try {
    return newClient(url, { connectionTimeoutMillis: startMs })
  } catch (error) {
    throw new DatabaseUnusableError(`DATABASE_URL cannot be used: ${(error as Error).message}.`)
  }
}

/** Tries each host once. Contract: throws DatabaseUnusableError. */
export async function connectToHost(url: string): Promise<pg.Client> {
  for (let left = hostUrls(url).length; ; left -= 1) {
    const client = firstClient(url)
    client.on('error', () => {})
    try {
      await client.connect()
      await prepareSession(client)
      return client
    } catch (error) {
      await client.end().catch(() => {})
      if (left <= 1) throw unusable(client, error)
    }
  }
}

/** Returns the error that prevents the start, with a remedy where one is known. */
function unusable({ host, port, database, user }: pg.Client, error: unknown) {
  const { message } = error as Error
  const hint = isReadOnly(error)
    ? ' It accepts no writes: it is a standby, or default_transaction_read_only is on. Outlast needs the primary.'
    : ''
  return new DatabaseUnusableError(
    `The database of DATABASE_URL (${database ?? user ?? 'no database'} on ${host}:${port}) cannot be used: ${message}.${hint}`,
  )
}

async function checkServer(client: pg.Client) {
  const { rows } = await client.query<{ version: number; encoding: string }>(
    `select current_setting('server_version_num')::int as version, current_setting('server_encoding') as encoding`,
  )
  const { version, encoding } = rows[0]!
  if (version < oldestServer) {
    throw new DatabaseUnusableError('The PostgreSQL server is older than version 15.')
  }
  if (encoding !== 'UTF8') {
    throw new DatabaseUnusableError(
      `The database has the encoding ${encoding}. Create one with the encoding UTF8 from template0.`,
    )
  }
}

async function lock(client: pg.Client, log: Pick<Log, 'info'> | undefined) {
  const begun = Date.now()
  let logged = false
  for (;;) {
    const { rows } = await client.query<{ got: boolean }>(
      'select pg_try_advisory_lock($1) as got',
      [lockKey],
    )
    if (rows[0]!.got) return
    const waitedMs = Date.now() - begun
    if (waitedMs > lockWaitMs) {
      throw new DatabaseUnusableError(
        'Another node has been migrating the database for 20 minutes.',
      )
    }
    if (waitedMs > lockLogMs && !logged) {
      log?.info('another node migrates the database; this one waits before it listens')
      logged = true
    }
    await sleep(lockPauseMs)
  }
}
