/** Visibility of changes by caller. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import {
  addMember,
  createKey,
  expectStatus,
  type Person,
  registerPerson,
  signInAdmin,
  startGuarded,
} from '../../../test/access.ts'
import { beforeAll } from '../../../test/hooks.ts'
import { createAgent, createSession, post } from '../../../test/session.ts'
import { watch } from '../../../test/stream.ts'

let server: Awaited<ReturnType<typeof startGuarded>>

beforeAll(async (t) => {
  server = await startGuarded(t as TestContext)
})

const as = ({ bearer: authorization }: { bearer: string }) => ({ headers: { authorization } })
const doorOf = ({ call }: Person) => ({ call, url: server.url })

test('an organization hears of its own things only', async (t) => {
  const [one, other] = [await registerPerson(server), await registerPerson(server)]
  const mine = await watch(t, server.url, as(one))
  const theirs = await watch(t, server.url, as(other))
  const foreign = await createSession(doorOf(other))
  await post(doorOf(other), foreign.id, 'Hello')
  await theirs.session(foreign.id, ({ preview }) => preview === 'Hello')
  expectStatus(await other.call('DELETE', `/v1/sessions/${foreign.id}`), 204)
  await theirs.event('session.deleted')
  const own = await createSession(doorOf(one))
  await mine.session(own.id)
  for (const { event, data } of mine.told) {
    assert.notEqual(event, 'session.deleted')
    if (event === 'session.changed') assert.equal(data.organization_id, one.orgId)
    assert.ok(![foreign.id, foreign.agent_id].includes(data.id))
  }
  const changes = mine.told.filter(({ event }) => event === 'changed')
  assert.deepEqual(
    changes.map(({ data }) => data),
    [{ noun: 'agent', id: own.agent_id }],
  )
})

test('refuses callers without read access', async () => {
  const owner = await registerPerson(server)
  const { id } = await createSession(doorOf(owner))
  const made = await owner.call('POST', `/v1/sessions/${id}/tokens`, { access: 'write' })
  const authorization = `Bearer ${expectStatus(made, 201).token}`
  const asToken = await server.call('GET', '/v1/changes', undefined, { authorization })
  expectStatus(asToken, 403, 'users_only')
  expectStatus(await server.call('GET', '/v1/changes'), 401, 'unauthenticated')
  const other = await registerPerson(server)
  const elsewhere = { 'x-org-id': owner.orgId }
  const foreign = await other.call('GET', '/v1/changes', undefined, elsewhere)
  expectStatus(foreign, 404, 'not_found')
})

test('reports members to all and invitations to administrators', async (t) => {
  const owner = await registerPerson(server)
  const viewer = await addMember(server, owner, 'viewer')
  const toOwner = await watch(t, server.url, as(owner))
  const toViewer = await watch(t, server.url, as(viewer))
  const member = await addMember(server, owner, 'member')
  for (const stream of [toOwner, toViewer]) await stream.changed('member', member.id)
  await toOwner.changed('invitation', null)
  const path = `/v1/orgs/${owner.orgId}/members/${member.id}`
  expectStatus(await owner.call('PATCH', path, { role: 'viewer' }), 200)
  expectStatus(await owner.call('DELETE', path), 204)
  const of = ({ told }: typeof toViewer) => told.filter(({ data }) => data.id === member.id).length
  for (const stream of [toOwner, toViewer]) {
    await stream.until(() => of(stream) >= 2)
  }
  const nouns = new Set(toViewer.told.map(({ data }) => data.noun))
  assert.ok(nouns.has('member') && !nouns.has('invitation'))
})

test('reports keys without ids, and nodes to operators only', async (t) => {
  const person = await registerPerson(server)
  const admin = await signInAdmin(server)
  const toPerson = await watch(t, server.url, as(person))
  const toAdmin = await watch(t, server.url, as(admin))
  const { data } = expectStatus(await admin.call('GET', '/v1/durable/workers'), 200)
  expectStatus(await admin.call('POST', `/v1/durable/workers/${data[0].id}/drain`), 200)
  expectStatus(await admin.call('POST', `/v1/durable/workers/${data[0].id}/resume`), 200)
  await toAdmin.changed('worker', data[0].id)
  await createKey(server, person)
  await toPerson.changed('key', null)
  assert.ok(toPerson.told.every((one) => one.data.noun !== 'worker'))
})

test('it ends when its credential does, and when its user may do less or more', async (t) => {
  const owner = await registerPerson(server)
  const admin = await addMember(server, owner, 'admin')
  const key = await createKey(server, owner, { scopes: ['read'] })
  const byKey = await watch(t, server.url, { headers: { authorization: key.key } })
  const byAdmin = await watch(t, server.url, as(admin))
  const byOwner = await watch(t, server.url, {
    query: `?access_token=${owner.tokens.access_token}`,
  })
  expectStatus(await owner.call('DELETE', `/v1/auth/api-keys/${key.id}`), 204)
  const member = `/v1/orgs/${owner.orgId}/members/${admin.id}`
  expectStatus(await owner.call('PATCH', member, { role: 'viewer' }), 200)
  for (const stream of [byKey, byAdmin]) {
    await stream.ended
    assert.equal(stream.told.at(-1)?.data.reason, 'access_ended')
  }
  const { id } = await createAgent(doorOf(owner))
  await byOwner.changed('agent', id)
})
