import assert from 'node:assert/strict'
import test from 'node:test'
import { createTestDatabase, runSql } from '../../apps/server/test/database.ts'
import { startServer } from '../../apps/server/test/server.ts'
import { createSession, eventsOf, post, replyOf, scripted } from '../../apps/server/test/session.ts'
import { follow } from '../../apps/server/test/stream.ts'
import { startFails } from '../process.ts'

test('an api node accepts, streams and cancels turns that a worker node runs', async (t) => {
  const api = await startServer(t, { env: { ROLE: 'api' } })
  const { id } = await createSession(api)
  const stream = await follow(t, api.url, { sessionId: id })
  await post(api, id, 'hello')
  await stream.event('input.message')
  assert.equal((await api.call('GET', `/v1/sessions/${id}`)).body.status, 'active')
  await startServer(t, { env: { ROLE: 'worker' }, databaseUrl: api.databaseUrl })
  await stream.event('session.idled')
  assert.match(replyOf(stream.events), /simulated/i)
  await post(api, id, scripted({ delay_ms: 600_000, text: 'never' }))
  await stream.event('output.message.started', 2)
  assert.equal((await api.call('POST', `/v1/sessions/${id}/cancel`)).body.status, 'cancelled')
  assert.equal((await api.call('GET', `/v1/sessions/${id}`)).body.status, 'idle')
  await stream.event('session.idled', 2)
  const stored = await eventsOf(api, id)
  assert.deepEqual(
    stream.events.filter(({ sequence }) => sequence),
    stored,
  )
})

test('data of a newer version is refused in one sentence and left unchanged', async (t) => {
  const DATABASE_URL = await createTestDatabase(t)
  await runSql(DATABASE_URL, "insert into outlast_migrations (name) values ('9999_later.sql')")
  const { code, output } = await startFails({ DATABASE_URL })
  assert.equal(code, 1)
  assert.match(output, /^outlast: The database was written by a newer version .*9999_later\.sql/)
  assert.equal(output.trim().split('\n').length, 1)
})
