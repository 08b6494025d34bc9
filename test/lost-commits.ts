/** A database that comes back with less than it had, behind nodes that live on: what a failover or a restore may do. */
import { randomBytes } from 'node:crypto'
import { createTestDatabase, runSql } from '../apps/server/test/database.ts'
import type { Scope } from './crash/scenario.ts'
import { startPostgresProxy } from './postgres-proxy.ts'

export type LosingDatabase = {
  /** The address that nodes use. */
  url: string
  /** Copies the database as it is. Nodes are without it meanwhile. */
  save: () => Promise<void>
  /** The copy takes the place of the database: what was committed since is lost. */
  lose: () => Promise<void>
}

export async function startLosingDatabase(scope: Scope): Promise<LosingDatabase> {
  const original = await createTestDatabase(scope)
  const admin = process.env.OUTLAST_TEST_DATABASE_URL!
  const name = new URL(original).pathname.slice(1)
  const copy = `test_${randomBytes(8).toString('hex')}`
  const lost = `test_${randomBytes(8).toString('hex')}`
  scope.after(async () => {
    for (const other of [copy, lost]) await runSql(admin, `drop database if exists ${other}`)
  })
  const proxy = await startPostgresProxy(original)
  scope.after(proxy.close)
  const whileAway = async (...statements: string[]) => {
    proxy.refuse()
    for (const statement of statements) await runOnceUnused(admin, statement)
    proxy.pass()
  }
  return {
    url: proxy.url,
    save: () => whileAway(`create database ${copy} template ${name}`),
    lose: () =>
      whileAway(
        `alter database ${name} rename to ${lost}`,
        `alter database ${copy} rename to ${name}`,
      ),
  }
}

const inUse = '55006'

/** PostgreSQL refuses while a database is used; connections that were cut end a moment later. */
async function runOnceUnused(admin: string, statement: string) {
  for (;;) {
    try {
      return await runSql(admin, statement)
    } catch (error) {
      if ((error as { code?: string }).code !== inUse) throw error
    }
  }
}
