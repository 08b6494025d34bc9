/** Keys created by keys: at most the rights and expiry of their parent, and deleted with it. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import {
  callerWith,
  createKey,
  expectStatus,
  type Person,
  registerPerson,
  startGuarded,
  untilStatus,
} from '../../apps/server/test/access.ts'
import { runSql } from '../../apps/server/test/database.ts'
import { beforeAll } from '../../apps/server/test/hooks.ts'
import type { Call } from '../../apps/server/test/server.ts'
import { createSession } from '../../apps/server/test/session.ts'
import { eventually } from '../../apps/server/test/waiting.ts'

let server: Awaited<ReturnType<typeof startGuarded>>
let owner: Person

beforeAll(async (t) => {
  server = await startGuarded(t as TestContext)
  owner = await registerPerson(server)
})

const keys = '/v1/auth/api-keys'
const read = (call: Call) => call('GET', '/v1/agents')

/** A session, and a token for it that a key created. */
async function createToken({ call }: { call: Call }) {
  const session = await createSession({ url: server.url, call })
  const path = `/v1/sessions/${session.id}`
  const { token } = expectStatus(await call('POST', `${path}/tokens`), 201)
  return { path, bearer: `Bearer ${token}` }
}

/** A key that another key creates. */
const makeChild = (parent: { call: Call }, fields: object = {}) => createKey(server, parent, fields)

const listedKey = async (id: string) => {
  const { data } = expectStatus(await owner.call('GET', `${keys}?limit=500`), 200)
  return data.find((one: { id: string }) => one.id === id)
}

test('a key with the scope admin cannot create a key that can make owners', async () => {
  const admin = await createKey(server, owner, { scopes: ['admin'] })
  for (const scopes of [['*'], ['admin', '*'], ['read', '*']]) {
    expectStatus(await admin.call('POST', keys, { name: 'New', scopes }), 403, 'forbidden')
  }
  const child = await makeChild(admin)
  assert.deepEqual((await listedKey(child.id)).scopes, ['admin'])
  const invitation = { email: 'other-owner@example.com', role: 'owner' }
  const invite = (call: Call) => call('POST', `/v1/orgs/${owner.orgId}/invitations`, invitation)
  for (const { call } of [admin, child]) expectStatus(await invite(call), 403, 'forbidden')
  const all = await makeChild(await createKey(server, owner), { scopes: ['*'] })
  expectStatus(await invite(all.call), 201)
})

test('a key cannot create a key that expires later', async () => {
  const parent = await createKey(server, owner, { expires_in_days: 1 })
  const { expires_at: end } = await listedKey(parent.id)
  for (const fields of [{}, { expires_in_days: null }, { expires_in_days: 3650 }]) {
    const child = await makeChild(parent, fields)
    const listed = await listedKey(child.id)
    assert.deepEqual([listed.expires_at, listed.parent_id], [end, parent.id])
    const grandchild = await listedKey((await makeChild(child, fields)).id)
    assert.deepEqual([grandchild.expires_at, grandchild.parent_id], [end, child.id])
  }
  const endless = await makeChild(await createKey(server, owner), { expires_in_days: 1 })
  assert.ok(Date.parse((await listedKey(endless.id)).expires_at) < Date.now() + 86_500_000)
  assert.equal((await listedKey(parent.id)).parent_id, null)
})

test('revoking a key ends the keys and session tokens that it and its children created, on every node', async (t) => {
  const other = await startGuarded(t, { databaseUrl: server.databaseUrl })
  const root = await createKey(server, owner)
  const child = await makeChild(root)
  const grandchild = await makeChild(child)
  const sibling = await createKey(server, owner)
  const { path, bearer } = await createToken(grandchild)
  const below = [child.key, grandchild.key]
  const calls = [server.url, other.url].flatMap((url) => [
    ...[root.key, ...below].map((key) => () => read(callerWith(url, key))),
    () => callerWith(url, bearer)('GET', path),
  ])
  for (const call of calls) expectStatus(await call(), 200)
  expectStatus(await owner.call('DELETE', `${keys}/${root.id}`), 204)
  for (const call of calls) await untilStatus(call, 401)
  for (const { id } of [root, child, grandchild]) assert.equal(await listedKey(id), undefined)
  expectStatus(await read(sibling.call), 200)
})

test('a session token expires with the key that created it', async () => {
  const key = await createKey(server, owner, { expires_in_days: 1 })
  const { path, bearer } = await createToken(key)
  const ask = () => callerWith(server.url, bearer)('GET', path)
  // On a loaded machine the key may expire before the first request.
  await eventually(async () => {
    await runSql(
      server.databaseUrl,
      `update api_keys set expires_at = now() + interval '5 seconds' where id = '${key.id}'`,
    )
    return (await ask()).status === 200
  })
  await untilStatus(ask, 401)
})

test('a key that is revoked while it creates another one leaves no key behind', async () => {
  for (let round = 0; round < 8; round += 1) {
    const parent = await createKey(server, owner)
    const child = await makeChild(parent)
    const racing = [parent, child].map(({ call }) => call('POST', keys, { name: 'Late' }))
    const revoked = owner.call('DELETE', `${keys}/${parent.id}`)
    const made = await Promise.all(racing)
    expectStatus(await revoked, 204)
    for (const { status, body } of made) {
      if (status !== 201) expectStatus({ status, body, headers: new Headers() }, 401)
      else await untilStatus(() => read(callerWith(server.url, body.key)), 401)
    }
    const { data } = expectStatus(await owner.call('GET', `${keys}?limit=500`), 200)
    assert.ok(!data.some(({ name }: { name: string }) => name === 'Late'))
  }
})

test('a chain of keys that create keys has a limit', async () => {
  let last = await createKey(server, owner)
  for (let depth = 0; depth < 10; depth += 1) last = await makeChild(last)
  const answer = await last.call('POST', keys, { name: 'One more' })
  expectStatus(answer, 403, 'keys_nested_too_deep')
})
