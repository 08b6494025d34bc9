import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeJwt } from 'jose'
import {
  addMember,
  callerWith,
  createKey,
  expectStatus,
  type Person,
  registerPerson,
  startGuarded,
  untilStatus,
} from '../../../../test/access.ts'
import { queryRows, runSql } from '../../../../test/database.ts'
import type { Call, HttpAnswer } from '../../../../test/server.ts'
import { createAgent, createSession, post } from '../../../../test/session.ts'
import { follow, framesOf } from '../../../../test/stream.ts'
import { eventually } from '../../../../test/waiting.ts'

type Server = Awaited<ReturnType<typeof startGuarded>>

async function sessionWithKey(server: Server) {
  const person = await registerPerson(server)
  const key = await createKey(server, person)
  const mine = { url: server.url, call: key.call }
  const agent = await createAgent(mine)
  const session = await createSession(mine, { agent_id: agent.id })
  return { person, key, agent, session, path: `/v1/sessions/${session.id}` }
}

test('a browser talks to one session with a token that its server made', async (t) => {
  const server = await startGuarded(t)
  const { key, path, session } = await sessionWithKey(server)
  const begun = Date.now()
  const made = await key.call('POST', `${path}/tokens`, { access: 'write', expires_in: 3_600 })
  const madeAt = Date.parse(made.body.expires_at) - 3_600_000
  assert.ok(madeAt >= begun - 1_000 && madeAt <= Date.now() + 1_000, made.body.expires_at)
  const { token, ...about } = expectStatus(made, 201)
  assert.deepEqual([about.session_id, about.access], [session.id, 'write'])
  const call = callerWith(server.url, `Bearer ${token}`)
  const query = `?access_token=${token}`
  const stream = await follow(t, server.url, { sessionId: session.id, query })
  expectStatus(await post({ url: server.url, call }, session.id, 'Hello'), 201)
  await stream.event('session.idled')
  assert.ok(!stream.events.some(({ type }) => type === 'llm.generation'))
  const own = expectStatus(await call('GET', `${path}/events`), 200)
  assert.ok(own.data.length > 0)
  assert.ok(!own.data.some(({ type }: { type: string }) => type === 'llm.generation'))
  const whole = expectStatus(await key.call('GET', `${path}/events`), 200)
  assert.ok(whole.data.some(({ type }: { type: string }) => type === 'llm.generation'))
})

test('a token that cannot be is refused', async (t) => {
  const server = await startGuarded(t)
  const { key, path } = await sessionWithKey(server)
  for (const body of [{ access: 'admin' }, { expires_in: 0 }, { expires_in: 86_401 }]) {
    expectStatus(await key.call('POST', `${path}/tokens`, body), 400, 'invalid_request')
  }
  const unknown = `/v1/sessions/session_${'0'.repeat(32)}/tokens`
  expectStatus(await key.call('POST', unknown, {}), 404, 'not_found')
})

test('tokens have an audience that nodes of 0.1, which know no grants, refuse', async (t) => {
  const server = await startGuarded(t)
  const { key, path } = await sessionWithKey(server)
  for (const [of, body] of [
    [`${path}/tokens`, {}],
    [`${path}/shares`, {}],
    ['/v1/tokens', { user: 'ada' }],
  ] as const) {
    const { token } = expectStatus(await key.call('POST', of, body), 201)
    const { aud, token_type } = decodeJwt(token)
    assert.deepEqual([aud, token_type], ['outlast:grant', 'grant'], of)
  }
})

test('lists the tokens of a session and revokes a single one, on every node within a second', async (t) => {
  const server = await startGuarded(t)
  const { key, path, session, person } = await sessionWithKey(server)
  const other = await startGuarded(t, { databaseUrl: server.databaseUrl })
  const make = async (body: object) => {
    const made = expectStatus(await key.call('POST', `${path}/tokens`, body), 201)
    const calls = [server, other].map(({ url }) => callerWith(url, `Bearer ${made.token}`))
    return { ...made, calls: calls as [Call, Call] }
  }
  const kept = await make({})
  const ended = await make({ access: 'write', files: 'read', tool_results: ['pick'] })
  const stream = await fetch(`${other.url}${path}/sse?access_token=${ended.token}`)
  assert.equal(stream.status, 200)
  const listed = expectStatus(await key.call('GET', `${path}/tokens`), 200)
  assert.deepEqual(
    listed.data.map(({ id }: { id: string }) => id),
    [ended.id, kept.id],
  )
  const { token, calls: _, ...info } = ended
  assert.deepEqual(listed.data[0], { ...info, user_id: person.id, key_id: key.id })
  assert.ok(!JSON.stringify(listed).includes(token))
  assert.equal(listed.data[0].session_id, session.id)
  for (const { calls } of [kept, ended]) {
    for (const call of calls) expectStatus(await call('GET', path), 200)
  }
  expectStatus(await key.call('DELETE', `${path}/tokens/${ended.id}`), 204)
  for (const call of ended.calls) await untilStatus(() => call('GET', path), 401)
  for await (const { event, data } of framesOf(stream)) {
    if (event === 'disconnecting') assert.equal(JSON.parse(data!).reason, 'access_ended')
  }
  for (const call of kept.calls) expectStatus(await call('GET', path), 200)
  expectStatus(await key.call('DELETE', `${path}/tokens/${ended.id}`), 404, 'not_found')
  const left = expectStatus(await key.call('GET', `${path}/tokens?limit=1`), 200)
  assert.deepEqual([left.total, left.data[0].id], [1, kept.id])
})

test('shows callers that may only read the tokens that they made, and no others', async (t) => {
  const server = await startGuarded(t)
  const { key, path, person } = await sessionWithKey(server)
  const viewer = await addMember(server, person, 'viewer')
  const theirs = expectStatus(await key.call('POST', `${path}/tokens`, {}), 201)
  const own = expectStatus(await viewer.call('POST', `${path}/tokens`, {}), 201)
  const seen = expectStatus(await viewer.call('GET', `${path}/tokens`), 200)
  assert.deepEqual(
    seen.data.map(({ id }: { id: string }) => id),
    [own.id],
  )
  expectStatus(await viewer.call('DELETE', `${path}/tokens/${theirs.id}`), 404, 'not_found')
  expectStatus(await viewer.call('DELETE', `${path}/tokens/${own.id}`), 204)
})

type Ending = (server: Server, person: Person) => Promise<HttpAnswer>
const newPassword = 'another long password'
const endings: Record<string, Ending> = {
  'signs out': (_, { call, tokens }) => call('POST', '/v1/auth/logout', tokens),
  'changes their password': (_, { call, password }) =>
    call('POST', '/v1/auth/password', { current_password: password, new_password: newPassword }),
  'changes their password on another device': async (server, { email, password }) => {
    const login = await server.call('POST', '/v1/auth/login', { email, password })
    const call = callerWith(server.url, `Bearer ${login.body.access_token}`)
    const change = { current_password: password, new_password: newPassword }
    return call('POST', '/v1/auth/password', change)
  },
}
for (const [cause, end] of Object.entries(endings)) {
  test(`ends the tokens of a user that ${cause}, on every node, and keeps those of their keys`, async (t) => {
    const server = await startGuarded(t)
    const { key, path, person } = await sessionWithKey(server)
    const other = await startGuarded(t, { databaseUrl: server.databaseUrl })
    const made = expectStatus(await person.call('POST', `${path}/tokens`, {}), 201)
    const ofKey = expectStatus(await key.call('POST', `${path}/tokens`, {}), 201)
    const callsWith = (token: string) =>
      [server, other].map(({ url }) => callerWith(url, `Bearer ${token}`))
    for (const call of callsWith(made.token)) expectStatus(await call('GET', path), 200)
    assert.ok((await end(server, person)).status < 300)
    for (const call of callsWith(made.token)) await untilStatus(() => call('GET', path), 401)
    for (const call of callsWith(ofKey.token)) expectStatus(await call('GET', path), 200)
    const left = expectStatus(await key.call('GET', `${path}/tokens`), 200)
    assert.deepEqual(
      left.data.map(({ id }: { id: string }) => id),
      [ofKey.id],
    )
  })
}

test('keeps the Idempotency-Keys of a session’s tokens apart from those of their makers', async (t) => {
  const server = await startGuarded(t)
  const { key, path, session } = await sessionWithKey(server)
  const token = async () => {
    const made = await key.call('POST', `${path}/tokens`, { access: 'write' })
    return callerWith(server.url, `Bearer ${expectStatus(made, 201).token}`)
  }
  const [first, renewed] = [await token(), await token()]
  const headers = { 'idempotency-key': 'order-42' }
  const said = (text: string) => ({ message: { content: [{ type: 'text', text }] } })
  const send = (call: Call, text: string) => call('POST', `${path}/messages`, said(text), headers)
  const users = expectStatus(await send(first, 'Mine first'), 201)
  const operators = expectStatus(await send(key.call, 'The order'), 201)
  assert.notEqual(operators.id, users.id)
  // A page that renews its token repeats its own request, not another one.
  assert.equal(expectStatus(await send(renewed, 'Mine first'), 201).id, users.id)
  assert.equal(session.id, users.session_id)
})

for (const how of ['its key is revoked', 'it expires', 'its maker is taken out']) {
  test(`a stream that a token opened ends when ${how}`, async (t) => {
    const server = await startGuarded(t)
    const { key, path, person } = await sessionWithKey(server)
    const expires_in = how === 'it expires' ? 5 : 600
    const response = await eventually(async () => {
      const made = await key.call('POST', `${path}/tokens`, { expires_in })
      const { token } = expectStatus(made, 201)
      const opened = await fetch(`${server.url}${path}/sse?access_token=${token}`)
      // On a loaded machine a token may expire before its stream begins.
      return opened.status === 200 || how !== 'it expires' ? opened : undefined
    })
    assert.equal(response.status, 200)
    if (how === 'its key is revoked') {
      expectStatus(await person.call('DELETE', `/v1/auth/api-keys/${key.id}`), 204)
    }
    if (how === 'its maker is taken out') {
      const friend = await registerPerson(server)
      const fields = { email: friend.email, role: 'owner' }
      const members = `/v1/orgs/${person.orgId}`
      const invited = await person.call('POST', `${members}/invitations`, fields)
      await friend.call('POST', '/v1/invitations/accept', { token: invited.body.token })
      expectStatus(await friend.call('DELETE', `${members}/members/${person.id}`), 204)
    }
    const frames = []
    for await (const frame of framesOf(response)) frames.push(frame)
    const last = frames.at(-1)!
    assert.equal(last.event, 'disconnecting')
    assert.equal(JSON.parse(last.data!).reason, 'access_ended')
  })
}

/** Each read of the access revision is counted, and takes longer than a node trusts its caches. */
const slowRevision = `
alter table access_revision rename to stored_access_revision;
create sequence revision_reads;
create view access_revision as select * from stored_access_revision
where nextval('revision_reads') > 0 and pg_sleep(0.6) is not null`

test('slow checks for revocations end a stream without a check for each stream before it', async (t) => {
  const server = await startGuarded(t, { env: { STREAMS_PER_END_USER: '30' } })
  const { key, path } = await sessionWithKey(server)
  const open = async (token: string) => {
    const { signal } = t
    const opened = await fetch(`${server.url}${path}/sse?access_token=${token}`, { signal })
    assert.equal(opened.status, 200)
    return opened
  }
  const make = async () => expectStatus(await key.call('POST', `${path}/tokens`, {}), 201)
  const [lasting, revoked] = [await make(), await make()]
  const others: Response[] = []
  while (others.length < 30) others.push(await open(lasting.token))
  const response = await open(revoked.token)
  await runSql(server.databaseUrl, slowRevision)
  const reads = async () => {
    const counted = 'select last_value::integer as count from revision_reads'
    const [row] = await queryRows<{ count: number }>(server.databaseUrl, counted)
    return row!.count
  }
  expectStatus(await key.call('DELETE', `${path}/tokens/${revoked.id}`), 204)
  const before = await reads()
  const frames = []
  for await (const frame of framesOf(response)) frames.push(frame)
  assert.equal(JSON.parse(frames.at(-1)!.data!).reason, 'access_ended')
  const checks = (await reads()) - before
  assert.ok(checks < others.length / 2, `${checks} checks`)
})
