/** Imported before a server of a test, so that the server waits for a database that is slow. */
import { isMainThread } from 'node:worker_threads'

// `start.js` replaces its process by one with its flags before it runs the server.
const isReplaced =
  process.platform !== 'win32' &&
  process.argv[1]!.endsWith('start.js') &&
  !process.execArgv.join().includes('heap')
if (isMainThread && !isReplaced) {
  const { databaseWaits } = await import('../../src/store/database.ts')
  const { patient } = await import('../waiting.ts')
  Object.assign(databaseWaits, patient)
}
