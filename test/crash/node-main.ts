/** A node as its own process, with tools that have effects in the world at `WORLD_URL`. */
import { startApp } from '../../apps/server/src/app.ts'
import { builtins } from '../../apps/server/src/capabilities/index.ts'
import { readConfig } from '../../apps/server/src/config.ts'
import { waitsAt } from '../../apps/server/test/server.ts'
import { recording } from './recording.ts'

const world = recording(process.env.WORLD_URL!)
const config = readConfig(process.env)
const { DATABASE_URL: url } = config
const app = await startApp(config, {
  capabilities: [...builtins, world],
  ...(url !== undefined && { databaseWaits: waitsAt(url) }),
})
process.on('SIGTERM', async () => {
  await app.stop()
  process.exit(0)
})
process.stdout.write(`The node is ready and listens: ${app.url}\n`)
