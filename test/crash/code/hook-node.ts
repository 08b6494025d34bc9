/**
 * A node as its own process, with an event hook that sends each event to `LEDGER_URL`, and ends the
 * process at an event of the type `EXIT_AT`.
 */
import type { Event } from '@outlast/contract'
import { startApp } from '../../../apps/server/src/app.ts'
import { emptyProject } from '../../../apps/server/src/authoring/project.ts'
import { readConfig } from '../../../apps/server/src/config.ts'

const project = {
  ...emptyProject,
  hooks: {
    async event(event: Event, { signal }: { signal: AbortSignal }) {
      const body = JSON.stringify(event)
      if (event.type === process.env.EXIT_AT) process.exit(1)
      await fetch(process.env.LEDGER_URL!, { method: 'POST', body, signal })
    },
  },
}
const app = await startApp(readConfig(process.env), { project })
process.on('SIGTERM', async () => {
  await app.stop()
  process.exit(0)
})
process.stdout.write(`The node is ready and listens: ${app.url}\n`)
