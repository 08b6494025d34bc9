/** Imported before a server of a test: it waits for its database as those in the test's process. */
import { isMainThread } from 'node:worker_threads'

// `start.js` replaces its process by one with its flags before it runs the server.
const isReplaced =
  process.argv[1]!.endsWith('start.js') && !process.execArgv.join().includes('heap')
if (isMainThread && !isReplaced) {
  const { databaseWaits } = await import('../../src/store/database.ts')
  const { patient } = await import('../waiting.ts')
  Object.assign(databaseWaits, patient)
}
