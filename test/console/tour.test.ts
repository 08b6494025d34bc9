import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventsOf } from '../../apps/server/test/session.ts'
import { eventually } from '../../apps/server/test/waiting.ts'
import { openProfile, startBrowser } from '../browser/browser.ts'
import { reservePort } from '../ports.ts'
import { dataFolder, startProcess } from '../process.ts'
import { playTour } from './tour.ts'

test('a new user plays the tour without a key, and kills the server in the middle of it', async (t) => {
  const { DATA_DIR, before } = await dataFolder(t)
  const PORT = await reservePort()
  let server = await startProcess({ DATA_DIR, PORT })
  before(() => server.stop())
  const page = await (await openProfile(t, await startBrowser(t))).newPage()
  const { id } = await playTour(page, {
    url: server.url,
    kill: server.crash,
    async restart() {
      server = await startProcess({ DATA_DIR, PORT })
    },
  })
  const events = await eventually(async () => {
    const all = await eventsOf(server, id)
    return all.some(({ type }) => type === 'turn.completed') ? all : undefined
  })
  const count = (type: string, tool: string) =>
    events.filter((event) => event.type === type && JSON.stringify(event.data).includes(tool))
      .length
  assert.equal(count('tool.started', '"bash"'), 1)
  assert.equal(count('tool.completed', '"bash"'), 1)
})
