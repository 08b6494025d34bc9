import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTestDatabase } from '../../apps/server/test/database.ts'
import { converse, createSession, replyOf } from '../../apps/server/test/session.ts'
import { startFails, startProcess } from '../process.ts'
import { startPgBouncer } from './pgbouncer.ts'

test('two nodes work through PgBouncer in session mode, with its default settings', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  const url = await startPgBouncer(t, { databaseUrl, mode: 'session' })
  const one = await startProcess({ DATABASE_URL: url })
  const two = await startProcess({ DATABASE_URL: url })
  t.after(() => Promise.all([one.crash(), two.crash()]))
  const session = await createSession(one)
  assert.match(session.created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  assert.ok(Math.abs(Date.parse(session.created_at) - Date.now()) < 60_000)
  assert.notEqual(replyOf(await converse(t, two, session.id, 'What is 2 + 3?')), '')
  assert.deepEqual([await one.stop(), await two.stop()], [0, 0])
})

test('refuses to start behind PgBouncer in transaction mode, and leaves no lock behind', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  const url = await startPgBouncer(t, { databaseUrl, mode: 'transaction' })
  const { code, output } = await startFails({ DATABASE_URL: url })
  assert.equal(code, 1)
  assert.match(output, /shares sessions between connections, such as PgBouncer in transaction mode/)
  assert.equal(output.trim().split('\n').length, 1)
  const direct = await startProcess({ DATABASE_URL: databaseUrl })
  assert.equal(await direct.stop(), 0)
})
