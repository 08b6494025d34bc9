import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import type { Slot } from '../shares.ts'
import { clientOf, prepareSession } from './connect.ts'
import type { History } from './history.ts'
import { createStoredTexts, type StoredTexts } from './stored-texts.ts'
import type { Tables } from './tables/tables.ts'

/** A frequent statement: prepared once on each connection, under its name. */
export type Statement = { name: string; text: string }

/** A target for the reads and writes of store functions: the pool, or one transaction. */
export type Db = {
  /** Typed queries. */
  kysely: Kysely<Tables>
  /** A hot statement, prepared. */
  run: <Row>(statement: Statement, values: readonly unknown[]) => Promise<Row[]>
  /** Shared by all connections to one database. */
  texts: StoredTexts
}

/** Connections that can begin transactions: a pool, or a share of it. */
export type TransactingDb = Db & {
  /** Commits when `work` returns, rolls back when it throws. */
  transaction: <T>(work: (db: Db) => Promise<T>) => Promise<T>
  /** Begins a transaction that the caller ends. */
  begin: () => Promise<Unit>
}

export type Database = TransactingDb & { pool: pg.Pool; close: () => Promise<void> }

/** A source of connections: the pool, or a share of it. */
export type Connections = { query: pg.Pool['query']; connect: () => Promise<pg.PoolClient> }

export type PoolOptions = {
  url: string
  max: number
  /** Longest time of a statement, and longest silence of the network. */
  timeoutMs?: number
  /** Longest wait for a connection. */
  waitMs?: number
  /** Receives the database's history on each new connection, before its first statement. */
  history?: History
  onError: (error: Error) => void
}

/** Limits of a request or a turn at the database, in ms. */
export type DatabaseWaits = {
  statement: number
  /** For a connection. */
  connection: number
  /** For a lock, in a transaction of a request. */
  lock: number
}

/**
 * The wait for a connection and one statement stay under 10 s, within which every request is
 * answered. A row takes two locks in succession, so the wait for a lock is less than half of that
 * for a connection: a connection becomes free in time even when all requests wait for locks.
 */
export const databaseWaits: DatabaseWaits = { statement: 6_000, connection: 2_500, lock: 1_000 }
const rollbackMs = 500
/**
 * An unused connection is closed later: a new one plans all its statements again. Load balancers
 * drop connections that were silent for some minutes.
 */
const idleMsMax = 60_000

/** Creates a pool. A broken idle connection does not end the process. */
export function createPool(given: PoolOptions): pg.Pool {
  const {
    url,
    max,
    timeoutMs = 10_000,
    waitMs = databaseWaits.connection,
    history,
    onError,
  } = given
  const options = { connectionTimeoutMillis: Math.min(timeoutMs, waitMs) }
  const pool = new pg.Pool({
    ...options,
    max,
    idleTimeoutMillis: idleMsMax,
    Client: clientOf(url, options, timeoutMs),
    async onConnect(client) {
      await prepareSession(client as pg.Client, { statement_timeout: String(timeoutMs) })
      await history?.check(client)
    },
  })
  pool.on('error', onError)
  pool.on('connect', (client) => client.on('error', onError))
  return pool
}

export function openDatabase(options: PoolOptions): Database {
  const pool = createPool(options)
  const db = databaseOn({ pool, texts: createStoredTexts() })
  return Object.assign(db, { pool, close: () => pool.end() })
}

/** Runs statements and transactions on the connections of a pool, or of a share of it. */
export function databaseOn(place: UnitPlace): TransactingDb {
  return Object.assign(over(place.pool, place.texts), {
    begin: () => openUnit(place),
    async transaction<T>(work: (db: Db) => Promise<T>) {
      const unit = await openUnit(place)
      try {
        const result = await work(unit.db)
        await unit.commit()
        return result
      } catch (error) {
        await unit.rollback()
        throw error
      }
    },
  })
}

type TakeSlot = () => Slot | Promise<Slot>

/**
 * A share of a pool: statements and connections wait for `takeSlot`, whose result frees the slot.
 */
export function inShare(pool: pg.Pool, takeSlot: TakeSlot): Connections {
  return {
    async query(config: pg.QueryConfig) {
      const free = await takeSlot()
      return pool.query(config).finally(free)
    },
    async connect() {
      const free = await takeSlot()
      const client = await pool.connect().catch((error) => {
        free()
        throw error
      })
      // The pool sets `release` for each checkout. A closure that is assigned where it is written
      // would stay in memory: see `limitQueries`.
      const { release } = client
      const releaseBoth = (broken?: Error | boolean) => {
        release.call(client, broken)
        free()
      }
      client.release = releaseBoth
      return client
    },
  } as Connections
}

/** Runs `work` in one transaction: a new one, or the one that `db` already is. */
export const atomically = <T>(db: Db | Database, work: (db: Db) => Promise<T>): Promise<T> =>
  'transaction' in db ? db.transaction(work) : work(db)

/** `lockTimeoutMs`: longest wait of a statement for a lock; 0: the statement timeout. */
type UnitPlace = { pool: Connections; texts: StoredTexts; lockTimeoutMs?: number }

/** A transaction that the caller ends, with one savepoint. */
export type Unit = {
  db: Db
  mark: () => Promise<void>
  backToMark: () => Promise<void>
  commit: () => Promise<void>
  /** Contract: never throws, and may be called again. */
  rollback: () => Promise<void>
}

async function openUnit({ pool, texts, lockTimeoutMs = 0 }: UnitPlace): Promise<Unit> {
  const client = await pool.connect()
  const begin = lockTimeoutMs > 0 ? `begin; set local lock_timeout = ${lockTimeoutMs}` : 'begin'
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
  await client.query(begin).catch((error) => {
    client.release(true)
    throw error
  })
  return {
    db: over(client, texts),
    mark: async () => void (await client.query('savepoint effect')),
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

function over(target: Connections | pg.PoolClient, texts: StoredTexts): Db {
  let typed: Kysely<Tables> | undefined
  return {
    texts,
    get kysely() {
      typed ??= new Kysely<Tables>({ dialect: new PostgresDialect({ pool: poolOf(target) }) })
      return typed
    },
    run<Row>({ name, text }: Statement, values: readonly unknown[]) {
      const sent = target.query({ name, text, values: values as unknown[] })
      return sent.then(({ rows }) => rows as Row[])
    },
  }
}

/**
 * Adapts connections to Kysely, which needs a pool. The pool of a transaction has one connection,
 * which is never released.
 */
function poolOf(target: Connections | pg.PoolClient) {
  const held = 'release' in target && { query: target.query.bind(target), release() {} }
  return { connect: async () => held || target.connect(), end: async () => {} } as never
}
