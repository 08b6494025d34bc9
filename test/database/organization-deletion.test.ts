import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { tablesOfOrganization } from '../../apps/server/src/store/organization-deletion.ts'
import {
  addMember,
  callerWith,
  createKey,
  expectStatus,
  type Person,
  registerPerson,
  signInAdmin,
  startGuarded,
  untilStatus,
} from '../../apps/server/test/access.ts'
import { addBudget, ledgerOf } from '../../apps/server/test/budgets.ts'
import {
  connectTo,
  createTestDatabase,
  queryRows,
  runSql,
  untilLocked,
} from '../../apps/server/test/database.ts'
import { createSchedule, sending } from '../../apps/server/test/schedules.ts'
import { insistent, startServer } from '../../apps/server/test/server.ts'
import { createSession, post, scripted } from '../../apps/server/test/session.ts'
import { follow, watch } from '../../apps/server/test/stream.ts'
import { eventually } from '../../apps/server/test/waiting.ts'
import { furnish, operationsOf, snapshotOf, unlimited } from '../access/operations/operations.ts'
import { beginProcess } from '../process.ts'
import { tablesWith, wordsRead } from './searching.ts'

const defaultOrganization = 'org_00000000000000000000000000000001'
const sweepIntervalMs = 100
const organizationPath = ({ orgId }: Pick<Person, 'orgId'>) => `/v1/orgs/${orgId}`

/** Tables whose rows are deleted with those of a session. */
const ofSessions = [
  'ag_ui_runs',
  'search_sessions',
  'search_words',
  'files',
  'hook_positions',
  'session_pins',
  'session_storage',
  'session_tokens',
  'sessions',
]

/** Ends the hour for which a deleted organization's row and its changes stay. */
async function passHour(databaseUrl: string) {
  const earlier = (table: string, column: string, where = 'true') =>
    runSql(
      databaseUrl,
      `update ${table} set ${column} = ${column} - interval '2 hours' where ${where}`,
    )
  await earlier('organizations', 'deleted_at', 'deleted_at is not null')
  await earlier('access_changes', 'created_at')
}

const untilGone = (databaseUrl: string, id: string) =>
  eventually(async () => {
    const rows = await queryRows(databaseUrl, 'select from organizations where id = $1', [id])
    return rows.length === 0
  })

type Server = Awaited<ReturnType<typeof startGuarded>>

/**
 * Adds content that the helper of the access tests omits: a running turn, stored values, responses,
 * a pin and a budget.
 */
async function addRest(server: Server, { call, orgId }: Person, word: string) {
  const subject: [string, string] = ['organization', orgId]
  const budget = await addBudget(server, { orgId, subject, limit: 1_000_000 })
  const session = await createSession({ call, url: server.url }, { title: word })
  const keep = [
    { tool_calls: [{ name: 'set_value', arguments: { key: word, value: word } }] },
    { text: word, delay_ms: 600_000 },
  ]
  const sent = { message: { content: [{ type: 'text', text: scripted(...keep) }] } }
  const path = `/v1/sessions/${session.id}/messages`
  expectStatus(await call('POST', path, sent, { 'idempotency-key': `${word}-1` }), 201)
  await call('PUT', `/v1/sessions/${session.id}/pin`)
  await eventually(async () => (await ledgerOf(server, budget)).length > 0)
}

test('leaves nothing of a deleted organization in any table, and all of another one', async (t) => {
  const server = await startGuarded(t, { sweepIntervalMs, env: unlimited })
  const operations = await operationsOf(server)
  const owner = await registerPerson(server, { name: 'okapi', email: 'owner@example.com' })
  const things = await furnish(t, server, owner)
  await addRest(server, owner, 'okapi')
  const other = await registerPerson(server, { name: 'zebra', email: 'other@example.com' })
  const kept = { person: other, things: await furnish(t, server, other) }
  const before = await snapshotOf(server, operations, kept)
  const texts = [owner.orgId, 'okapi']
  await wordsRead(server)
  const filled = await tablesWith(server, texts)
  const missing = [
    ...tablesOfOrganization.filter((name) => name !== 'search_due'),
    'search_sessions',
    'search_words',
    'files',
    'session_pins',
    'session_tokens',
    'sessions',
    'events',
  ]
    .map((name) => `public.${name}`)
    .filter((name) => !filled.includes(name))
  assert.deepEqual(missing, [], 'the organization has rows in these tables too')

  expectStatus(await owner.call('DELETE', organizationPath(owner)), 204)
  const late = ['access_changes', 'audit_log', 'organizations', 'users']
  await eventually(async () => {
    const left = await tablesWith(server, texts)
    return left.every((name) => late.some((one) => name === `public.${one}`))
  })
  await passHour(server.databaseUrl)
  await untilGone(server.databaseUrl, owner.orgId)
  await eventually(
    async () => !(await tablesWith(server, [owner.orgId])).includes('public.access_changes'),
  )
  // Accounts belong to users, and the audit log of the default organization names the deleted
  // resources.
  assert.deepEqual(await tablesWith(server, texts), ['public.audit_log', 'public.users'])
  const { agent_id, session_id, key_id, server_id, schedule_id, turn_id, token_id } = things
  const ids = [session_id, key_id, server_id, schedule_id, turn_id, token_id, agent_id]
  assert.deepEqual(await tablesWith(server, ids), [])
  const entries = await queryRows<{ org_id: string; action: string; details: { name: string } }>(
    server.databaseUrl,
    'select org_id, action, details from audit_log where target = $1',
    [owner.orgId],
  )
  assert.deepEqual(
    entries.map(({ org_id, action, details }) => [org_id, action, details.name]),
    [[defaultOrganization, 'delete_organization', "okapi's organization"]],
  )
  assert.deepEqual(await snapshotOf(server, operations, kept), before)
})

test('a large deleted organization does not delay the end of turns in another one', async (t) => {
  const server = await startGuarded(t, { sweepIntervalMs, env: unlimited })
  const [large, small] = [await registerPerson(server), await registerPerson(server)]
  for (let number = 0; number < 20; number++) {
    await createSession({ call: large.call, url: server.url })
  }
  await addRest(server, small, 'running')
  await runSql(
    server.databaseUrl,
    `create function delay_deletion() returns trigger language plpgsql as $$
    begin perform pg_sleep(0.6); return old; end $$;
    create trigger delayed before delete on sessions for each row
    when (old.org_id = '${large.orgId}') execute function delay_deletion()`,
  )
  const sessionsOf = async ({ orgId }: Person) =>
    (await queryRows(server.databaseUrl, 'select from sessions where org_id = $1', [orgId])).length
  expectStatus(await large.call('DELETE', organizationPath(large)), 204)
  await eventually(async () => (await sessionsOf(large)) < 20)
  expectStatus(await small.call('DELETE', organizationPath(small)), 204)
  await eventually(async () => (await sessionsOf(small)) === 0)
  assert.ok((await sessionsOf(large)) > 0, 'all sessions of the large organization came first')
  await eventually(async () => (await sessionsOf(large)) === 0)
})

test('every table with rows of organizations is emptied', async (t) => {
  const tables = await queryRows<{ table_name: string }>(
    await createMigrated(t),
    `select distinct table_name from information_schema.columns
    where table_schema = 'public' and column_name = 'org_id' order by table_name`,
  )
  const known = [...tablesOfOrganization, ...ofSessions].sort()
  assert.deepEqual(
    tables.map(({ table_name }) => table_name),
    known,
  )
})

const createMigrated = async (t: TestContext) => (await startServer(t)).databaseUrl

test('sign-ins, keys, session tokens, streams and schedules of a deleted organization end on every node', async (t) => {
  const one = await startGuarded(t, { sweepIntervalMs: 3_600_000 })
  const two = await startGuarded(t, { databaseUrl: one.databaseUrl })
  const owner = await registerPerson(one)
  const member = await addMember(one, owner, 'member')
  const key = await createKey(one, owner)
  const session = await createSession({ call: owner.call, url: one.url })
  const path = `/v1/sessions/${session.id}`
  const { token } = expectStatus(await owner.call('POST', `${path}/tokens`), 201)
  const invitation = { email: 'invited@example.com' }
  const invitations = `${organizationPath(owner)}/invitations`
  const invited = expectStatus(await owner.call('POST', invitations, invitation), 201)
  const elsewhere = (authorization: string) => callerWith(two.url, authorization)
  const calls = {
    owner: () => elsewhere(owner.bearer)('GET', organizationPath(owner)),
    member: () => elsewhere(member.bearer)('GET', organizationPath(owner)),
    key: () => elsewhere(key.key)('GET', '/v1/agents'),
    token: () => elsewhere(`Bearer ${token}`)('GET', path),
  }
  for (const call of Object.values(calls)) expectStatus(await call(), 200)
  await createSchedule({ call: owner.call, url: one.url }, { target: sending(session.id) })
  const headers = { authorization: owner.bearer, 'x-org-id': owner.orgId }
  const streams = [
    await follow(t, two.url, { sessionId: session.id, headers: { authorization: key.key } }),
    await watch(t, two.url, { headers }),
  ]

  expectStatus(await owner.call('DELETE', organizationPath(owner)), 204)
  const enabled = `select from schedules where enabled and org_id = '${owner.orgId}'`
  assert.deepEqual(await queryRows(one.databaseUrl, enabled), [])
  await untilStatus(calls.owner, 404)
  await untilStatus(calls.member, 404)
  await untilStatus(calls.key, 401)
  await untilStatus(calls.token, 401)
  for (const stream of streams) await stream.ended
  assert.deepEqual(expectStatus(await owner.call('GET', '/v1/orgs'), 200).data, [])
  const guest = { ...invitation, name: 'Guest', password: 'a long password' }
  const late = await one.call('POST', '/v1/auth/register', { ...guest, invitation: invited.token })
  expectStatus(late, 404)
})

test('a deletion that kill -9 interrupts is finished by another node', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  // With the product's limit of a statement.
  const node = await beginProcess({ DATABASE_URL: databaseUrl }).ready
  t.after(node.crash)
  const insist = insistent(node.call)
  const { id: orgId } = expectStatus(await insist('POST', '/v1/orgs', { name: 'Short' }), 201)
  const headers = { 'x-org-id': orgId }
  const call: typeof node.call = (method, path, body) => insist(method, path, body, headers)
  const mine = { call, url: node.url }
  for (let sessions = 0; sessions < 3; sessions += 1) {
    const { id } = await createSession(mine)
    expectStatus(await call('POST', `/v1/sessions/${id}/fs/a.txt`, { content: randomUUID() }), 201)
    expectStatus(await post(mine, id, scripted({ text: 'Later.', delay_ms: 600_000 })), 201)
  }
  const count = async (table: string) => {
    const sql = `select from ${table} where org_id = $1`
    return (await queryRows(databaseUrl, sql, [orgId])).length
  }
  // A locked table does not delay other tables.
  const blocking = await connectTo(t, databaseUrl)
  await blocking.query('begin; lock table agents in access exclusive mode')
  expectStatus(await insist('DELETE', `/v1/orgs/${orgId}`), 204)
  await eventually(async () => (await count('blobs')) + (await count('sessions')) === 0)
  await node.crash()
  await blocking.end()
  assert.ok((await count('agents')) > 0)

  await startServer(t, { databaseUrl, sweepIntervalMs })
  for (const table of [...tablesOfOrganization, ...ofSessions]) {
    await eventually(async () => (await count(table)) === 0)
  }
  await passHour(databaseUrl)
  await untilGone(databaseUrl, orgId)
})

test('a session that cannot be deleted delays no other session and no table', async (t) => {
  const server = await startServer(t, { sweepIntervalMs, env: { LOG_LEVEL: 'silent' } })
  const { id: orgId } = expectStatus(await server.call('POST', '/v1/orgs', { name: 'Short' }), 201)
  const call: typeof server.call = (method, path, body) =>
    server.call(method, path, body, { 'x-org-id': orgId })
  const sessions = []
  for (let count = 0; count < 3; count += 1) {
    sessions.push((await createSession({ call, url: server.url })).id)
  }
  const [stuck] = sessions.sort()
  const sql = (text: string) => runSql(server.databaseUrl, text)
  await sql(
    `create function refuse() returns trigger language plpgsql as $$ begin raise 'refused'; end $$`,
  )
  await sql(
    `create trigger refusing before delete on sessions for each row when (old.id = '${stuck}') execute function refuse()`,
  )
  const rowsOf = async (table: string, column = 'org_id', value = orgId) =>
    (await queryRows(server.databaseUrl, `select from ${table} where ${column} = $1`, [value]))
      .length

  expectStatus(await server.call('DELETE', `/v1/orgs/${orgId}`), 204)
  await eventually(async () => (await rowsOf('sessions')) === 1)
  assert.equal(await rowsOf('sessions', 'id', stuck), 1)
  for (const table of tablesOfOrganization)
    await eventually(async () => (await rowsOf(table)) === 0)
  await passHour(server.databaseUrl)
  await sql('drop trigger refusing on sessions')
  await untilGone(server.databaseUrl, orgId)
  assert.equal(await rowsOf('sessions'), 0)
})

test('a log that is too long for one statement is deleted', async (t) => {
  const server = await startServer(t, { sweepIntervalMs, env: { LOG_LEVEL: 'silent' } })
  const { id: orgId } = expectStatus(await server.call('POST', '/v1/orgs', { name: 'Short' }), 201)
  const call: typeof server.call = (method, path, body) =>
    server.call(method, path, body, { 'x-org-id': orgId })
  const session = await createSession({ call, url: server.url })
  const sql = (text: string) => runSql(server.databaseUrl, text)
  await sql(
    `insert into events (session_id, sequence, type, ts, context, data)
    select '${session.id}', n, 'turn.started', now(), '{}', '{}' from generate_series(2, 1000) n`,
  )
  // A statement that has time for 200 events.
  await sql(
    `create function limit_events() returns trigger language plpgsql as $$ begin
      if (select count(*) from gone) > 200 then raise 'too slow' using errcode = '57014'; end if;
      return null;
    end $$`,
  )
  await sql(
    `create trigger limiting after delete on events referencing old table as gone
    for each statement execute function limit_events()`,
  )
  expectStatus(await server.call('DELETE', `/v1/orgs/${orgId}`), 204)
  const left = `select from events where session_id = '${session.id}'`
  const there = `select from sessions where id = '${session.id}'`
  await eventually(async () => (await queryRows(server.databaseUrl, there)).length === 0)
  assert.deepEqual(await queryRows(server.databaseUrl, left), [])
})

test('rows that a node writes after the deletion are deleted too', async (t) => {
  const server = await startGuarded(t, { sweepIntervalMs })
  const owner = await registerPerson(server)
  expectStatus(await owner.call('DELETE', organizationPath(owner)), 204)
  const audit = `select from audit_log where org_id = '${owner.orgId}'`
  await eventually(async () => (await queryRows(server.databaseUrl, audit)).length === 0)
  const late = `insert into texts (org_id, hash, body) values ('${owner.orgId}', 'late', 'late')`
  await runSql(server.databaseUrl, late)
  await eventually(async () => !(await tablesWith(server, [owner.orgId])).includes('public.texts'))
})

test('an organization with a session under a legal hold is not deleted', async (t) => {
  const server = await startGuarded(t, { sweepIntervalMs })
  const owner = await registerPerson(server)
  const session = await createSession({ call: owner.call, url: server.url })
  const path = `/v1/sessions/${session.id}`
  expectStatus(await owner.call('PATCH', path, { legal_hold: true }), 200)
  const refused = await owner.call('DELETE', organizationPath(owner))
  assert.match(expectStatus(refused, 409, 'legal_hold').error, new RegExp(session.id))
  expectStatus(await owner.call('GET', path), 200)
  expectStatus(await owner.call('PATCH', path, { legal_hold: false }), 200)
  expectStatus(await owner.call('DELETE', organizationPath(owner)), 204)
  await untilStatus(() => owner.call('GET', path, undefined, { 'x-org-id': owner.orgId }), 404)
})

test('a legal hold during a deletion waits for it and is refused', async (t) => {
  const server = await startGuarded(t)
  const owner = await registerPerson(server)
  const session = await createSession({ call: owner.call, url: server.url })
  const deleting = await connectTo(t, server.databaseUrl)
  await deleting.query('begin')
  await deleting.query('update organizations set deleted_at = now() where id = $1', [owner.orgId])
  const hold = owner.call('PATCH', `/v1/sessions/${session.id}`, { legal_hold: true })
  await untilLocked(server.databaseUrl)
  await deleting.query('commit')
  await deleting.end()
  expectStatus(await hold, 404, 'not_found')
})

test('owners and the operator delete an organization, others do not, and the default one cannot be deleted', async (t) => {
  const server = await startGuarded(t)
  const operator = await signInAdmin(server)
  const owner = await registerPerson(server)
  const admin = await addMember(server, owner, 'admin')
  const key = await createKey(server, owner, { scopes: ['admin'] })
  for (const { call } of [admin, key]) {
    expectStatus(await call('DELETE', organizationPath(owner)), 403, 'forbidden')
  }
  const any = (orgId: string) => `/v1/organizations/${orgId}`
  expectStatus(await owner.call('DELETE', any(owner.orgId)), 403, 'forbidden')
  const list = expectStatus(await operator.call('GET', '/v1/organizations'), 200).data
  assert.ok(list.some(({ id }: { id: string }) => id === owner.orgId))
  for (const path of [any(defaultOrganization), `/v1/orgs/${defaultOrganization}`]) {
    expectStatus(await operator.call('DELETE', path), 409, 'organization_protected')
  }
  expectStatus(await operator.call('DELETE', any(owner.orgId)), 204)
  expectStatus(await operator.call('DELETE', any(owner.orgId)), 404, 'not_found')
  assert.equal(expectStatus(await operator.call('GET', '/v1/organizations'), 200).total, 1)
  const log = expectStatus(await operator.call('GET', '/v1/audit-log'), 200).data
  assert.deepEqual(
    log
      .filter(({ action }: { action: string }) => action === 'delete_any_organization')
      .map(({ target }: { target: string }) => target),
    [owner.orgId],
  )
})

test('the database refuses to undo a deletion, to delete the default organization, and to delete audit entries', async (t) => {
  const server = await startGuarded(t)
  const { orgId, call } = await registerPerson(server)
  const sql = (text: string) => runSql(server.databaseUrl, text)
  const audit = `delete from audit_log where org_id = '${orgId}'`
  await assert.rejects(sql(audit), /append-only/)
  const mark = `update organizations set deleted_at = now() where id =`
  await assert.rejects(sql(`${mark} '${defaultOrganization}'`), /default_organization_stays/)
  expectStatus(await call('DELETE', `/v1/orgs/${orgId}`), 204)
  const back = `update organizations set deleted_at = null where id = '${orgId}'`
  await assert.rejects(sql(back), /is being deleted/)
})
