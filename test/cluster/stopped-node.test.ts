import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Event } from '@outlast/contract'
import { createTestDatabase } from '../../apps/server/test/database.ts'
import { createSession, eventsOf, post, scripted } from '../../apps/server/test/session.ts'
import { follow } from '../../apps/server/test/stream.ts'
import { startProcess } from '../process.ts'

const words = Array.from({ length: 160 }, (_, n) => `word${n}`).join(' ')

/** The text after each `output.message.started`. */
function attempts(events: Event[]): string[] {
  const texts: string[] = []
  for (const event of events) {
    if (event.type === 'output.message.started') texts.push('')
    if (event.type === 'output.message.delta') texts[texts.length - 1] += event.data.delta
  }
  return texts
}

test('followers of a node that is stopped and continued never see text of the attempt it lost', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  const env = {
    DATABASE_URL: databaseUrl,
    SECRETS_ENCRYPTION_KEY: `kek-v1:${Buffer.alloc(32, 7).toString('base64')}`,
  }
  const first = await startProcess(env)
  t.after(first.crash)
  const { id } = await createSession(first)
  const here = await follow(t, first.url, { sessionId: id })
  await post(first, id, scripted({ text: words, tokens_per_second: 40 }))
  await here.event('output.message.delta', 5)
  const second = await startProcess(env)
  t.after(second.crash)
  const there = await follow(t, second.url, { sessionId: id })
  await there.event('output.message.delta', 3)

  first.child.kill('SIGSTOP')
  await there.event('output.message.started', 2)
  await there.until(() => (attempts(there.events)[1]! === '' ? undefined : true))
  first.child.kill('SIGCONT')

  await Promise.all([here.event('session.idled'), there.event('session.idled')])
  for (const { events } of [here, there]) {
    const [lost, whole, ...more] = attempts(events)
    assert.ok(words.startsWith(lost!))
    assert.equal(whole, words)
    assert.deepEqual(more, [])
    const stored = events.filter(({ sequence }) => sequence !== undefined)
    assert.deepEqual(stored, await eventsOf(second, id))
  }
  await Promise.all([first.stop(), second.stop()])
})
