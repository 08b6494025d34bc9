import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import {
  addMember,
  callerWith,
  createKey,
  expectStatus,
  registerPerson,
  signInAdmin,
  startGuarded,
  untilStatus,
} from '../../../../test/access.ts'
import type { HttpAnswer } from '../../../../test/server.ts'
import { startServer } from '../../../../test/server.ts'

test('a new account owns an organization with starter resources', async (t) => {
  const server = await startGuarded(t)
  const { call, name, orgId } = await registerPerson(server)
  const { data } = expectStatus(await call('GET', '/v1/orgs'), 200)
  assert.deepEqual([data.length, data[0].id, data[0].role], [1, orgId, 'owner'])
  assert.equal(data[0].name, `${name}'s organization`)
  const models = expectStatus(await call('GET', '/v1/llm-models'), 200)
  const isDefault = models.data.filter((model: { is_default: boolean }) => model.is_default)
  assert.deepEqual([isDefault.length, isDefault[0].model_id], [1, 'llmsim-default'])
  const agents = expectStatus(await call('GET', '/v1/agents'), 200)
  assert.equal(agents.total, 6)
})

test('administrators rename an organization, which is hidden from other organizations', async (t) => {
  const server = await startGuarded(t)
  const [one, other] = [await registerPerson(server), await registerPerson(server)]
  const path = `/v1/orgs/${one.orgId}`
  const renamed = expectStatus(await one.call('PATCH', path, { name: 'Acme' }), 200)
  assert.equal(renamed.name, 'Acme')
  assert.deepEqual(expectStatus(await one.call('GET', path), 200), renamed)
  expectStatus(await other.call('GET', path), 404, 'not_found')
  expectStatus(await other.call('PATCH', path, { name: 'Mine' }), 404, 'not_found')
  const viewer = await addMember(server, one, 'viewer')
  expectStatus(await viewer.call('PATCH', path, { name: 'Mine' }), 403, 'forbidden')
  expectStatus(await one.call('GET', '/v1/orgs/org_xyz'), 400, 'invalid_id')
  expectStatus(await one.call('PATCH', path, { name: '' }), 400, 'invalid_request')
})

test('names of organizations, people and agents hold no control characters', async (t) => {
  const server = await startGuarded(t)
  const { call, orgId } = await registerPerson(server)
  for (const odd of ['\0', '\n', '\x1b]0;x\x07', '\x7f', '\x9b2J']) {
    const name = `a${odd}b`
    const person = { email: 'odd@example.com', password: 'a long password', name }
    for (const answer of [
      await call('POST', '/v1/orgs', { name }),
      await call('PATCH', `/v1/orgs/${orgId}`, { name }),
      await call('POST', '/v1/agents', { name, system_prompt: 'x' }),
      await server.call('POST', '/v1/auth/register', person),
    ]) {
      const { details, error } = expectStatus(answer, 400, 'invalid_request')
      assert.equal(details[0].path, 'name')
      assert.match(error, /`name` must not contain (?:control characters|NUL)/)
    }
  }
  expectStatus(await call('POST', '/v1/orgs', { name: 'Größe 👩\u200d💻 日本' }), 201)
})

test('a member of several organizations names one, and can switch', async (t) => {
  const server = await startGuarded(t)
  const person = await registerPerson(server)
  const second = expectStatus(await person.call('POST', '/v1/orgs', { name: 'Second' }), 201)
  const unclear = await untilStatus(() => person.call('GET', '/v1/agents'), 401)
  assert.equal(unclear.code, 'organization_missing')
  for (const orgId of [person.orgId, second.id]) {
    const byHeader = await person.call('GET', '/v1/agents', undefined, { 'x-org-id': orgId })
    const byQuery = await person.call('GET', `/v1/agents?org_id=${orgId}`)
    expectStatus(byHeader, 200)
    expectStatus(byQuery, 200)
  }
  const switched = await person.call('POST', '/v1/users/me/switch-org', { org_id: second.id })
  assert.equal(expectStatus(switched, 200).name, 'Second')
  const cookie = switched.headers.get('set-cookie')!.split(';')[0]!
  const me = expectStatus(await person.call('GET', '/v1/auth/me', undefined, { cookie }), 200)
  assert.equal(me.organization_id, second.id)
  const foreign = (await registerPerson(server)).orgId
  const refused = await person.call('POST', '/v1/users/me/switch-org', { org_id: foreign })
  expectStatus(refused, 404, 'not_found')
  for (const bad of ['org_1', 'x', `${second.id}0`]) {
    const answer = await person.call('GET', '/v1/agents', undefined, { 'x-org-id': bad })
    expectStatus(answer, 401, 'invalid_organization_id')
  }
})

test('an invitation is accepted once, with an account or without', async (t) => {
  const server = await startGuarded(t)
  const [owner, friend] = [await registerPerson(server), await registerPerson(server)]
  const path = `/v1/orgs/${owner.orgId}/invitations`
  const made = await owner.call('POST', path, { email: friend.email.toUpperCase(), role: 'admin' })
  const { token, ...invitation } = expectStatus(made, 201)
  const listed = expectStatus(await owner.call('GET', path), 200)
  assert.deepEqual(listed.data, [invitation])
  const stranger = await registerPerson(server)
  expectStatus(await stranger.call('POST', '/v1/invitations/accept', { token }), 404, 'not_found')
  const joined = await friend.call('POST', '/v1/invitations/accept', { token })
  assert.deepEqual([expectStatus(joined, 200).id, joined.body.role], [owner.orgId, 'admin'])
  expectStatus(await friend.call('POST', '/v1/invitations/accept', { token }), 404, 'not_found')
  const member = await addMember(server, owner, 'viewer')
  assert.equal(member.orgId, owner.orgId)
  const members = expectStatus(await owner.call('GET', `/v1/orgs/${owner.orgId}/members`), 200)
  assert.deepEqual(
    members.data.map(({ role }: { role: string }) => role),
    ['owner', 'admin', 'viewer'],
  )
  const again = expectStatus(await owner.call('POST', path, { email: 'late@example.com' }), 201)
  expectStatus(await owner.call('DELETE', `${path}/${again.id}`), 204)
  const fields = { email: 'late@example.com', password: 'a long password', name: 'Late' }
  const late = await server.call('POST', '/v1/auth/register', {
    ...fields,
    invitation: again.token,
  })
  expectStatus(late, 404, 'not_found')
  expectStatus(await server.call('POST', '/v1/auth/login', fields), 401, 'invalid_login')
})

test('accepts only invited registrations while sign-up is off', async (t) => {
  const server = await startGuarded(t, { env: { AUTH_DISABLE_SIGNUP: 'true' } })
  const admin = await signInAdmin(server)
  const fields = { email: 'new@example.com', password: 'a long password', name: 'New' }
  const refused = await server.call('POST', '/v1/auth/register', fields)
  expectStatus(refused, 403, 'registration_disabled')
  const me = expectStatus(await admin.call('GET', '/v1/auth/me'), 200)
  const path = `/v1/orgs/${me.organization_id}/invitations`
  const { token } = expectStatus(await admin.call('POST', path, { email: fields.email }), 201)
  const taken = await server.call('POST', '/v1/auth/register', { ...fields, invitation: token })
  expectStatus(taken, 201)
})

test('removing a member ends access and keys at once', async (t) => {
  const server = await startGuarded(t)
  const owner = await registerPerson(server)
  const member = await addMember(server, owner, 'member')
  const key = await createKey(server, member)
  expectStatus(await key.call('GET', '/v1/agents'), 200)
  const path = `/v1/orgs/${owner.orgId}/members/${member.id}`
  expectStatus(await owner.call('DELETE', path), 204)
  await untilStatus(() => key.call('GET', '/v1/agents'), 401)
  const org = { 'x-org-id': owner.orgId }
  await untilStatus(() => member.call('GET', '/v1/agents', undefined, org), 404)
  expectStatus(await owner.call('DELETE', path), 404, 'not_found')
})

test('the people of an organization are found by name and address', async (t) => {
  const server = await startGuarded(t)
  const owner = await registerPerson(server)
  const member = await addMember(server, owner, 'viewer')
  await registerPerson(server)
  const all = expectStatus(await member.call('GET', '/v1/users'), 200)
  assert.deepEqual(
    all.data.map(({ id }: { id: string }) => id),
    [member.id, owner.id],
  )
  const { data } = expectStatus(
    await owner.call('GET', `/v1/users?search=${member.email.toUpperCase()}`),
    200,
  )
  assert.deepEqual([data.length, data[0].roles, data[0].auth_provider], [1, ['viewer'], 'local'])
  for (const search of ['%', '_']) {
    const none = expectStatus(
      await owner.call('GET', `/v1/users?search=${encodeURIComponent(search)}`),
      200,
    )
    assert.equal(none.total, 0)
  }
})

test('without authentication there are organizations and no invitations', async (t: TestContext) => {
  const { call, url } = await startServer(t)
  const made = expectStatus(await call('POST', '/v1/orgs', { name: 'Tenant' }), 201)
  const inIt = callerWith(url, '', { 'x-org-id': made.id })
  expectStatus(await inIt('POST', '/v1/agents', { name: 'Only there', system_prompt: 'x' }), 201)
  const names = ({ body }: HttpAnswer) => body.data.map(({ name }: { name: string }) => name)
  assert.ok(names(await inIt('GET', '/v1/agents')).includes('Only there'))
  assert.ok(!names(await call('GET', '/v1/agents')).includes('Only there'))
  const listed = expectStatus(await call('GET', '/v1/orgs'), 200)
  assert.equal(listed.total, 2)
  const unknown = { 'x-org-id': `org_${'f'.repeat(32)}` }
  expectStatus(await call('GET', '/v1/agents', undefined, unknown), 404, 'not_found')
  const invited = await call('POST', `/v1/orgs/${made.id}/invitations`, { email: 'a@b.de' })
  expectStatus(invited, 409, 'authentication_off')
  expectStatus(await call('POST', '/v1/auth/api-keys', { name: 'x' }), 409, 'authentication_off')
  const login = { email: 'a@b.de', password: 'x' }
  expectStatus(await call('POST', '/v1/auth/login', login), 409, 'authentication_off')
})
