import { randomBytes } from 'node:crypto'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'

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

/** False for the address of a proxy. */
export const isTestDatabase = (url: string) =>
  new URL(url).host === new URL(process.env.OUTLAST_TEST_DATABASE_URL!).host

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
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query<Row>(text, values)).rows
  } finally {
    await client.end()
  }
}
