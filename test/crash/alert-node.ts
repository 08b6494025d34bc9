/** A node as its own process that evaluates alerts without a pause. */
import { startApp } from '../../apps/server/src/app.ts'
import { readConfig } from '../../apps/server/src/config.ts'

const app = await startApp(readConfig(process.env), { alertIntervalMs: 50 })
process.on('SIGTERM', async () => {
  await app.stop()
  process.exit(0)
})
process.stdout.write(`The node is ready and listens: ${app.url}\n`)
