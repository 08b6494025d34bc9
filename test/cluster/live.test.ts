import assert from 'node:assert/strict'
import { test } from 'node:test'
import pg from 'pg'
import { runSql } from '../../apps/server/test/database.ts'
import { startServer } from '../../apps/server/test/server.ts'
import { converse, createSession } from '../../apps/server/test/session.ts'
import { eventually } from '../../apps/server/test/waiting.ts'
import { followingTests } from './following.ts'

followingTests({
  env: {},
  cut: (databaseUrl) =>
    runSql(
      databaseUrl,
      `select pg_terminate_backend(pid) from pg_stat_activity
      where application_name = 'outlast bus' and datname = current_database()`,
    ),
})

test('a single node publishes no hints of its turns, and begins to once another one joins', async (t) => {
  const first = await startServer(t)
  const { id } = await createSession(first)
  const client = new pg.Client(first.databaseUrl)
  client.on('error', () => {})
  const heard: string[] = []
  client.on('notification', ({ payload }) => heard.push(payload!))
  await client.connect()
  await client.query('listen outlast_bus')
  await converse(t, first, id, 'Hello')
  // Notifications of finished statements arrive with the next response.
  await client.query('select')
  assert.deepEqual(
    heard.filter((payload) => payload.includes('"stored"')),
    [],
  )
  await startServer(t, { databaseUrl: first.databaseUrl })
  await eventually(async () => {
    await converse(t, first, id, 'Hello again')
    await client.query('select')
    return heard.some((payload) => payload.includes('"stored"'))
  })
  await client.end()
})
