import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  adminEmail,
  adminPassword,
  callerWith,
  expectStatus,
  registerPerson,
  startGuarded,
} from '../../apps/server/test/access.ts'
import { createTestDatabase, queryRows } from '../../apps/server/test/database.ts'
import { startServer } from '../../apps/server/test/server.ts'
import {
  converse,
  createAgent,
  createSession,
  dataOf,
  post,
  replyOf,
} from '../../apps/server/test/session.ts'
import { follow } from '../../apps/server/test/stream.ts'
import { eventually } from '../../apps/server/test/waiting.ts'
import { startFails, startProcess, temporaryFolder } from '../process.ts'
import { addProvider, both, forgetV1, onlyV1, onlyV2, query, startVendor, v2 } from './rotating.ts'

test('a turn whose provider key cannot be opened fails once, and the log names the master key', async (t) => {
  const { before } = await temporaryFolder(t)
  const later = { after: (work: () => unknown) => before(async () => work()) }
  const databaseUrl = await createTestDatabase(later)
  const vendor = await startVendor(t)
  const first = await startServer(t, { databaseUrl, env: onlyV1 })
  const added = await addProvider(first, { baseUrl: vendor.url, apiKey: 'sk-of-the-vendor' })
  await first.stop()
  await forgetV1(t, databaseUrl)
  const server = await startProcess({ ...onlyV2, DATABASE_URL: databaseUrl })
  before(() => server.stop())
  const provider = await server.call('GET', `/v1/llm-providers/${added.id}`)
  assert.equal(provider.body.api_key_set, true)
  for (const text of ['Hello?', 'Again?']) {
    const events = await converse(t, server, added.sessionId, text)
    const { metadata } = dataOf(events, 'llm.generation')
    const said = "The provider's key cannot be decrypted: master key kek-v1 is not configured."
    assert.deepEqual([metadata.success, metadata.error, metadata.retry], [false, said, undefined])
    assert.equal(events.filter(({ type }) => type === 'turn.failed').length, 1)
    assert.equal(dataOf(events, 'turn.failed').error_code, 'llm_key_unreadable')
    assert.match(replyOf(events), /cannot decrypt the API key/)
    assert.doesNotMatch(replyOf(events), /kek/)
  }
  assert.deepEqual(vendor.keys, [])
  // The output can arrive after the responses.
  const logged = () => server.output().match(/cannot be decrypted.*master key kek-v1/g) ?? []
  await eventually(async () => logged().length > 1)
  assert.equal(logged().length, 2)
  // A new key for the provider is all that it takes.
  const path = `/v1/llm-providers/${added.id}`
  assert.equal((await server.call('PATCH', path, { api_key: 'sk-new' })).status, 200)
  assert.equal(replyOf(await converse(t, server, added.sessionId, 'Now?')), 'Yes.')
  assert.deepEqual(vendor.keys, ['Bearer sk-new'])
})

test("the environment's key never replaces a provider's key that cannot be opened", async (t) => {
  const databaseUrl = await createTestDatabase(t)
  const first = await startServer(t, { databaseUrl, env: onlyV1 })
  const openai = '/v1/llm-providers/provider_01933b5a000070008000000000000001'
  expectStatus(await first.call('PATCH', openai, { api_key: 'sk-own' }), 200)
  const agent = { default_model_id: 'model_01933b5a00007000800000000000020a' }
  const { id } = await createSession(first, { agent_id: (await createAgent(first, agent)).id })
  await first.stop()
  await forgetV1(t, databaseUrl)
  const env = { ...onlyV2, DEFAULT_OPENAI_API_KEY: 'sk-env', LOG_LEVEL: 'silent' }
  const second = await startServer(t, { databaseUrl, env })
  const { metadata } = dataOf(await converse(t, second, id, 'Hello?'), 'llm.generation')
  assert.equal(
    metadata.error,
    "The provider's key cannot be decrypted: master key kek-v1 is not configured.",
  )
  await second.stop()
})

test("a sealed key copied to another organization's provider does not open there", async (t) => {
  const env = { ...onlyV1, PRIVATE_HOSTS_ALLOWED: '127.0.0.1@*', LOG_LEVEL: 'silent' }
  const server = await startGuarded(t, { env })
  const vendor = await startVendor(t)
  const people = [await registerPerson(server), await registerPerson(server)]
  const added = []
  for (const { bearer, id } of people) {
    const called = { url: server.url, call: callerWith(server.url, bearer) }
    const provider = await addProvider(called, { baseUrl: vendor.url, apiKey: `sk-of-${id}` })
    added.push({ ...provider, ...called, authorization: bearer })
  }
  const ids = added.map(({ id }) => id)
  await query(
    server.databaseUrl,
    `update providers p set api_key = o.api_key from providers o
      where (p.id, o.id) in (($1, $2), ($2, $1))`,
    ids,
  )
  for (const { sessionId, authorization, ...called } of added) {
    const stream = await follow(t, server.url, { sessionId, headers: { authorization } })
    expectStatus(await post(called, sessionId, 'Hello?'), 201)
    const { data } = await stream.event('llm.generation')
    assert.match(data.metadata.error!, /it was changed or moved/)
    stream.close()
  }
  assert.deepEqual(vendor.keys, [])
})

test('a new master key signs no user out; tokens signed by a removed one are invalid', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  const start = (env: Record<string, string>) => startGuarded(t, { databaseUrl, env })
  const first = await start(onlyV1)
  const admin = { email: adminEmail, password: adminPassword }
  const old = expectStatus(await first.call('POST', '/v1/auth/login', admin), 200)
  await first.stop()

  const second = await start(both)
  const me = (url: string, token: string) =>
    callerWith(url, `Bearer ${token}`)('GET', '/v1/auth/me')
  expectStatus(await me(second.url, old.access_token), 200)
  const refreshed = await second.call('POST', '/v1/auth/refresh', {
    refresh_token: old.refresh_token,
  })
  const { access_token } = expectStatus(refreshed, 200)
  await second.stop()

  const third = await start(onlyV2)
  expectStatus(await me(third.url, access_token), 200)
  expectStatus(await me(third.url, old.access_token), 401, 'invalid_token')
  await third.stop()
})

test('master keys that do not match stop the start and are not logged', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  const secret = v2.slice('kek-v2:'.length)
  const cases: [Record<string, string>, RegExp][] = [
    [{ ...onlyV2, SECRETS_ENCRYPTION_KEY_PREVIOUS: v2 }, /two keys have the id kek-v2/],
    [{ ...onlyV2, SECRETS_ENCRYPTION_KEY_PREVIOUS: secret }, /PREVIOUS must list keys/],
    [{ SECRETS_ENCRYPTION_KEY: secret }, /SECRETS_ENCRYPTION_KEY must look like/],
    [
      { SECRETS_ENCRYPTION_KEY: '', SECRETS_ENCRYPTION_KEY_PREVIOUS: v2 },
      /PREVIOUS requires SECRETS_ENCRYPTION_KEY/,
    ],
  ]
  for (const [env, said] of cases) {
    const { code, output } = await startFails({ ...env, DATABASE_URL: databaseUrl })
    assert.equal(code, 1)
    assert.match(output, said)
    assert.equal(output.trim().split('\n').length, 1)
    assert.ok(!output.includes(secret))
  }
})

test('refuses to start with another master key than the other nodes', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  const first = await startServer(t, { databaseUrl, env: onlyV1 })
  const other = `kek-v1:${Buffer.alloc(32, 9).toString('base64')}`
  const cases: [Record<string, string>, RegExp][] = [
    [{ SECRETS_ENCRYPTION_KEY: other }, /kek-v1 of this node differs from the kek-v1/],
    [{ SECRETS_ENCRYPTION_KEY: v2, SECRETS_ENCRYPTION_KEY_PREVIOUS: other }, /differs from the/],
    [onlyV2, /sealed with master key kek-v1, which this node does not have/],
    [
      { SECRETS_ENCRYPTION_KEY: '' },
      /sealed with master key kek-v1, which this node does not have/,
    ],
  ]
  for (const [env, said] of cases) {
    const { code, output } = await startFails({ ...env, DATABASE_URL: databaseUrl })
    assert.equal(code, 1)
    assert.match(output, said)
    assert.equal(output.trim().split('\n').length, 1)
  }
  assert.deepEqual(await queryRows(databaseUrl, 'select id from master_keys'), [{ id: 'kek-v1' }])
  await first.stop()
})
