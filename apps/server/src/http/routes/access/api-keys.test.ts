import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import {
  addMember,
  createKey,
  expectStatus,
  registerPerson,
  startGuarded,
  untilStatus,
} from '../../../../test/access.ts'

async function queryIn(url: string, text: string, values: unknown[] = []) {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(text, values)).rows
  } finally {
    await client.end()
  }
}

test('shows a key once and stores only its hash', async (t) => {
  const server = await startGuarded(t)
  const person = await registerPerson(server)
  const headers = { 'idempotency-key': 'once' }
  const made = await person.call('POST', '/v1/auth/api-keys', { name: 'CI' }, headers)
  const { key, ...rest } = expectStatus(made, 201)
  assert.equal(rest.key_prefix, `${key.slice(0, 12)}...`)
  assert.deepEqual([rest.scopes, rest.expires_at], [['*'], null])
  const listed = expectStatus(await person.call('GET', '/v1/auth/api-keys'), 200)
  assert.deepEqual(listed.data, [{ ...rest, user_id: person.id, last_used_at: null }])
  const rows = await queryIn(server.databaseUrl, 'select to_json(k)::text as row from api_keys k')
  assert.ok(!rows[0].row.includes(key.slice(12)))
  assert.deepEqual(await queryIn(server.databaseUrl, 'select * from idempotency_keys'), [])
})

test('records the last use of a key', async (t) => {
  const server = await startGuarded(t)
  const person = await registerPerson(server)
  const { id, call } = await createKey(server, person, { expires_in_days: 1 })
  expectStatus(await call('GET', '/v1/agents'), 200)
  for (;;) {
    const { data } = expectStatus(await person.call('GET', '/v1/auth/api-keys'), 200)
    const mine = data.find((one: { id: string }) => one.id === id)
    assert.ok(Date.parse(mine.expires_at) > Date.now())
    if (mine.last_used_at !== null) break
    await sleep(50)
  }
})

test('users list and revoke their own keys, administrators all keys', async (t) => {
  const server = await startGuarded(t)
  const owner = await registerPerson(server)
  const member = await addMember(server, owner, 'member')
  const [ofOwner, ofMember] = [await createKey(server, owner), await createKey(server, member)]
  const ids = async (call: typeof owner.call) =>
    expectStatus(await call('GET', '/v1/auth/api-keys'), 200).data.map(
      ({ id }: { id: string }) => id,
    )
  assert.deepEqual(await ids(member.call), [ofMember.id])
  assert.deepEqual(await ids(owner.call), [ofMember.id, ofOwner.id])
  const foreign = await member.call('DELETE', `/v1/auth/api-keys/${ofOwner.id}`)
  expectStatus(foreign, 404, 'not_found')
  expectStatus(await ofMember.call('GET', '/v1/agents'), 200)
  expectStatus(await owner.call('DELETE', `/v1/auth/api-keys/${ofMember.id}`), 204)
  await untilStatus(() => ofMember.call('GET', '/v1/agents'), 401)
  expectStatus(await owner.call('DELETE', `/v1/auth/api-keys/${ofMember.id}`), 404, 'not_found')
  expectStatus(await owner.call('DELETE', '/v1/auth/api-keys/1'), 400, 'invalid_id')
})

test('a key that cannot be is refused', async (t) => {
  const { call } = await registerPerson(await startGuarded(t))
  const wrong = [
    {},
    { name: '' },
    { name: 'x', scopes: [] },
    { name: 'x', scopes: ['root'] },
    { name: 'x', expires_in_days: 0 },
    { name: 'x', expires_in_days: 1.5 },
  ]
  for (const body of wrong) {
    expectStatus(await call('POST', '/v1/auth/api-keys', body), 400, 'invalid_request')
  }
  assert.equal(expectStatus(await call('GET', '/v1/auth/api-keys'), 200).total, 0)
})
