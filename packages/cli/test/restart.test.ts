import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTestDatabase } from '../../../apps/server/test/database.ts'
import {
  createAgent,
  createSession,
  eventsOf,
  scripted,
} from '../../../apps/server/test/session.ts'
import { eventually } from '../../../apps/server/test/waiting.ts'
import { startProcess } from '../../../test/process.ts'
import { startOutlast } from './running.ts'
import { atTerminal } from './terminal.ts'

const text = `${Array.from({ length: 60 }, (_, at) => `word${at}`).join(' ')} end.`
const slow = scripted({ text, tokens_per_second: 30 })

test('a server that is killed and comes back in the middle of an answer: it is shown once and whole', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  const env = { DATABASE_URL: databaseUrl, SECRETS_ENCRYPTION_KEY: `kek-v1:${'A'.repeat(43)}=` }
  const first = await startProcess(env)
  t.after(() => first.crash())
  const port = new URL(first.url).port
  const { id: agent_id } = await createAgent(first)
  const [typed, piped] = [
    await createSession(first, { agent_id }),
    await createSession(first, { agent_id }),
  ]

  const terminal = atTerminal(t, ['chat', '-s', typed.id, '--url', first.url])
  await terminal.sees(/^›$/m)
  terminal.type(`${slow}\r`)
  const process = startOutlast(['chat', '-s', piped.id, slow, '--url', first.url])
  const follower = startOutlast(['events', piped.id, '--until', 'idle', '-q', '--url', first.url])
  await terminal.sees(/\n\nword0 [\s\S]*word12/)
  await eventually(async () =>
    (await eventsOf(first, piped.id)).find(({ type }) => type === 'reason.started'),
  )
  await first.crash()
  await terminal.sees(/reconnecting…/)
  const second = await startProcess({ ...env, PORT: port })
  t.after(() => second.crash())

  const shown = await terminal.sees(/end\.\n\n› ?$/)
  const answer = shown.slice(shown.lastIndexOf('\n\nword0 ')).replace(/\s+/g, ' ').trim()
  assert.equal(answer, `${text} ›`)
  assert.doesNotMatch(shown, /reconnecting/)
  assert.equal(await process.ended, 0, process.said.stderr)
  assert.equal(process.said.stdout, `${text}\n`)

  assert.equal(await follower.ended, 0, follower.said.stderr)
  const ids = follower.said.stdout.trimEnd().split('\n')
  const stored = (await eventsOf(second, piped.id)).map(({ id }) => id)
  assert.deepEqual(ids, stored)
})
