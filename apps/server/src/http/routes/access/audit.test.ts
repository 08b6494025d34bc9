import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AuditEntry } from '@outlast/contract'
import {
  addMember,
  createKey,
  expectStatus,
  type Person,
  registerPerson,
  signInAdmin,
  startGuarded,
  untilStatus,
} from '../../../../test/access.ts'
import { runSql } from '../../../../test/database.ts'
import { createAgent, createSession } from '../../../../test/session.ts'
import { eventually } from '../../../../test/waiting.ts'

async function entriesOf({ call }: Pick<Person, 'call'>, query = ''): Promise<AuditEntry[]> {
  return expectStatus(await call('GET', `/v1/audit-log${query}`), 200).data
}

test('the log has actor, action, target, address and time', async (t) => {
  const server = await startGuarded(t)
  const person = await registerPerson(server)
  const key = await createKey(server, person, { name: 'Robot' })
  const mine = { url: server.url, call: key.call }
  const agent = await createAgent(mine)
  const session = await createSession(mine, { agent_id: agent.id })
  const headers = { 'user-agent': 'curl/9', 'x-request-id': 'req-1' }
  await key.call('DELETE', `/v1/sessions/${session.id}`, undefined, headers)
  const [deleted, created, keyMade, registered] = await entriesOf(person)
  assert.equal(deleted!.action, 'delete_session')
  assert.equal(deleted!.target, session.id)
  assert.deepEqual(
    [deleted!.actor_type, deleted!.actor_id, deleted!.actor_name],
    ['key', key.id, 'Robot'],
  )
  assert.deepEqual(
    [deleted!.address, deleted!.user_agent, deleted!.request_id],
    ['127.0.0.1', 'curl/9', 'req-1'],
  )
  assert.deepEqual([created!.action, created!.target], ['create_agent', agent.id])
  assert.deepEqual([keyMade!.action, keyMade!.target], ['create_api_key', key.id])
  assert.deepEqual([registered!.action, registered!.actor_id], ['register', person.id])
  assert.ok(!JSON.stringify(await entriesOf(person)).includes(key.key))
})

test('records neither failed requests nor repeated ones', async (t) => {
  const server = await startGuarded(t)
  const { call } = await registerPerson(server)
  await call('POST', '/v1/agents', { name: '' })
  await call('DELETE', `/v1/agents/agent_${'0'.repeat(32)}`)
  const body = { name: 'Once', system_prompt: 'x' }
  const headers = { 'idempotency-key': 'k' }
  const send = () => call('POST', '/v1/agents', body, headers)
  // On a loaded machine one may wait 5 s for another, and is refused.
  await Promise.all([1, 2, 3].map(() => untilStatus(send, 201)))
  const actions = (await entriesOf({ call })).map(({ action }) => action)
  assert.deepEqual(actions, ['create_agent', 'register'])
})

test('records failed sign-ins in the organizations of the account', async (t) => {
  const server = await startGuarded(t)
  const person = await registerPerson(server)
  const wrong = { email: person.email, password: 'not this one' }
  expectStatus(await server.call('POST', '/v1/auth/login', wrong), 401)
  const unknown = { email: 'nobody@example.com', password: 'not this one' }
  expectStatus(await server.call('POST', '/v1/auth/login', unknown), 401)
  const [failed] = await entriesOf(person)
  assert.deepEqual([failed!.action, failed!.target], ['login_failed', person.id])
  const [ours] = await entriesOf(await signInAdmin(server), '?action=login_failed')
  assert.deepEqual([ours!.target, ours!.actor_type], [null, 'anonymous'])
  assert.deepEqual(
    [failed!.details, ours!.details],
    [{ email: person.email }, { email: unknown.email }],
  )
})

test('failed sign-ins of unknown addresses are recorded up to a limit for each network', async (t) => {
  const server = await startGuarded(t)
  const person = await registerPerson(server)
  const wrong = (email: string) =>
    server.call('POST', '/v1/auth/login', { email, password: 'not this one' })
  for (let n = 0; n < 24; n += 1) expectStatus(await wrong(`nobody${n}@example.com`), 401)
  expectStatus(await wrong(person.email), 401)
  const admin = await signInAdmin(server)
  const query = '?action=login_failed&limit=100'
  assert.equal((await entriesOf(admin, query)).length, 20)
  assert.equal((await entriesOf(person, query)).length, 1)
})

test('records refused requests and failed current passwords', async (t) => {
  const server = await startGuarded(t)
  const owner = await registerPerson(server)
  const viewer = await addMember(server, owner, 'viewer')
  const key = await createKey(server, owner, { scopes: ['read'] })
  const agent = await createAgent({ url: server.url, call: owner.call })
  expectStatus(await viewer.call('DELETE', `/v1/agents/${agent.id}`), 403, 'forbidden')
  expectStatus(await key.call('GET', '/v1/audit-log'), 403, 'forbidden')
  expectStatus(await key.call('POST', '/v1/orgs', { name: 'Mine' }), 403, 'users_only')
  const change = { current_password: 'not this one', new_password: 'another long one' }
  expectStatus(await viewer.call('POST', '/v1/auth/password', change), 401, 'invalid_login')
  const found = await eventually(async () => {
    const entries = (await entriesOf(owner)).slice(0, 4)
    return entries.filter(({ details }) => details?.refused).length === 3 ? entries : undefined
  })
  const told = found.map(({ actor_id, action, target, details }) => [
    ...[actor_id, action, target],
    details?.refused,
  ])
  assert.deepEqual(
    new Set(told.map((one) => one.join())),
    new Set(
      [
        [viewer.id, 'password_change_failed', viewer.id, undefined],
        [key.id, 'create_organization', null, 'users_only'],
        [key.id, 'list_audit_log', null, 'forbidden'],
        [viewer.id, 'delete_agent', null, 'forbidden'],
      ].map((one) => one.join()),
    ),
  )
})

test('records a refused request through an adapter once, as the operation that it called', async (t) => {
  const server = await startGuarded(t)
  const owner = await registerPerson(server)
  const agent = await createAgent({ url: server.url, call: owner.call })
  const key = await createKey(server, owner, { scopes: ['read'] })
  const body = { model: `agent:${agent.id}`, messages: [{ role: 'user', content: 'Hello' }] }
  const answer = await key.call('POST', '/openai/v1/chat/completions', body)
  assert.equal(answer.status, 403)
  expectStatus(await key.call('GET', '/v1/audit-log'), 403, 'forbidden')
  const refused = async () => (await entriesOf(owner)).filter(({ details }) => details?.refused)
  const actions = await eventually(async () => {
    const all = (await refused()).map(({ action }) => action)
    return all.includes('list_audit_log') && all.includes('create_session') ? all : undefined
  })
  assert.deepEqual(actions.toSorted(), ['create_session', 'list_audit_log'])
})

test('a registration is recorded with its role', async (t) => {
  const server = await startGuarded(t)
  const owner = await registerPerson(server)
  const member = await addMember(server, owner, 'viewer')
  const entries = await entriesOf(owner, '?action=register')
  assert.deepEqual(
    entries.map(({ target, details }) => [target, details]),
    [
      [member.id, { role: 'viewer' }],
      [owner.id, { role: 'owner' }],
    ],
  )
})

test('limits the entries of a caller with repeated refusals', async (t) => {
  const server = await startGuarded(t)
  const owner = await registerPerson(server)
  const key = await createKey(server, owner, { scopes: ['read'] })
  const begun = performance.now()
  for (let time = 0; time < 40; time += 1) await key.call('GET', '/v1/audit-log')
  await owner.call('POST', '/v1/agents', { name: 'A', system_prompt: 'x' })
  const refused = (await entriesOf(owner)).filter(({ details }) => details?.refused)
  // 20 a minute: one more every 3 s.
  const allowed = 20 + Math.ceil((performance.now() - begun) / 3_000)
  assert.ok(refused.length <= allowed, `${refused.length} of ${allowed}`)
})

test('records exports of sessions and of the log itself', async (t) => {
  const server = await startGuarded(t)
  const { call } = await registerPerson(server)
  const session = await createSession({ url: server.url, call })
  expectStatus(await call('GET', `/v1/sessions/${session.id}/export`), 200)
  expectStatus(await call('GET', `/v1/sessions/session_${'0'.repeat(32)}/export`), 404)
  expectStatus(await call('GET', '/v1/audit-log/export'), 200)
  const [log, exported, before] = await entriesOf({ call })
  assert.deepEqual([log!.action, log!.target], ['export_audit_log', null])
  assert.deepEqual([exported!.action, exported!.target], ['export_session', session.id])
  assert.notEqual(before!.action, 'export_session')
})

test('nothing of it can be changed, and administrators alone read it', async (t) => {
  const server = await startGuarded(t)
  const owner = await registerPerson(server)
  const member = await addMember(server, owner, 'member')
  expectStatus(await member.call('GET', '/v1/audit-log'), 403, 'forbidden')
  expectStatus(await member.call('GET', '/v1/audit-log/export'), 403, 'forbidden')
  for (const text of [
    `update audit_log set action = 'nothing'`,
    'delete from audit_log',
    'truncate audit_log',
  ]) {
    await assert.rejects(runSql(server.databaseUrl, text), /append-only/)
  }
  const other = await registerPerson(server)
  const seen = JSON.stringify(await entriesOf(other))
  assert.ok(!seen.includes(owner.id) && !seen.includes(member.id))
})

test('it is paged, filtered and exported', async (t) => {
  const server = await startGuarded(t)
  const person = await registerPerson(server)
  const mine = { url: server.url, call: person.call }
  const agents = [await createAgent(mine), await createAgent(mine), await createAgent(mine)]
  const page = expectStatus(await person.call('GET', '/v1/audit-log?limit=2&offset=1'), 200)
  assert.deepEqual([page.total, page.limit, page.offset], [4, 2, 1])
  assert.deepEqual(
    page.data.map(({ target }: AuditEntry) => target),
    [agents[1]!.id, agents[0]!.id],
  )
  const one = await entriesOf(person, `?target=${agents[1]!.id}`)
  assert.equal(one.length, 1)
  const [{ created_at }] = one as [AuditEntry]
  assert.equal((await entriesOf(person, `?until=${created_at}&action=create_agent`)).length, 1)
  assert.equal((await entriesOf(person, `?since=${created_at}`)).length, 2)
  assert.equal((await entriesOf(person, `?actor_id=${person.id}`)).length, 4)
  for (const bad of ['since=yesterday', 'until=2026-99-99T00:00:00Z', 'limit=0']) {
    expectStatus(await person.call('GET', `/v1/audit-log?${bad}`), 400, 'invalid_request')
  }
  await expectTimesRead(person)
  const exported = await person.call('GET', '/v1/audit-log/export?action=create_agent')
  assert.match(exported.headers.get('content-type')!, /^application\/x-ndjson/)
  const lines = exported.body
    .trimEnd()
    .split('\n')
    .map((line: string) => JSON.parse(line))
  assert.deepEqual(lines, await entriesOf(person, '?action=create_agent'))
})

test('the number of entries is exact up to 10,000', async (t) => {
  const server = await startGuarded(t)
  const person = await registerPerson(server)
  const add = (from: number, to: number) =>
    runSql(
      server.databaseUrl,
      `insert into audit_log (org_id, id, actor_type, action, target)
      select org_id, 'audit_' || n, actor_type, 'many', 'm' from audit_log, generate_series(${from}, ${to}) n
      where actor_id = '${person.id}' and action = 'register'`,
    )
  const totals = async (query: string) => {
    const { body } = await person.call('GET', `/v1/audit-log?limit=1&${query}`)
    return [body.data.length, body.total, body.total_capped]
  }
  await add(1, 10_000)
  assert.deepEqual(await totals('target=m'), [1, 10_000, undefined])
  assert.deepEqual(await totals(''), [1, 10_000, true])
  await add(10_001, 10_001)
  for (const query of ['target=m', 'action=many', 'target=m&offset=10000']) {
    assert.deepEqual(await totals(query), [1, 10_000, true], query)
  }
  assert.deepEqual(await totals('target=m&offset=10001'), [0, 10_000, true])
  assert.deepEqual(await totals('action=register'), [1, 1, undefined])
})

/** Times whose offset or year PostgreSQL does not take, and times that only look odd. */
const farAway = [
  '0000-01-01T00:00:00Z',
  '0001-01-01T00:00:00+16:00',
  '9999-12-31T23:59:59-16:39',
  '9999-12-31T23:59:59-23:59',
]
const odd = [
  '2026-01-01T00:00:00+16:39',
  '2026-01-01T00:00:00-23:59',
  '2016-12-31T23:59:60Z',
  '0001-01-01T00:00:00Z',
  '9999-12-31T23:59:59.999999999Z',
]

async function expectTimesRead({ call }: Pick<Person, 'call'>) {
  for (const path of ['/v1/audit-log', '/v1/audit-log/export']) {
    for (const name of ['since', 'until']) {
      for (const time of farAway) {
        const answer = await call('GET', `${path}?${name}=${encodeURIComponent(time)}`)
        expectStatus(answer, 400, 'invalid_request')
        assert.match(answer.headers.get('content-type')!, /^application\/json/)
        assert.equal(answer.headers.get('content-disposition'), null)
      }
      for (const time of odd) {
        const answer = await call('GET', `${path}?${name}=${encodeURIComponent(time)}`)
        expectStatus(answer, 200)
      }
    }
  }
}
