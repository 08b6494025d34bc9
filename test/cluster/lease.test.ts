import assert from 'node:assert/strict'
import test from 'node:test'
import pg from 'pg'
import { connectTo, createTestDatabase, queryRows } from '../../apps/server/test/database.ts'
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

test('a renewal does not wait for the job of a wait that has ended', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  const api = await startServer(t, { databaseUrl, env: { ROLE: 'api' } })
  const { id } = await createSession(api)
  await post(api, id, 'hello')
  const sql = await connectTo(t, databaseUrl)
  await sql.query(
    `with s as (update sessions set wait_expires_at = now() where id = $1 returning turn_id)
     select graphile_worker.add_job('expire', '{}', job_key => 'wait:' || turn_id) from s`,
    [id],
  )
  await sql.query('begin')
  // Locks the row of the job.
  await sql.query(
    `select graphile_worker.reschedule_jobs(array_agg(id), run_at => now()) from graphile_worker.jobs where key like 'wait:%'`,
  )
  // A node judges others after its first whole lease.
  const leases = new Set<number>()
  await eventually(async () => {
    const [row] = await queryRows<{ expires_at: Date; blocked: number }>(
      databaseUrl,
      `select expires_at, (select count(*)::int from pg_stat_activity
         where wait_event_type = 'Lock' and datname = current_database()
           and query like '%insert into nodes%') as blocked from nodes`,
    )
    assert.equal(row!.blocked, 0)
    leases.add(Number(row!.expires_at))
    return leases.size > 9
  })
  await sql.query('rollback')
})

test('a job that has failed three times does not delay the end of a wait', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  const api = await startServer(t, { databaseUrl, env: { ROLE: 'api' } })
  const { id } = await createSession(api)
  await post(api, id, 'hello')
  const key = `select 'wait:' || turn_id as key from sessions where id = '${id}'`
  await queryRows(
    databaseUrl,
    `select graphile_worker.add_job('expire', '{}', job_key => s.key) from (${key}) s`,
  )
  await queryRows(
    databaseUrl,
    `select graphile_worker.reschedule_jobs(array_agg(id), run_at => now() + interval '1 hour', attempts => 3)
     from graphile_worker.jobs where key = (${key})`,
  )
  await queryRows(databaseUrl, 'update sessions set wait_expires_at = now() where id = $1', [id])
  const due = `select from graphile_worker.jobs where key = (${key}) and run_at <= now() and attempts = 0`
  await eventually(async () => (await queryRows(databaseUrl, due)).length === 1)
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
