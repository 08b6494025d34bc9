/**
 * Starts one embedded PostgreSQL for all test files, with a migrated template that each test
 * copies.
 */
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { serveBrowser } from '../../../test/browser/browser.ts'
import { bundlePrograms } from '../../../test/programs.ts'
import { createLog } from '../src/log.ts'
import { migrateQueue } from '../src/runtime/queue.ts'
import { createPool } from '../src/store/database.ts'
import { startEmbedded } from '../src/store/embedded/embedded.ts'
import { migrate } from '../src/store/start/migrate.ts'
import { runSql, template } from './database.ts'
import { copyDataDir, templateFolder } from './processes/data-dir.ts'

/** Test data needs no durability. */
const fast = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }

const start = (dataDir: string) =>
  startEmbedded({
    dataDir,
    log: createLog('warn'),
    onFatal(error) {
      console.error(error)
      process.exit(1)
    },
    settings: { ...fast, max_connections: '800' },
  })

/** The server ends with the runner after the last test; `scripts/test.ts` removes the folder. */
export async function globalSetup() {
  const bundles = process.env.OUTLAST_TEST_PROGRAMS ? bundlePrograms() : undefined
  await makeTemplateFolder()
  const dataDir = path.join(process.env.OUTLAST_TEST_FOLDER!, 'data')
  await mkdir(dataDir)
  await copyDataDir(dataDir)
  const { url } = await start(dataDir)
  await runSql(url, shortSignIn(url))
  await runSql(url.replace(/[^/]+$/, 'postgres'), `create database ${template} template outlast`)
  process.env.OUTLAST_TEST_DATABASE_URL = url
  await bundles
  if (process.env.OUTLAST_TEST_CHROMIUM) process.env.OUTLAST_TEST_BROWSER = await serveBrowser()
}

async function makeTemplateFolder() {
  const embedded = await start(templateFolder())
  const pool = createPool({ url: embedded.url, max: 2, onError() {} })
  await migrate(embedded.url, () => migrateQueue(pool))
  await pool.end()
  await embedded.stop()
}

/**
 * A test's server opens ten connections, which spend most of their time on hashing the password.
 */
const shortSignIn = (url: string) =>
  `set scram_iterations = 1; alter role postgres password '${new URL(url).password}'`
