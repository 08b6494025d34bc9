import { randomBytes } from 'node:crypto'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { openDatabase } from '../src/store/database.ts'
import { eventually, patient } from './waiting.ts'

export const template = 'template_outlast'

const inUse = '55006'
const attemptsMax = 200
const pauseMs = 25

/**
 * Creates a migrated database for a test or a file (`t` of a `before` hook too). Returns its URL.
 */
export async function createTestDatabase(t: Pick<TestContext, 'after'>): Promise<string> {
  const admin = process.env.OUTLAST_TEST_DATABASE_URL
  if (!admin) throw new Error('There is no test database: run this file with `npm test -- <file>`.')
  const name = `test_${randomBytes(8).toString('hex')}`
  await copyTemplate(admin, name)
  t.after(() => runSql(admin, `drop database if exists ${name} with (force)`))
  const url = new URL(admin)
  url.pathname = name
  return url.href
}

/** Opens connections for functions of the store, which wait for the database as `patient`. */
export const openTestPool = (url: string, max = 1) =>
  openDatabase({
    url,
    max,
    timeoutMs: patient.statement,
    waitMs: patient.connection,
    onError() {},
  })

/** False for the address of a proxy. */
export const isTestDatabase = (url: string) =>
  url.split(/[@,/]/).includes(new URL(process.env.OUTLAST_TEST_DATABASE_URL!).host)

/** PostgreSQL sometimes copies a template for one client only: the second one retries. */
async function copyTemplate(admin: string, name: string) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await runSql(admin, `create database ${name} template ${template} strategy file_copy`)
    } catch (error) {
      if ((error as { code?: string }).code !== inUse || attempt === attemptsMax) throw error
      await sleep(pauseMs)
    }
  }
}

/** Sets or resets defaults of new connections to a test's database, as its administrator. */
export async function alterDatabase(url: string, change: string): Promise<void> {
  const name = new URL(url).pathname.slice(1)
  await runSql(process.env.OUTLAST_TEST_DATABASE_URL!, `alter database ${name} ${change}`)
}

/** Runs one statement on a connection of its own. */
export async function runSql(url: string, text: string): Promise<void> {
  await queryRows(url, text)
}

/** Returns the rows of one statement, on a connection of its own. */
export async function queryRows<Row extends object>(
  url: string,
  text: string,
  values: unknown[] = [],
): Promise<Row[]> {
  const client = await connect(url)
  try {
    return (await client.query<Row>(text, values)).rows
  } finally {
    await client.end()
  }
}

async function connect(connectionString: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString })
  client.on('error', () => {})
  await client.connect()
  return client
}

/** Opens a connection that ends with the test. */
export async function connectTo(t: Pick<TestContext, 'after'>, url: string): Promise<pg.Client> {
  const client = await connect(url)
  t.after(() => client.end())
  return client
}

/**
 * Returns the number of statements that wait for a lock, without those that nodes make by
 * themselves: of the search index, and to renew a lease.
 */
export async function lockWaits(url: string): Promise<number> {
  const waiting = await queryRows(
    url,
    `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
    and query not like '%search_sessions%' and query not like '%search_due%'
    and query not like '%insert into nodes%'`,
  )
  return waiting.length
}

/** Resolves once so many statements wait for a lock. */
export const untilLocked = (url: string, count = 1) =>
  eventually(async () => (await lockWaits(url)) >= count)
