/** One embedded PostgreSQL for all test files, with a migrated template that each test copies. */
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { createLog } from '../src/log.ts'
import { migrateQueue } from '../src/runtime/queue.ts'
import { createPool } from '../src/store/database.ts'
import { type Embedded, startEmbedded } from '../src/store/embedded.ts'
import { migrate } from '../src/store/migrate.ts'
import { runSql, template } from './database.ts'

/** Nothing here outlives the tests. */
const fast = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }

let dataDir: string
let embedded: Embedded

export async function globalSetup() {
  dataDir = await mkdtemp(path.join(os.tmpdir(), 'outlast-tests-'))
  embedded = await startEmbedded({
    dataDir,
    log: createLog('warn'),
    onFatal(error) {
      console.error(error)
      process.exit(1)
    },
    settings: { ...fast, max_connections: '300' },
  })
  process.env.OUTLAST_TEST_DATABASE_URL = embedded.url
  await runSql(embedded.url, `create database ${template}`)
  const url = new URL(embedded.url)
  url.pathname = template
  await migrateTemplate(url.href)
}

async function migrateTemplate(url: string) {
  const pool = createPool({ url, max: 2, onError() {} })
  await migrate(url, () => migrateQueue(pool))
  await pool.end()
}

export async function globalTeardown() {
  await embedded?.stop()
  await rm(dataDir, { recursive: true, force: true, maxRetries: 5 })
}
