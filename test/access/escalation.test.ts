/** Privilege escalation through keys, roles, invitations and tokens. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  addMember,
  callerWith,
  createKey,
  expectStatus,
  type Person,
  registerPerson,
  startGuarded,
} from '../../apps/server/test/access.ts'
import { beforeAll } from '../../apps/server/test/hooks.ts'
import type { Call, HttpAnswer } from '../../apps/server/test/server.ts'
import { createSession } from '../../apps/server/test/session.ts'
import { follow } from '../../apps/server/test/stream.ts'

let server: Awaited<ReturnType<typeof startGuarded>>
let owner: Person

beforeAll(async (t) => {
  server = await startGuarded(t as TestContext)
  owner = await registerPerson(server)
})

const agent = { name: 'New', system_prompt: 'New.' }
const keys = '/v1/auth/api-keys'
const memberPath = (person: { id: string }, org = owner) =>
  `/v1/orgs/${org.orgId}/members/${person.id}`
const setRole = async (person: Person, role: string) =>
  expectStatus(await owner.call('PATCH', memberPath(person), { role }), 200)

const pauseMs = 20

/** Repeats the request until the response has this status. */
async function until(status: number, ask: () => Promise<HttpAnswer>): Promise<HttpAnswer> {
  for (;;) {
    const answer = await ask()
    if (answer.status === status) return answer
    await sleep(pauseMs)
  }
}

const read = (call: Call) => call('GET', '/v1/agents')
const write = (call: Call) => call('POST', '/v1/agents', agent)
const administer = (call: Call) => call('GET', '/v1/audit-log')

test("a key has its creator's current rights, limited by its scopes", async () => {
  const maker = await addMember(server, owner, 'admin')
  const all = await createKey(server, maker)
  const admin = await createKey(server, maker, { scopes: ['admin'] })
  const reader = await createKey(server, maker, { scopes: ['read'] })
  const both = [all, admin]
  for (const { call } of both) expectStatus(await administer(call), 200)

  await setRole(maker, 'member')
  for (const { call } of both) {
    const refused = await until(403, () => administer(call))
    expectStatus(refused, 403, 'forbidden')
    expectStatus(await write(call), 201)
  }
  await setRole(maker, 'viewer')
  for (const { call } of both) {
    expectStatus(await until(403, () => write(call)), 403, 'forbidden')
    expectStatus(await read(call), 200)
  }
  await setRole(maker, 'owner')
  for (const { call } of both) await until(200, () => administer(call))
  expectStatus(await write(reader.call), 403, 'forbidden')

  expectStatus(await owner.call('DELETE', memberPath(maker)), 204)
  for (const { call } of [...both, reader]) {
    expectStatus(await until(401, () => read(call)), 401, 'invalid_api_key')
  }
  const listed = expectStatus(await owner.call('GET', `${keys}?limit=100`), 200)
  assert.ok(!JSON.stringify(listed).includes(all.id))
  const again = { 'x-org-id': owner.orgId }
  expectStatus(await maker.call('GET', '/v1/agents', undefined, again), 404, 'not_found')
})

test('creating a key with more rights than the caller has is refused', async () => {
  const member = await addMember(server, owner, 'member')
  const viewer = await addMember(server, owner, 'viewer')
  const make = (call: Call, ...scopes: string[]) => call('POST', keys, { name: 'New', scopes })
  const attempts: [Person, ...string[]][] = [
    [member, 'admin'],
    [member, 'read', 'admin'],
    [member, '*', 'admin'],
    [viewer, 'write'],
    [viewer, 'read', 'write'],
    [viewer, '*', 'admin'],
  ]
  for (const [person, ...scopes] of attempts) {
    expectStatus(await make(person.call, ...scopes), 403, 'forbidden')
    assert.equal(expectStatus(await person.call('GET', keys), 200).total, 0)
  }
  const ofMember = await createKey(server, member)
  expectStatus(await write(ofMember.call), 201)
  expectStatus(await administer(ofMember.call), 403, 'forbidden')
  const ofViewer = await createKey(server, viewer)
  expectStatus(await read(ofViewer.call), 200)
  expectStatus(await write(ofViewer.call), 403, 'forbidden')
})

test('a key without administration rights cannot create or revoke keys', async () => {
  const member = await addMember(server, owner, 'member')
  const weak = [
    await createKey(server, owner, { scopes: ['write'] }),
    await createKey(server, owner, { scopes: ['read', 'write'] }),
    await createKey(server, member),
  ]
  for (const { call, id } of weak) {
    expectStatus(await call('POST', keys, { name: 'New', scopes: ['read'] }), 403, 'forbidden')
    expectStatus(await call('DELETE', `${keys}/${id}`), 403, 'forbidden')
    expectStatus(await read(call), 200)
  }
  const strong = await createKey(server, owner, { scopes: ['admin'] })
  const made = await createKey(server, strong, { scopes: ['write'] })
  expectStatus(await write(made.call), 201)
  expectStatus(await administer(made.call), 403, 'forbidden')
})

test('members see and revoke only their own keys, administrators all keys', async () => {
  const [one, other] = [
    await addMember(server, owner, 'member'),
    await addMember(server, owner, 'member'),
  ]
  const mine = await createKey(server, one)
  expectStatus(await other.call('DELETE', `${keys}/${mine.id}`), 404, 'not_found')
  assert.equal(expectStatus(await other.call('GET', keys), 200).total, 0)
  assert.equal(expectStatus(await one.call('GET', keys), 200).total, 1)
  expectStatus(await read(mine.call), 200)
  const all = expectStatus(await owner.call('GET', `${keys}?limit=100`), 200)
  assert.ok(JSON.stringify(all).includes(mine.id))
  assert.ok(!JSON.stringify(all).includes(mine.key.slice(-32)))
  expectStatus(await owner.call('DELETE', `${keys}/${mine.id}`), 204)
  expectStatus(await until(401, () => read(mine.call)), 401, 'invalid_api_key')
})

test('administrators can neither make nor change owners', async () => {
  const admin = await addMember(server, owner, 'admin')
  const key = await createKey(server, admin)
  const member = await addMember(server, owner, 'member')
  const invitations = `/v1/orgs/${owner.orgId}/invitations`
  for (const call of [admin.call, key.call]) {
    for (const person of [admin, member]) {
      const made = await call('PATCH', memberPath(person), { role: 'owner' })
      expectStatus(made, 403, 'forbidden')
    }
    expectStatus(await call('PATCH', memberPath(owner), { role: 'viewer' }), 403, 'forbidden')
    expectStatus(await call('DELETE', memberPath(owner)), 403, 'forbidden')
    const invited = await call('POST', invitations, { email: 'o@example.com', role: 'owner' })
    expectStatus(invited, 403, 'forbidden')
  }
  const { data } = expectStatus(
    await owner.call('GET', `${memberPath({ id: '' }).slice(0, -1)}?limit=100`),
    200,
  )
  const roles = data.filter(({ user_id }: { user_id: string }) =>
    [owner.id, admin.id, member.id].includes(user_id),
  )
  assert.deepEqual(
    roles.map(({ role }: { role: string }) => role),
    ['owner', 'admin', 'member'],
  )
})

test('the last owner cannot leave, nor can the last two at once', async () => {
  const first = await registerPerson(server)
  const path = (person: { id: string }) => memberPath(person, first)
  const key = await createKey(server, first)
  for (const call of [first.call, key.call]) {
    expectStatus(await call('PATCH', path(first), { role: 'admin' }), 409, 'last_owner')
    expectStatus(await call('DELETE', path(first)), 409, 'last_owner')
  }
  expectStatus(await administer(first.call), 200)
  const second = await addMember(server, first, 'owner')
  const answers = await Promise.all(
    [first, second].map((person) => person.call('DELETE', path(person))),
  )
  const statuses = answers.map(({ status }) => status).sort()
  assert.equal(statuses[0], 204)
  assert.ok([409, 404, 403].includes(statuses[1]!), `${statuses}`)
  const left = [first, second][answers.findIndex(({ status }) => status !== 204)]!
  const members = expectStatus(await left.call('GET', `/v1/orgs/${first.orgId}/members`), 200)
  assert.deepEqual(
    members.data.map(({ user_id, role }: { user_id: string; role: string }) => [user_id, role]),
    [[left.id, 'owner']],
  )
})

/** A session with a finished turn, and tokens for it that a key created. */
async function sessionWithTokens(t: TestContext, maker: { call: Call; authorization: string }) {
  const mine = { url: server.url, call: maker.call }
  const session = await createSession(mine)
  const path = `/v1/sessions/${session.id}`
  const stream = await follow(t, server.url, {
    sessionId: session.id,
    headers: { authorization: maker.authorization },
  })
  const message = { message: { content: [{ type: 'text', text: 'Hello' }] } }
  expectStatus(await maker.call('POST', `${path}/messages`, message), 201)
  await stream.event('session.idled')
  stream.close()
  const token = async (access: string) => {
    const made = expectStatus(await maker.call('POST', `${path}/tokens`, { access }), 201)
    return { token: made.token as string, call: callerWith(server.url, `Bearer ${made.token}`) }
  }
  return {
    path,
    id: session.id,
    message,
    reader: await token('read'),
    writer: await token('write'),
  }
}

const hidden = 'llm.generation'

test('a token reads its session, but not the prompts of model calls', async (t) => {
  const key = await createKey(server, owner)
  const maker = { call: key.call, authorization: key.key }
  const { path, id, message, reader, writer } = await sessionWithTokens(t, maker)
  const other = await createSession({ url: server.url, call: key.call })
  const everything = expectStatus(await key.call('GET', `${path}/events`), 200)
  assert.ok(everything.data.some(({ type }: { type: string }) => type === hidden))
  for (const { call, token } of [reader, writer]) {
    for (const query of ['', '?expand=messages', `?types=${hidden}`, '?exclude=session.idled']) {
      const { data } = expectStatus(await call('GET', `${path}/events${query}`), 200)
      assert.ok(!JSON.stringify(data).includes(hidden), query)
      assert.equal(data.length > 0, !query.includes('types'), query)
    }
    const stream = await follow(t, server.url, {
      sessionId: id,
      query: `?access_token=${token}&after_sequence=0`,
    })
    await stream.event('session.idled')
    stream.close()
    assert.ok(!JSON.stringify(stream.frames).includes(hidden))
    for (const what of ['', '/events', '/messages', '/sse']) {
      const elsewhere = await call('GET', `/v1/sessions/${other.id}${what}`)
      expectStatus(elsewhere, 404, 'not_found')
    }
    expectStatus(await call('POST', `${path}/tokens`, { access: 'read' }), 403, 'users_only')
    expectStatus(await call('GET', `${path}/preview`), 403, 'users_only')
    expectStatus(await call('GET', '/v1/sessions'), 403, 'users_only')
  }
  expectStatus(await reader.call('DELETE', path), 403, 'forbidden')
  expectStatus(await writer.call('DELETE', path), 403, 'not_granted')
  expectStatus(await reader.call('POST', `${path}/messages`, message), 403, 'forbidden')
  expectStatus(await reader.call('POST', `${path}/cancel`), 403, 'forbidden')
  expectStatus(await writer.call('POST', `${path}/cancel`), 200)
  // In a query a token opens streams only.
  const inQuery = `?access_token=${writer.token}`
  expectStatus(await server.call('GET', `${path}${inQuery}`), 401, 'unauthenticated')
})

test('tokens end with the key that created them', async (t) => {
  const key = await createKey(server, owner)
  const maker = { call: key.call, authorization: key.key }
  const { path, reader, writer } = await sessionWithTokens(t, maker)
  for (const { call } of [reader, writer]) expectStatus(await call('GET', path), 200)
  expectStatus(await owner.call('DELETE', `${keys}/${key.id}`), 204)
  for (const { call } of [reader, writer]) {
    expectStatus(await until(401, () => call('GET', path)), 401, 'invalid_token')
  }
})

test('a token has at most the current rights of its creator', async (t) => {
  const person = await addMember(server, owner, 'member')
  const maker = { call: person.call, authorization: person.bearer }
  const { path, message, writer } = await sessionWithTokens(t, maker)
  await setRole(person, 'viewer')
  const posted = () => writer.call('POST', `${path}/messages`, message)
  expectStatus(await until(403, posted), 403, 'forbidden')
  expectStatus(await writer.call('GET', path), 200)
  const made = (call: Call, access: string) => call('POST', `${path}/tokens`, { access })
  expectStatus(await until(403, () => made(person.call, 'write')), 403, 'forbidden')
  expectStatus(await made(person.call, 'read'), 201)
  expectStatus(await owner.call('DELETE', memberPath(person)), 204)
  expectStatus(await until(401, () => writer.call('GET', path)), 401, 'invalid_token')

  const reading = await createKey(server, owner, { scopes: ['read'] })
  expectStatus(await made(reading.call, 'write'), 403, 'forbidden')
})

test('a user of two organizations chooses one per request and has its role there', async () => {
  const host = await registerPerson(server)
  const person = await registerPerson(server)
  const { call, email } = person
  const invitations = `/v1/orgs/${host.orgId}/invitations`
  const invitation = { email, role: 'viewer' }
  const { token } = expectStatus(await host.call('POST', invitations, invitation), 201)
  expectStatus(await call('POST', '/v1/invitations/accept', { token }), 200)

  await until(401, () => read(call))
  expectStatus(await read(call), 401, 'organization_missing')
  expectStatus(await write(call), 401, 'organization_missing')
  for (const wrong of ['org_1', host.orgId.toUpperCase(), `${host.orgId}0`, 'x']) {
    const headers = { 'x-org-id': wrong }
    const answer = await call('GET', '/v1/agents', undefined, headers)
    expectStatus(answer, 401, 'invalid_organization_id')
    const inQuery = await call('GET', `/v1/agents?org_id=${wrong}`)
    expectStatus(inQuery, 401, 'invalid_organization_id')
  }
  const there = { 'x-org-id': host.orgId }
  const home = { 'x-org-id': person.orgId }
  expectStatus(await call('GET', '/v1/agents', undefined, there), 200)
  expectStatus(await call('POST', '/v1/agents', agent, there), 403, 'forbidden')
  expectStatus(await call('GET', '/v1/audit-log', undefined, there), 403, 'forbidden')
  expectStatus(await call('POST', '/v1/agents', agent, home), 201)
  expectStatus(await call('POST', `/v1/agents?org_id=${host.orgId}`, agent), 403, 'forbidden')
  // The organization in the path takes precedence over the header.
  const renamed = { name: 'Mine now' }
  const path = `/v1/orgs/${host.orgId}`
  expectStatus(await call('PATCH', path, renamed, home), 403, 'forbidden')
  const key = await call('POST', keys, { name: 'New', scopes: ['admin'] }, there)
  expectStatus(key, 403, 'forbidden')
})

test('a key with the scope admin cannot make owners, only a key with all rights of its creator can', async () => {
  const member = await addMember(server, owner, 'member')
  const admin = await createKey(server, owner, { scopes: ['admin'] })
  const refused = await admin.call('PATCH', memberPath(member), { role: 'owner' })
  expectStatus(refused, 403, 'forbidden')
  expectStatus(await admin.call('PATCH', memberPath(member), { role: 'viewer' }), 200)
  const all = await createKey(server, owner, { scopes: ['*'] })
  expectStatus(await all.call('PATCH', memberPath(member), { role: 'owner' }), 200)
  expectStatus(await admin.call('DELETE', memberPath(member)), 403, 'forbidden')
  expectStatus(await all.call('DELETE', memberPath(member)), 204)
})
