import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTestDatabase } from '../../../apps/server/test/database.ts'
import { createSession, eventsOf, scripted } from '../../../apps/server/test/session.ts'
import { startProcess } from '../../../test/process.ts'
import { startOutlast } from './program.ts'
import { atTerminal } from './terminal.ts'

const text = `${Array.from({ length: 60 }, (_, at) => `word${at}`).join(' ')} end.`
const slow = scripted({ text, tokens_per_second: 30 })

test('shows an answer once and whole when the server is killed and restarted', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  const env = { DATABASE_URL: databaseUrl, SECRETS_ENCRYPTION_KEY: `kek-v1:${'A'.repeat(43)}=` }
  const first = await startProcess(env)
  t.after(() => first.crash())
  const port = new URL(first.url).port
  const { id } = await createSession(first)

  const terminal = atTerminal(t, ['chat', '-s', id, '--url', first.url])
  const follower = startOutlast(['events', id, '--follow', '--json', '--url', first.url])
  t.after(() => follower.child.kill('SIGKILL'))
  await terminal.sees(/^›$/m)
  await follower.says('stdout', /session\.started/)
  terminal.type(`${slow}\r`)
  await terminal.sees(/\n\nword0 [\s\S]*word9/)
  await first.crash()
  await terminal.sees(/reconnecting…/)
  const second = await startProcess({ ...env, PORT: port })
  t.after(() => second.crash())

  const shown = await terminal.sees(/end\.\n\n› ?$/)
  const answer = shown.slice(shown.lastIndexOf('\n\nword0 ')).replace(/\s+/g, ' ').trim()
  assert.equal(answer, `${text} ›`)
  assert.doesNotMatch(shown, /reconnecting/)

  await follower.says('stdout', /session\.idled.*\n/)
  follower.child.kill('SIGINT')
  assert.equal(await follower.ended, 130, follower.said.stderr)
  const told = follower.said.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  const stored = (await eventsOf(second, id)).map(({ id }) => id)
  assert.deepEqual(
    told.filter(({ sequence }) => sequence !== undefined).map(({ id }) => id),
    stored,
  )
})
