/**
 * A server reduced to its embedded PostgreSQL, for tests that kill it. `embedded-child.ts
 * <DATA_DIR>` prints one line of JSON, `{ url }` when it runs or `{ error, name }` when it cannot,
 * and runs until it is killed.
 */
import { createLog } from '../../src/log.ts'
import { startEmbedded } from '../../src/store/embedded/embedded.ts'

try {
  const embedded = await startEmbedded({
    dataDir: process.argv[2]!,
    log: createLog('silent'),
    onFatal: () => process.exit(1),
  })
  process.stdout.write(`${JSON.stringify({ url: embedded.url })}\n`)
  setInterval(() => {}, 60_000)
} catch (error) {
  const { name, message } = error as Error
  process.stdout.write(`${JSON.stringify({ name, error: message })}\n`)
}
