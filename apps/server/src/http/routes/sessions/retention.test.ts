import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import {
  addMember,
  createKey,
  expectStatus,
  registerPerson,
  startGuarded,
} from '../../../../test/access.ts'
import { queryRows, runSql } from '../../../../test/database.ts'
import { type Call, type ServerOptions, startServer } from '../../../../test/server.ts'
import { converse, createAgent, createSession, post, scripted } from '../../../../test/session.ts'
import { follow } from '../../../../test/stream.ts'
import { eventually } from '../../../../test/waiting.ts'

const sweepIntervalMs = 100
const defaultOrg = 'org_00000000000000000000000000000001'

const startSweeping = (t: TestContext, options: ServerOptions = {}) =>
  startServer(t, { sweepIntervalMs, ...options })

type Server = Awaited<ReturnType<typeof startServer>>

const days = (count: number) => `now() - interval '${count} days'`

/** Makes sessions look as if they had been created and used so many days ago. */
const age = ({ databaseUrl }: Server, count: number, ids: string[]) =>
  runSql(
    databaseUrl,
    `update sessions set created_at = ${days(count)}, updated_at = ${days(count)} where id in (${ids.map((id) => `'${id}'`)})`,
  )

const isGone = async (call: Call, id: string) =>
  (await call('GET', `/v1/sessions/${id}`)).status === 404

/** Waits for a whole sweep: the second of two expired sessions is deleted by a later one. */
async function untilSwept(server: Server) {
  for (let sweep = 0; sweep < 2; sweep += 1) {
    const agent = await createAgent(server, { retention_days: 1 })
    const marker = await createSession(server, { agent_id: agent.id })
    await age(server, 2, [marker.id])
    await eventually(() => isGone(server.call, marker.id))
  }
}

test('deletes nothing where no retention is set', async (t) => {
  const server = await startSweeping(t)
  const session = await createSession(server)
  await age(server, 30_000, [session.id])
  await untilSwept(server)
  assert.equal(await isGone(server.call, session.id), false)
})

test('an agent overrides its organization, which overrides RETENTION_DAYS; 0 keeps forever', async (t) => {
  const env = { RETENTION_DAYS: '100', AUDIT_RETENTION_DAYS_MIN: '10' }
  const server = await startSweeping(t, { env })
  const sessionOf = async (retention_days?: number) => {
    const agent = await createAgent(server, { retention_days })
    return (await createSession(server, { agent_id: agent.id })).id
  }
  const [inherits, forever, short, long] = [
    await sessionOf(),
    await sessionOf(0),
    await sessionOf(5),
    await sessionOf(500),
  ]
  await age(server, 50, [inherits, forever, short, long])
  await eventually(() => isGone(server.call, short))
  assert.equal(await isGone(server.call, inherits), false)
  const org = `/v1/orgs/${defaultOrg}`
  const changed = await server.call('PATCH', org, { retention_days: 10 })
  assert.equal(expectStatus(changed, 200).retention_days, 10)
  await eventually(() => isGone(server.call, inherits))
  assert.equal(await isGone(server.call, long), false)
  assert.equal(await isGone(server.call, forever), false)
  assert.equal((await server.call('PATCH', org, { name: 'Same' })).body.retention_days, 10)
  assert.equal(
    (await server.call('PATCH', org, { retention_days: null })).body.retention_days,
    null,
  )
})

test('an organization cannot shorten the audit log below the floor of the operator', async (t) => {
  const server = await startSweeping(t, {
    env: { AUDIT_RETENTION_DAYS_MIN: '20', AUDIT_RETENTION_DAYS_MAX: '60' },
  })
  const org = `/v1/orgs/${defaultOrg}`
  const patch = (retention_days: number) => server.call('PATCH', org, { retention_days })
  const refused = expectStatus(await patch(19), 400, 'retention_too_short')
  assert.match(refused.error, /at least 20/)
  expectStatus(await patch(0), 200)
  const entry = (id: string, age: number) =>
    runSql(
      server.databaseUrl,
      `insert into audit_log (org_id, id, actor_type, action, created_at) values ('${defaultOrg}', '${id}', 'anonymous', 'x', ${days(age)})`,
    )
  const ids = async () => {
    const rows = await queryRows<{ id: string }>(
      server.databaseUrl,
      `select id from audit_log where action = 'x' order by created_at`,
    )
    return rows.map(({ id }) => id).join()
  }
  await entry('ancient', 61)
  await entry('old', 59)
  await entry('new', 19)
  await eventually(async () => (await ids()) === 'old,new')
  // As a setting from before the floor.
  await runSql(server.databaseUrl, 'update organizations set retention_days = 1')
  await eventually(async () => (await ids()) === 'new')
  await entry('expired', 21)
  await eventually(async () => (await ids()) === 'new')
})

test('deletes old audit entries of many organizations in transactions of limited size', async (t) => {
  const server = await startSweeping(t)
  const { databaseUrl } = server
  await runSql(
    databaseUrl,
    `create table deletions as select pg_current_xact_id() as tx, 0 as entries where false;
    create function note_deletion() returns trigger language plpgsql as
      $$ begin insert into deletions select pg_current_xact_id(), count(*) from old_entries; return null; end $$;
    create trigger note_deletion after delete on audit_log referencing old table as old_entries
      for each statement execute function note_deletion()`,
  )
  await runSql(
    databaseUrl,
    `with o as (
      insert into organizations select (json_populate_record(o, json_build_object('id', 'org_' || md5(n::text)))).*
      from organizations o, generate_series(1, 3) n returning id
    )
    insert into audit_log (org_id, id, actor_type, action, created_at)
    select id, n, 'anonymous', 'x', ${days(401)} from o, generate_series(1, 2500) n`,
  )
  const entries = async (text: string) =>
    (await queryRows<{ entries: number }>(databaseUrl, text))[0]!.entries
  const old = `select count(*)::int as entries from audit_log where action = 'x'`
  await eventually(async () => (await entries(old)) === 0)
  const sizes = 'select sum(entries) as size from deletions group by tx'
  assert.equal(await entries(`select max(size)::int as entries from (${sizes}) s`), 1_000)
})

test('keeps the retention of an agent that a client replaces without naming it', async (t) => {
  const server = await startServer(t)
  const agent = await createAgent(server, { retention_days: 7 })
  const path = `/v1/agents/${agent.id}`
  const plain = { name: 'Ada', system_prompt: 'You are Ada.' }
  assert.equal((await server.call('PUT', path, plain)).body.retention_days, 7)
  assert.equal((await server.call('PATCH', path, { name: 'Eve' })).body.retention_days, 7)
  assert.equal((await server.call('PATCH', path, { retention_days: 0 })).body.retention_days, 0)
  const inheriting = await server.call('PATCH', path, { retention_days: null })
  assert.ok(!('retention_days' in expectStatus(inheriting, 200)))
  const refused = await server.call('PATCH', path, { retention_days: -1 })
  expectStatus(refused, 400, 'invalid_request')
})

test('keeps sessions in use, and notifies followers of deleted ones', async (t) => {
  const server = await startSweeping(t, { env: { RETENTION_DAYS: '30' } })
  const tools = [
    { type: 'client_side', name: 'ask', description: 'Asks.', parameters: { type: 'object' } },
  ]
  const agent = await createAgent(server, { tools })
  const parked = await createSession(server, { agent_id: agent.id })
  const asking = scripted({ tool_calls: [{ name: 'ask', arguments: {} }] })
  await server.call('POST', `/v1/sessions/${parked.id}/messages`, {
    message: { content: [{ type: 'text', text: asking }] },
  })
  const waits = async () => (await server.call('GET', `/v1/sessions/${parked.id}`)).body.waiting_for
  await eventually(waits)
  const used = await createSession(server)
  await runSql(server.databaseUrl, `update sessions set created_at = ${days(90)}`)
  const idle = await createSession(server)
  const stream = await follow(t, server.url, { sessionId: idle.id })
  await age(server, 31, [parked.id, idle.id])
  await stream.ended
  await eventually(() => isGone(server.call, idle.id))
  await untilSwept(server)
  assert.equal(await isGone(server.call, parked.id), false)
  assert.equal(await isGone(server.call, used.id), false)
})

test('finds expired sessions behind thousands of older sessions in use', async (t) => {
  const server = await startSweeping(t, { env: { RETENTION_DAYS: '30' } })
  for (const fields of [{}, { retention_days: 30 }]) {
    const agent = await createAgent(server, fields)
    const expired = await createSession(server, { agent_id: agent.id })
    await runSql(
      server.databaseUrl,
      `insert into sessions (org_id, id, agent_id, status, created_at, updated_at)
      select org_id, 'session_' || md5(agent_id || n), agent_id, 'idle', ${days(90)} + n / 700 * interval '1 hour', now()
      from sessions, generate_series(1, 3500) n where id = '${expired.id}'`,
    )
    await age(server, 31, [expired.id])
    await eventually(() => isGone(server.call, expired.id))
    const left = `select 1 from sessions where agent_id = '${agent.id}'`
    assert.equal((await queryRows(server.databaseUrl, left)).length, 3_500)
  }
})

test('a legal hold keeps a session from requests and from retention', async (t) => {
  const server = await startSweeping(t, { env: { RETENTION_DAYS: '30' } })
  const session = await createSession(server)
  assert.equal(session.legal_hold, false)
  const path = `/v1/sessions/${session.id}`
  await converse(t, server, session.id, scripted({ error: { message: 'no', status: 400 } }))
  assert.equal((await server.call('PATCH', path, { legal_hold: true })).body.legal_hold, true)
  assert.equal((await server.call('PATCH', path, { title: 'Held' })).body.legal_hold, true)
  expectStatus(await server.call('DELETE', path), 409, 'legal_hold')
  await assert.rejects(runSql(server.databaseUrl, 'delete from sessions'), /under a legal hold/)
  const fork = expectStatus(await server.call('POST', `${path}/fork`, {}), 201)
  assert.equal(fork.legal_hold, false)
  const held = await server.call('GET', '/v1/sessions?legal_hold=true')
  assert.deepEqual(
    held.body.data.map(({ id }: { id: string }) => id),
    [session.id],
  )
  await age(server, 31, [session.id])
  await runSql(server.databaseUrl, `update failed_turns set failed_at = ${days(31)}`)
  await untilSwept(server)
  assert.equal(await isGone(server.call, session.id), false)
  assert.equal((await queryRows(server.databaseUrl, 'select 1 from failed_turns')).length, 1)
  expectStatus(await server.call('PATCH', path, { legal_hold: false }), 200)
  expectStatus(await server.call('DELETE', path), 204)
  const audit = await server.call('GET', '/v1/audit-log?action=update_session')
  const noted = audit.body.data.map(({ details }: { details: object | null }) => details)
  assert.deepEqual(noted, [{ legal_hold: false }, null, { legal_hold: true }])
})

test('only administrators set a legal hold or a retention', async (t) => {
  const server = await startGuarded(t)
  const owner = await registerPerson(server)
  const member = await addMember(server, owner, 'member')
  const key = await createKey(server, owner, { scopes: ['read', 'write'] })
  const agent = await createAgent({ ...server, call: owner.call }, { retention_days: 9 })
  const session = await createSession({ ...server, call: owner.call }, { agent_id: agent.id })
  const path = `/v1/sessions/${session.id}`
  const token = expectStatus(
    await owner.call('POST', `${path}/tokens`, { access: 'write', view: 'full' }),
    201,
  ).token
  const header = { authorization: `Bearer ${token}` }
  const hold = { legal_hold: true }
  expectStatus(await server.call('PATCH', path, hold, header), 403)
  for (const { call } of [member, key]) {
    expectStatus(await call('PATCH', path, hold), 403, 'forbidden')
    expectStatus(await call('PATCH', path, { title: 'Ours' }), 200)
    const agentPath = `/v1/agents/${agent.id}`
    expectStatus(await call('PATCH', agentPath, { retention_days: 1 }), 403, 'forbidden')
    expectStatus(await call('PATCH', agentPath, { retention_days: null }), 403, 'forbidden')
    const same = { name: 'Ada', system_prompt: 'You are Ada.', retention_days: 9 }
    expectStatus(await call('PUT', agentPath, same), 200)
    const org = `/v1/orgs/${owner.orgId}`
    expectStatus(await call('PATCH', org, { retention_days: 1 }), 403, 'forbidden')
  }
  expectStatus(await owner.call('PATCH', path, hold), 200)
  assert.equal((await server.call('GET', path, undefined, header)).body.legal_hold, false)
  expectStatus(await member.call('DELETE', path), 409, 'legal_hold')
})

test('deletes audit entries and failed turns of their age, and nothing else deletes audit entries', async (t) => {
  const server = await startSweeping(t, { env: { RETENTION_DAYS: '30' } })
  const session = await createSession(server)
  await converse(t, server, session.id, scripted({ error: { message: 'no', status: 400 } }))
  const entry = (id: string, age: number) =>
    runSql(
      server.databaseUrl,
      `insert into audit_log (org_id, id, actor_type, action, created_at) values ('${defaultOrg}', '${id}', 'anonymous', 'x', ${days(age)})`,
    )
  await entry('kept', 29)
  await entry('expired', 31)
  await runSql(server.databaseUrl, `update failed_turns set failed_at = ${days(31)}`)
  const count = async (from: string) =>
    (await queryRows(server.databaseUrl, `select 1 from ${from}`)).length
  await eventually(async () => (await count(`audit_log where id = 'expired'`)) === 0)
  await eventually(async () => (await count('failed_turns')) === 0)
  assert.equal(await count(`audit_log where id = 'kept'`), 1)
  assert.equal(await isGone(server.call, session.id), false)
  for (const text of [
    'delete from audit_log',
    `delete from audit_log where id = 'kept'`,
    `update audit_log set created_at = ${days(90)}`,
    'truncate audit_log',
  ]) {
    await assert.rejects(runSql(server.databaseUrl, text), /append-only/)
  }
  await runSql(
    server.databaseUrl,
    `select delete_expired_audit_entries('${defaultOrg}', now() + interval '9 days', 1000)`,
  )
  assert.ok((await count("audit_log where created_at > now() - interval '1 day'")) > 0)
})

test('deletes rows of turns that no session has, and no others', async (t) => {
  const server = await startSweeping(t)
  const session = await createSession(server)
  await post(server, session.id, scripted({ text: 'Late.', delay_ms: 600_000 }))
  const stray = (id: string, ofSession: string) =>
    runSql(
      server.databaseUrl,
      `insert into turns (id, org_id, session_id) values ('${id}', '${defaultOrg}', '${ofSession}')`,
    )
  await stray('turn_of_before', session.id)
  await stray('turn_of_none', 'session_none')
  const sessions = () => queryRows(server.databaseUrl, 'select session_id from turns')
  await eventually(async () => (await sessions()).length === 1)
  assert.deepEqual(await sessions(), [{ session_id: session.id }])
  await untilSwept(server)
  assert.equal((await sessions()).length, 1)
})
