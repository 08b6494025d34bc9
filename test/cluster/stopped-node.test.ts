import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTestDatabase } from '../../apps/server/test/database.ts'
import { eventsOf, post } from '../../apps/server/test/session.ts'
import { follow } from '../../apps/server/test/stream.ts'
import { startModel } from '../../apps/server/test/written-model.ts'
import { startProcess } from '../process.ts'
import { shows, storedOf, textOf } from './following.ts'

test('followers of a node that is stopped and continued never see text of the attempt it lost', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  const env = {
    DATABASE_URL: databaseUrl,
    SECRETS_ENCRYPTION_KEY: `kek-v1:${Buffer.alloc(32, 7).toString('base64')}`,
  }
  const model = await startModel(t)
  const first = await startProcess(env)
  t.after(first.crash)
  const { id } = await model.session(first)
  const here = await follow(t, first.url, { sessionId: id })
  await post(first, id, 'Go on')
  const lost = await model.call()
  lost.say('in vain ')
  await shows(here, 'in vain ')
  const second = await startProcess(env)
  t.after(second.crash)
  const there = await follow(t, second.url, { sessionId: id })
  await shows(there, 'in vain ')

  first.child.kill('SIGSTOP')
  lost.say('stale ')
  const call = await model.call(2)
  call.say('again ')
  await shows(there, 'again ')
  first.child.kill('SIGCONT')
  await shows(here, 'again ')
  lost.say('stale ')
  call.say('and whole')
  for (const stream of [here, there]) await shows(stream, 'again and whole')
  call.end()

  for (const { event, events } of [here, there]) {
    await event('session.idled')
    assert.equal(textOf(events), 'again and whole')
    assert.doesNotMatch(JSON.stringify(events), /stale/)
    assert.deepEqual(storedOf(events), await eventsOf(second, id))
  }
  await Promise.all([first.stop(), second.stop()])
})
