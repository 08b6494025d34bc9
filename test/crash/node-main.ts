/** A node as its own process, with tools that have effects in the world at `WORLD_URL`. */
import { startApp } from '../../apps/server/src/app.ts'
import { builtins } from '../../apps/server/src/capabilities/index.ts'
import { readConfig } from '../../apps/server/src/config.ts'
import { recording } from './recording.ts'

const world = recording(process.env.WORLD_URL!)
const app = await startApp(readConfig(process.env), { capabilities: [...builtins, world] })
process.on('SIGTERM', async () => {
  await app.stop()
  process.exit(0)
})
process.stdout.write(`The node is ready and listens: ${app.url}\n`)
