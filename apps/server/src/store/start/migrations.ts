import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import type { Log } from '../../log.ts'
import { DatabaseUnusableError } from './unusable.ts'

const directory = new URL('../../../migrations/', import.meta.url)
/** A statement that waits for a table blocks all later ones, so its wait is limited and retried. */
const lockTimeoutMs = 1_000
const pauseMs = 2_000
const waitMsMax = 15 * 60_000
/** No lock in time, and a deadlock with a running node. */
const contentions = ['55P03', '40P01']

/** First line of a migration of one statement that builds an index while the table is in use. */
const concurrentMark = '-- concurrently'
const indexName = /create (?:unique )?index concurrently if not exists (\w+)/

type Migration = { name: string; text: string; checksum: string }

/**
 * Applies missing migrations in the order of their numbers.
 * Contract: throws DatabaseUnusableError in three cases: this version lacks an applied migration, a
 * checksum differs, or another session holds a lock for 15 minutes.
 */
export async function applyMigrations(
  client: pg.Client,
  log: Pick<Log, 'warn'> | undefined,
): Promise<void> {
  const migrations = await readMigrations()
  await prepare(client, log)
  const { rows } = await client.query<{ name: string; checksum: string | null }>(
    'select name, checksum from outlast_migrations order by name',
  )
  const applied = new Map(rows.map(({ name, checksum }) => [name, checksum]))
  checkApplied(migrations, applied)
  for (const migration of migrations) {
    if (applied.get(migration.name) === null) await record(client, migration)
    if (!applied.has(migration.name)) await applyOne(client, migration, log)
  }
}

async function readMigrations(): Promise<Migration[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.sql')).sort()
  return Promise.all(
    names.map(async (name) => {
      const text = (await readFile(new URL(name, directory), 'utf8')).replaceAll('\r\n', '\n')
      return { name, text, checksum: createHash('sha256').update(text).digest('hex') }
    }),
  )
}

/** Creates the table of applied migrations. Release 0.1 recorded names only. */
async function prepare(client: pg.Client, log: Pick<Log, 'warn'> | undefined) {
  const { rows } = await client.query<{ count: number }>(
    `select count(*)::int as count from information_schema.columns
     where table_schema = current_schema() and table_name = 'outlast_migrations' and column_name = 'checksum'`,
  )
  if (rows[0]!.count > 0) return
  await inTransaction(client, 'of the list of migrations', log, async () => {
    await client.query(
      'create table if not exists outlast_migrations (name text primary key, applied_at timestamptz not null default now())',
    )
    await client.query('alter table outlast_migrations add column checksum text')
  })
}

function checkApplied(migrations: Migration[], applied: Map<string, string | null>) {
  const known = new Map(migrations.map(({ name, checksum }) => [name, checksum]))
  const foreign = [...applied.keys()].filter((name) => !known.has(name))
  if (foreign.length > 0) {
    throw new DatabaseUnusableError(
      `The database was written by a newer version of Outlast (it has ${foreign.at(-1)}). Start that version; nothing was changed.`,
    )
  }
  for (const [name, checksum] of applied) {
    if (checksum === null || checksum === known.get(name)) continue
    throw new DatabaseUnusableError(
      `The database was written by another build of Outlast, whose migration ${name} differs from the one here. Start that build; nothing was changed.`,
    )
  }
}

async function applyOne(
  client: pg.Client,
  migration: Migration,
  log: Pick<Log, 'warn'> | undefined,
) {
  const { name, text } = migration
  if (text.startsWith(concurrentMark)) {
    const words = 'an index is being built; this waits for every open transaction to end'
    const late = setTimeout(() => log?.warn(words, { name }), pauseMs)
    await buildIndex(client, migration).finally(() => clearTimeout(late))
    return record(client, migration)
  }
  await inTransaction(client, name, log, async () => {
    await client.query(text)
    await record(client, migration)
  })
}

const record = (client: pg.Client, { name, checksum }: Migration) =>
  client.query(
    `insert into outlast_migrations (name, checksum) values ($1, $2)
     on conflict (name) do update set checksum = excluded.checksum`,
    [name, checksum],
  )

/** Builds an index without blocking writes. Replaces an invalid index of an earlier attempt. */
async function buildIndex(client: pg.Client, { text }: Migration) {
  const [, index] = indexName.exec(text)!
  const { rows } = await client.query<{ count: number }>(
    'select count(*)::int as count from pg_index where indexrelid = to_regclass($1) and not indisvalid',
    [index],
  )
  if (rows[0]!.count > 0) await client.query(`drop index concurrently ${index}`)
  await client.query(text)
}

/** Runs `work` in a transaction; retries it while another session holds one of its tables. */
async function inTransaction(
  client: pg.Client,
  name: string,
  log: Pick<Log, 'warn'> | undefined,
  work: () => Promise<void>,
) {
  const deadline = Date.now() + waitMsMax
  for (let tries = 1; ; tries += 1) {
    try {
      await client.query(`begin; set local lock_timeout = ${lockTimeoutMs}`)
      await work()
      await client.query('commit')
      return
    } catch (error) {
      await client.query('rollback')
      if (!contentions.includes((error as { code?: string }).code ?? '')) throw error
      if (Date.now() > deadline) {
        throw new DatabaseUnusableError(
          `Migration ${name} has waited 15 minutes for a table that another session uses, such as a backup. Start again once that has ended; nothing was changed.`,
        )
      }
      if (tries === 1)
        log?.warn('a migration waits for a table that another session uses', { name })
      await sleep(pauseMs)
    }
  }
}
