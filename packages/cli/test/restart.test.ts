import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTestDatabase } from '../../../apps/server/test/database.ts'
import { startModel } from '../../../apps/server/test/remotes/written-model.ts'
import { eventsOf } from '../../../apps/server/test/session.ts'
import { reservePort } from '../../../test/ports.ts'
import { startProcess } from '../../../test/process.ts'
import { startOutlast } from './program.ts'
import { atTerminal } from './terminal.ts'

const text = `${Array.from({ length: 60 }, (_, at) => `word${at}`).join(' ')} end.`

test('shows an answer once and whole when the server is killed and restarted', async (t) => {
  const env = {
    DATABASE_URL: await createTestDatabase(t),
    SECRETS_ENCRYPTION_KEY: `kek-v1:${'A'.repeat(43)}=`,
    PORT: await reservePort(),
  }
  const first = await startProcess(env)
  t.after(() => first.crash())
  const model = await startModel(t)
  const { id } = await model.session(first)

  const terminal = atTerminal(t, ['chat', '-s', id, '--url', first.url])
  const follower = startOutlast(['events', id, '--follow', '--json', '--url', first.url])
  t.after(() => follower.child.kill('SIGKILL'))
  await terminal.sees(/^›$/m)
  await follower.says('stdout', /session\.started/)
  terminal.type('Count.\r')
  const call = await model.call()
  call.say(text.slice(0, text.indexOf('word20')))
  await terminal.sees(/\n\nword0 [\s\S]*word9/)
  await first.crash()
  await terminal.sees(/reconnecting…/)
  const second = await startProcess(env)
  t.after(() => second.crash())
  const again = await model.call(2)
  again.say(text)
  again.end()

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
