import assert from 'node:assert/strict'
import test from 'node:test'
import pg from 'pg'
import { createTestDatabase } from '../../apps/server/test/database.ts'
import { startServer } from '../../apps/server/test/server.ts'
import { createSession, post } from '../../apps/server/test/session.ts'
import { follow } from '../../apps/server/test/stream.ts'
import { eventually } from '../../apps/server/test/waiting.ts'

test('a turn assigned to a living node that does not run it is recovered', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  const api = await startServer(t, { databaseUrl, env: { ROLE: 'api' } })
  const { id } = await createSession(api)
  const stream = await follow(t, api.url, { sessionId: id })
  await post(api, id, 'hello')
  const sql = new pg.Client({ connectionString: databaseUrl })
  sql.on('error', () => {})
  await sql.connect()
  await sql.query('select graphile_worker.complete_jobs(array_agg(id)) from graphile_worker.jobs')
  await sql.query(
    `insert into nodes (id, version, role, slots, expires_at)
     values ('node_held', '1', 'all', 1, now() + interval '1 hour')`,
  )
  await sql.query(`update sessions set turn_node = 'node_held' where id = $1`, [id])
  await sql.query(`update turns set node_id = 'node_held' where session_id = $1`, [id])
  await startServer(t, { databaseUrl, env: { ROLE: 'worker' } })
  await sql.query(
    `with w as (select id from nodes where role = 'worker'),
     s as (update sessions set turn_node = w.id from w where sessions.id = $1)
     update turns set node_id = w.id from w where session_id = $1`,
    [id],
  )
  await stream.event('turn.completed')
  await sql.end()
  assert.equal(stream.events.filter(({ type }) => type === 'turn.started').length, 1)
})

test('a node starts once its lease is stored, also when the first renewals time out', async (t) => {
  const { databaseUrl, stop } = await startServer(t)
  await stop()
  const [holder, looker] = [new pg.Client(databaseUrl), new pg.Client(databaseUrl)]
  for (const client of [holder, looker]) {
    client.on('error', () => {})
    await client.connect()
  }
  await holder.query('begin')
  await holder.query('lock table nodes in share row exclusive mode')
  const starting = startServer(t, { databaseUrl, env: { LOG_LEVEL: 'silent' } })
  let started = false
  starting.then(() => (started = true)).catch(() => {})
  const renewals = new Set<string>()
  await eventually(async () => {
    const { rows } = await looker.query<{ id: string }>(
      `select pid || ' ' || query_start as id from pg_stat_activity
       where wait_event_type = 'Lock' and datname = current_database()
         and query like '%insert into nodes%'`,
    )
    for (const { id } of rows) renewals.add(id)
    return renewals.size > 2
  })
  assert.equal(started, false)
  await holder.query('commit')
  for (const client of [holder, looker]) await client.end()
  const { call } = await starting
  // The row of the first node stays for a minute if that node could not delete it.
  await eventually(async () => (await call('GET', '/v1/durable/workers')).body.total === 1)
})
