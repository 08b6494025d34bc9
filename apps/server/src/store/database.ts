import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import { standbyError } from './database-errors.ts'
import type { History } from './history.ts'
import type { Tables } from './tables.ts'

/** A statement that runs often: prepared once on each connection, under its name. */
export type Statement = { name: string; text: string }

/** Where store functions read and write: the pool, or one transaction. */
export type Db = {
  /** Typed queries. */
  kysely: Kysely<Tables>
  /** A hot statement, prepared. */
  run: <Row>(statement: Statement, values: readonly unknown[]) => Promise<Row[]>
}

export type Database = Db & {
  pool: pg.Pool
  /** Commits when `work` returns, rolls back when it throws. */
  transaction: <T>(work: (db: Db) => Promise<T>) => Promise<T>
  close: () => Promise<void>
}

const timestamptz = 1184
const int8 = 20

/** `2026-11-24 15:09:30.12+00`, as PostgreSQL prints it in UTC, to RFC 3339 with three digits after the second. */
function toRfc3339(text: string): string {
  const fraction = text.slice(20, -3).padEnd(3, '0').slice(0, 3)
  return `${text.slice(0, 10)}T${text.slice(11, 19)}.${fraction}Z`
}

const parsers: Record<number, (text: string) => unknown> = {
  [timestamptz]: toRfc3339,
  [int8]: Number,
}

const types = {
  getTypeParser(oid: number, format?: 'text' | 'binary') {
    return format === 'binary'
      ? pg.types.getTypeParser(oid, format)
      : (parsers[oid] ?? pg.types.getTypeParser(oid))
  },
} as pg.CustomTypesConfig

/**
 * What the server's code relies on in every session, whatever the role, the database, or DATABASE_URL set. Statements are
 * limited by `statement_timeout` alone. `default_transaction_read_only` is the server's to decide.
 */
export const sessionParameters = {
  timezone: 'UTC',
  datestyle: 'ISO',
  client_encoding: 'UTF8',
  standard_conforming_strings: 'on',
  default_transaction_isolation: 'read committed',
  statement_timeout: '0',
  lock_timeout: '0',
  idle_session_timeout: '0',
  // Longer than any transaction of ours waits for something else than the database.
  idle_in_transaction_session_timeout: '60s',
}

/** Those of them whose other values would be wrong, as the server shows them; the rest are limits. */
export const shownParameters = {
  timezone: /^(Etc\/)?UTC$/,
  datestyle: /^ISO\b/,
  client_encoding: /^UTF8$/,
  standard_conforming_strings: /^on$/,
  default_transaction_isolation: /^read committed$/,
} satisfies Partial<Record<keyof typeof sessionParameters, RegExp>>

const ourOptions = Object.entries(sessionParameters)
  .map(([name, value]) => `-c ${name}=${value.replaceAll(' ', '\\ ')}`)
  .join(' ')

/** Parameters of a URL that would take the place of ours. */
const overridden = ['options', 'query_timeout', ...Object.keys(sessionParameters)]

/** Takes out of a URL what would take the place of our session parameters; its `options` are given apart. */
function splitOptions(url: string) {
  const mark = url.indexOf('?')
  if (mark < 0) return { url, options: '' }
  const parameters = new URLSearchParams(url.slice(mark))
  const options = parameters.get('options') ?? ''
  for (const name of overridden) parameters.delete(name)
  return { url: `${url.slice(0, mark)}?${parameters}`, options }
}

/**
 * How every connection is made. Of the URL's `options` all are kept; PostgreSQL takes the last of each, so that ours win.
 */
export function connectionOptions(given: string) {
  const { url, options } = splitOptions(given)
  return {
    connectionString: url,
    application_name: 'outlast',
    options: `${options} ${ourOptions}`.trim(),
    connectionTimeoutMillis: 5_000,
    keepAlive: true,
    types,
  }
}

export type PoolOptions = {
  url: string
  max: number
  /** Longest a statement may take, and a silent network be waited for. */
  timeoutMs?: number
  /** Learns of each new connection, before its first statement, which history the database has. */
  history?: History
  onError: (error: Error) => void
}

/** With the time of one statement it stays under the 10 s in which every request has an answer. */
const poolWaitMs = 2_500
const rollbackMs = 500

/**
 * Refuses a new connection that leads to a standby, as it does while an address moves in a failover: what it reads may be
 * old. A primary that becomes a standby restarts, so that connections to it end.
 */
function refuseStandby(client: pg.PoolClient, done: (error?: Error) => void) {
  client.query<{ in_hot_standby: string }>('show in_hot_standby').then(
    ({ rows }) => (rows[0]?.in_hot_standby === 'on' ? done(standbyError()) : done()),
    (error) => done(error),
  )
}

/** A pool whose idle connections may break without breaking the process. */
export function createPool(options: PoolOptions): pg.Pool {
  const { url, max, timeoutMs = 10_000, history, onError } = options
  const pool = new pg.Pool({
    ...connectionOptions(url),
    ...(history ? { onConnect: history.check } : { verify: refuseStandby }),
    connectionTimeoutMillis: Math.min(timeoutMs, poolWaitMs),
    statement_timeout: timeoutMs,
    query_timeout: timeoutMs,
    max,
  })
  pool.on('error', onError)
  pool.on('connect', (client) => client.on('error', onError))
  return pool
}

export function openDatabase(options: PoolOptions): Database {
  const pool = createPool(options)
  return {
    ...over(pool),
    pool,
    async transaction(work) {
      const unit = await openUnit(pool)
      try {
        const result = await work(unit.db)
        await unit.commit()
        return result
      } catch (error) {
        await unit.rollback()
        throw error
      }
    },
    close: () => pool.end(),
  }
}

/** One transaction: a new one, or the one that `db` is in already. */
export const atomically = <T>(db: Db | Database, work: (db: Db) => Promise<T>): Promise<T> =>
  'transaction' in db ? db.transaction(work) : work(db)

/** A transaction that somebody else ends, with one mark to go back to. */
export type Unit = {
  db: Db
  /** Sets the mark, and lets statements wait for locks again for as long as any statement may take. */
  mark: () => Promise<void>
  backToMark: () => Promise<void>
  commit: () => Promise<void>
  /** Contract: never throws, and may be called again. */
  rollback: () => Promise<void>
}

export async function openUnit(pool: pg.Pool): Promise<Unit> {
  const client = await pool.connect()
  let open = true
  const finish = async (statement: 'commit' | 'rollback') => {
    open = false
    const limit = statement === 'rollback' && { query_timeout: rollbackMs }
    const broken = await client.query({ text: statement, ...limit }).then(
      () => undefined,
      (error: Error) => error,
    )
    client.release(broken !== undefined)
    return broken
  }
  await client.query('begin').catch((error) => {
    client.release(true)
    throw error
  })
  return {
    db: over(client),
    mark: async () => void (await client.query('set local lock_timeout = 0; savepoint effect')),
    backToMark: async () => void (await client.query('rollback to savepoint effect')),
    async commit() {
      const broken = await finish('commit')
      if (broken) throw broken
    },
    async rollback() {
      if (open) await finish('rollback')
    },
  }
}

/**
 * Takes the rows out of what pg gave. An ended query of pg outlives every small collection of garbage, until the next full
 * one. With its rows in it, whoever reads much has them all copied to the old generation, tens of milliseconds at a time.
 */
function rowsOf<Row>(result: { rows: unknown[] }): Row[] {
  const { rows } = result
  result.rows = []
  return rows as Row[]
}

function over(target: pg.Pool | pg.PoolClient): Db {
  let typed: Kysely<Tables> | undefined
  return {
    get kysely() {
      typed ??= new Kysely<Tables>({ dialect: new PostgresDialect({ pool: poolOf(target) }) })
      return typed
    },
    run<Row>({ name, text }: Statement, values: readonly unknown[]) {
      return target.query({ name, text, values: values as unknown[] }).then(rowsOf<Row>)
    },
  }
}

/** Kysely wants a pool: one connection inside a transaction poses as one that never gives it back. */
function poolOf(target: pg.Pool | pg.PoolClient) {
  if (target instanceof pg.Pool) return target
  const held = { query: target.query.bind(target), release() {} }
  return { connect: async () => held, end: async () => {} } as never
}
