import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { Log } from '../log.ts'
import { connectionOptions, sessionParameters, shownParameters } from './database.ts'
import { isReadOnly, isUnavailable } from './database-errors.ts'
import { applyMigrations } from './migrations.ts'
import { DatabaseUnusableError } from './unusable.ts'

const lockKey = 79_117_651
const lockPauseMs = 50
const lockWaitMs = 120_000
const oldestServer = 150_000

/**
 * Brings the schema up to date, and whatever `also` does, while every other node waits.
 * Contract: the lock is polled for, so that no waiting node holds a transaction open; a schema from a newer
 * version, a server that is too old: DatabaseUnusableError, nothing changed.
 */
export async function migrate(
  url: string,
  also: () => Promise<void>,
  log?: Pick<Log, 'warn'>,
): Promise<void> {
  const client = new pg.Client(connectionOptions(url))
  client.on('error', () => {})
  await connect(client)
  try {
    await checkServer(client)
    await checkSession(client)
    await lock(client)
    await applyMigrations(client, log)
    await also()
  } catch (error) {
    throw isUnavailable(error) ? unusable(client, error) : error
  } finally {
    await client.end()
  }
}

async function connect(client: pg.Client) {
  try {
    await client.connect()
  } catch (error) {
    throw unusable(client, error)
  }
}

/** What keeps the server from starting, and what can be done where that is known. */
function unusable({ host, port, database }: pg.Client, error: unknown) {
  const { message } = error as Error
  return new DatabaseUnusableError(
    `The database of DATABASE_URL (${database} on ${host}:${port}) cannot be used: ${message}.${hintFor(error)}`,
  )
}

function hintFor(error: unknown): string {
  if (isReadOnly(error)) {
    return ' It takes no writes: it is a standby, or default_transaction_read_only is on. Outlast needs the primary.'
  }
  const { message } = error as Error
  return message.includes('unsupported startup parameter') ? ` ${poolerHint}` : ''
}

const poolerHint =
  'A connection pooler does not pass on the session parameters of Outlast: connect to PostgreSQL itself, or see docs/many-nodes.md.'

/** A pooler in between may drop what every session needs. */
async function checkSession(client: pg.Client) {
  for (const [name, wanted] of Object.entries(shownParameters)) {
    const { rows } = await client.query<{ value: string }>('select current_setting($1) as value', [
      name,
    ])
    const { value } = rows[0]!
    if (wanted.test(value)) continue
    const needed = sessionParameters[name as keyof typeof shownParameters]
    throw new DatabaseUnusableError(
      `Sessions of the database have ${name} = '${value}', and Outlast needs '${needed}'. ${poolerHint}`,
    )
  }
}

async function checkServer(client: pg.Client) {
  const { rows } = await client.query<{ server_version_num: string }>('show server_version_num')
  if (Number(rows[0]!.server_version_num) >= oldestServer) return
  throw new DatabaseUnusableError('The PostgreSQL server is older than version 15.')
}

async function lock(client: pg.Client) {
  const deadline = Date.now() + lockWaitMs
  for (;;) {
    const { rows } = await client.query<{ got: boolean }>(
      'select pg_try_advisory_lock($1) as got',
      [lockKey],
    )
    if (rows[0]!.got) return
    if (Date.now() > deadline) {
      throw new DatabaseUnusableError('Another node has been migrating the database for 2 minutes.')
    }
    await sleep(lockPauseMs)
  }
}
