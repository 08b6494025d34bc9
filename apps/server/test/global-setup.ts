/** One embedded PostgreSQL for all test files, with a migrated template that each test copies. */
import { createLog } from '../src/log.ts'
import { migrateQueue } from '../src/runtime/queue.ts'
import { createPool } from '../src/store/database.ts'
import { startEmbedded } from '../src/store/embedded.ts'
import { migrate } from '../src/store/migrate.ts'
import { runSql, template } from './database.ts'

/** Nothing here outlives the tests. */
const fast = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }

/** It ends with the runner, which leaves as soon as the last test is over; the folder is removed by `scripts/test.ts`. */
export async function globalSetup() {
  const embedded = await startEmbedded({
    dataDir: process.env.OUTLAST_TEST_FOLDER!,
    log: createLog('warn'),
    onFatal(error) {
      console.error(error)
      process.exit(1)
    },
    settings: { ...fast, max_connections: '300' },
  })
  process.env.OUTLAST_TEST_DATABASE_URL = embedded.url
  await runSql(embedded.url, `create database ${template}`)
  const { password } = new URL(embedded.url)
  await runSql(embedded.url, `set scram_iterations = 1; alter role postgres password '${password}'`)
  const url = new URL(embedded.url)
  url.pathname = template
  await migrateTemplate(url.href)
}

async function migrateTemplate(url: string) {
  const pool = createPool({ url, max: 2, onError() {} })
  await migrate(url, () => migrateQueue(pool))
  await pool.end()
}
