import assert from 'node:assert/strict'
import { test } from 'node:test'
import { expectStatus } from '../../../../test/access.ts'
import { createTestDatabase, queryRows } from '../../../../test/database.ts'
import { beforeAll } from '../../../../test/hooks.ts'
import { startServer } from '../../../../test/server.ts'
import { createSession } from '../../../../test/session.ts'
import { sessionWith, useTools } from '../../../../test/tool-session.ts'

let server: Awaited<ReturnType<typeof startServer>>
beforeAll(async (t) => {
  server = await startServer(t as never)
})

const ref = 'session_storage'
const put = (id: string, secrets: object) =>
  server.call('PUT', `/v1/sessions/${id}/storage/secrets`, { secrets })
const list = async (id: string, kind: 'keys' | 'secrets', query = '') =>
  expectStatus(await server.call('GET', `/v1/sessions/${id}/storage/${kind}${query}`), 200)

test('stores secrets for the tools of a session, and lists only their names', async (t) => {
  const session = await sessionWith(server, ref)
  const names = ['b', 'a/ї 😀', 'B']
  const secrets = Object.fromEntries(names.map((name) => [name, `canary-${name}`]))
  assert.deepEqual(expectStatus(await put(session.id, secrets), 200), { count: 3 })
  assert.deepEqual(expectStatus(await put(session.id, { b: 'canary-new' }), 200), { count: 1 })
  const listed = await list(session.id, 'secrets')
  assert.deepEqual(listed.data.map(({ name }: { name: string }) => name).sort(), names.sort())
  assert.deepEqual(Object.keys(listed.data[0]).sort(), ['created_at', 'name', 'updated_at'])
  assert.doesNotMatch(JSON.stringify(listed), /canary/)
  assert.equal((await list(session.id, 'secrets', '?limit=1&offset=2')).data.length, 1)
  const [read] = await useTools(t, server, session.id, ['get_secret', { name: 'b' }])
  assert.equal(read.value, 'canary-new')
  const other = await createSession(server, { agent_id: session.agent_id })
  assert.deepEqual((await list(other.id, 'secrets')).data, [])
})

test('lists the values that tools stored', async (t) => {
  const session = await sessionWith(server, ref)
  const uses = Array.from({ length: 3 }, (_, n): [string, object] => [
    'set_value',
    { key: `k${n}`, value: `v${n}` },
  ])
  await useTools(t, server, session.id, ...uses)
  await put(session.id, { secret: 'canary' })
  const { data, total } = await list(session.id, 'keys')
  assert.equal(total, 3)
  const pairs = data.map(({ key, value }: { key: string; value: string }) => [key, value])
  assert.deepEqual(pairs, [
    ['k0', 'v0'],
    ['k1', 'v1'],
    ['k2', 'v2'],
  ])
  const page = await list(session.id, 'keys', '?limit=2&offset=1')
  assert.deepEqual([page.data.length, page.total, page.offset], [2, 3, 1])
})

test('refuses bad names, long secrets, too many secrets and unknown sessions', async () => {
  const session = await createSession(server)
  const refused = async (secrets: object, status: number, code: string) =>
    expectStatus(await put(session.id, secrets), status, code)
  await refused({}, 400, 'invalid_request')
  await refused({ '': 'x' }, 400, 'invalid_request')
  await refused({ ['n'.repeat(256)]: 'x' }, 400, 'invalid_request')
  await refused({ 'a\0b': 'x' }, 400, 'invalid_request')
  await refused({ a: 7 }, 400, 'invalid_request')
  await refused({ a: 'x'.repeat(65_537) }, 413, 'value_too_large')
  const many = (count: number, prefix: string) =>
    Object.fromEntries(Array.from({ length: count }, (_, n) => [`${prefix}${n}`, 'x']))
  await refused(many(1_001, 'n'), 400, 'invalid_request')
  expectStatus(await put(session.id, many(999, 'n')), 200)
  await refused({ x: 'x', y: 'x' }, 409, 'storage_full')
  expectStatus(await put(session.id, { x: 'x', n1: 'replaced' }), 200)
  assert.equal((await list(session.id, 'secrets')).total, 1_000)
  const unknown = `session_${'0'.repeat(32)}`
  expectStatus(await put(unknown, { a: 'x' }), 404, 'not_found')
  for (const kind of ['keys', 'secrets']) {
    const answer = await server.call('GET', `/v1/sessions/${unknown}/storage/${kind}`)
    expectStatus(answer, 404, 'not_found')
  }
})

test('two requests at once store the secrets of one of them under each name', async () => {
  const session = await createSession(server)
  const answers = await Promise.all(
    Array.from({ length: 8 }, (_, n) => put(session.id, { a: `${n}`, b: `${n}` })),
  )
  for (const answer of answers) expectStatus(answer, 200)
  const rows = await queryRows<{ name: string; body: string }>(
    server.databaseUrl,
    `select name, body from session_storage where session_id = '${session.id}' order by name`,
  )
  assert.deepEqual(
    rows.map(({ name }) => name),
    ['a', 'b'],
  )
  const sum = `select sum(stored_bytes)::int as bytes from counters where agent_id = '${session.agent_id}'`
  const of = `select stored_bytes::int as bytes from sessions where id = '${session.id}'`
  assert.deepEqual(
    await queryRows(server.databaseUrl, sum),
    await queryRows(server.databaseUrl, of),
  )
})

test('exports and the audit log never have a secret', async () => {
  const session = await createSession(server)
  const secret = 'canary-7f3b2c'
  expectStatus(await put(session.id, { crm_token: secret }), 200)
  const exported = await server.call('GET', `/v1/sessions/${session.id}/export?files=content`)
  assert.doesNotMatch(JSON.stringify(exported.body), /canary/)
  const audit = await queryRows<{ details: object; target: string }>(
    server.databaseUrl,
    `select target, details from audit_log where action = 'batch_set_secrets' and target = '${session.id}'`,
  )
  assert.deepEqual(audit, [{ target: session.id, details: { names: ['crm_token'] } }])
})

test('without a master key no secret is stored', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  const bare = await startServer(t, { databaseUrl, env: { SECRETS_ENCRYPTION_KEY: '' } })
  const session = await createSession(bare)
  const path = `/v1/sessions/${session.id}/storage/secrets`
  const answer = await bare.call('PUT', path, { secrets: { a: 'x' } })
  expectStatus(answer, 400, 'encryption_not_configured')
  assert.equal(answer.body.error, 'Encryption not configured. Cannot store secrets.')
  assert.deepEqual(expectStatus(await bare.call('GET', path), 200).data, [])
  await bare.stop()
})
