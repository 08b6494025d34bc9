import assert from 'node:assert/strict'
import test from 'node:test'
import pg from 'pg'
import { expectStatus, registerPerson, startGuarded, untilStatus } from '../../../test/access.ts'
import { startServer } from '../../../test/server.ts'
import { createSession, eventsOf } from '../../../test/session.ts'
import { patient } from '../../../test/waiting.ts'
import { databaseWaits } from '../../store/database.ts'

const agent = { name: 'Ada', system_prompt: 'You are Ada.' }

test('the same key and body get the first answer, another body is refused', async (t) => {
  const { call } = await startServer(t)
  const create = (body: object, key = 'one') =>
    call('POST', '/v1/agents', body, { 'idempotency-key': key })
  const total = async () => (await call('GET', '/v1/agents')).body.total
  const before = await total()
  const first = await create(agent)
  const again = await create(agent)
  assert.deepEqual([again.status, again.body], [201, first.body])
  assert.equal(again.headers.get('idempotency-replayed'), 'true')
  const other = await create({ ...agent, name: 'Bob' })
  assert.deepEqual([other.status, other.body.code], [409, 'idempotency_key_reused'])
  assert.equal(await total(), before + 1)
  assert.notEqual((await create(agent, 'two')).body.id, first.body.id)
})

test('a message that is posted twice with one key is one message', async (t) => {
  const server = await startServer(t)
  const { id } = await createSession(server)
  const body = { message: { content: [{ type: 'text', text: 'hi' }] } }
  const path = `/v1/sessions/${id}/messages`
  const send = () => server.call('POST', path, body, { 'idempotency-key': 'k' })
  // On a loaded machine one may wait 5 s for another, and is refused.
  const answers = await Promise.all(Array.from({ length: 20 }, () => untilStatus(send, 201)))
  assert.equal(new Set(answers.map((answer) => JSON.stringify(answer))).size, 1)
  const inputs = (await eventsOf(server, id)).filter(({ type }) => type === 'input.message')
  assert.equal(inputs.length, 1)
})

test('two nodes agree on one effect', async (t) => {
  const one = await startServer(t)
  const two = await startServer(t, { databaseUrl: one.databaseUrl })
  const answers = await Promise.all(
    [one, two, one, two, one, two].map(({ call }) =>
      untilStatus(() => call('POST', '/v1/agents', agent, { 'idempotency-key': 'shared' }), 201),
    ),
  )
  assert.equal(new Set(answers.map(({ id }) => id)).size, 1)
})

test('a key that a request on another node has for 5 s is in progress, and can be used again', async (t) => {
  const { call, databaseUrl } = await startServer(t, {
    databaseWaits: { ...patient, lock: databaseWaits.lock },
  })
  const create = () => call('POST', '/v1/agents', agent, { 'idempotency-key': 'held' })
  const first = await create()
  const client = new pg.Client(databaseUrl)
  await client.connect()
  try {
    await client.query('begin')
    await client.query('select from idempotency_keys for update')
    const refused = await create()
    assert.deepEqual([refused.status, refused.body.code], [409, 'idempotency_in_progress'])
    await client.query('rollback')
  } finally {
    await client.end()
  }
  const again = await create()
  assert.deepEqual([again.status, again.body], [201, first.body])
})

test('a cancel with a key is answered and repeated, and the session idles', async (t) => {
  const server = await startServer(t)
  const { id } = await createSession(server)
  const script = 'llmsim-script: [{"delay_ms":600000,"text":"late"}]'
  await server.call('POST', `/v1/sessions/${id}/messages`, {
    message: { content: [{ type: 'text', text: script }] },
  })
  const cancel = () =>
    server.call('POST', `/v1/sessions/${id}/cancel`, undefined, { 'idempotency-key': 'c' })
  assert.equal((await cancel()).body.status, 'cancelled')
  assert.equal((await server.call('GET', `/v1/sessions/${id}`)).body.status, 'idle')
  assert.equal((await cancel()).body.status, 'cancelled')
})

test('an answer that refuses is kept too, without an effect', async (t) => {
  const { call } = await startServer(t)
  const create = () =>
    call(
      'POST',
      '/v1/sessions',
      { agent_id: `agent_${'e'.repeat(32)}` },
      { 'idempotency-key': 'x' },
    )
  const [first, second] = [await create(), await create()]
  assert.deepEqual([second.status, second.body], [404, first.body])
})

test('of a large answer only its ids are kept', async (t) => {
  const { call } = await startServer(t)
  const body = { ...agent, system_prompt: 'x'.repeat(100_000) }
  const create = () => call('POST', '/v1/agents', body, { 'idempotency-key': 'large' })
  const first = await create()
  assert.deepEqual((await create()).body, { id: first.body.id })
})

test('agents that filled the storage quota are replayed', async (t) => {
  const server = await startGuarded(t, { env: { QUOTA_STORAGE_MB: '1' } })
  const { call } = await registerPerson(server)
  const send = (path: string, body?: object) =>
    call('POST', `/v1/agents${path}`, body, { 'idempotency-key': 'full' })
  const large = { ...agent, system_prompt: 'x'.repeat(600_000) }
  const { id } = expectStatus(await send('', large), 201)
  const imported = expectStatus(await send('/import', agent), 201)
  const copied = expectStatus(await send(`/${id}/copy`), 201)
  await untilStatus(() => call('POST', '/v1/agents', large), 403)
  assert.equal(expectStatus(await send('', large), 201).id, id)
  assert.deepEqual(expectStatus(await send('/import', agent), 201), imported)
  assert.equal(expectStatus(await send(`/${id}/copy`), 201).id, copied.id)
})

test('a large preview is the same with one key', async (t) => {
  const { call } = await startServer(t)
  const body = { system_prompt: 'x'.repeat(70_000) }
  const preview = () => call('POST', '/v1/agents/preview', body, { 'idempotency-key': 'one' })
  const first = expectStatus(await preview(), 200)
  const again = await preview()
  assert.deepEqual([again.status, again.body], [200, first])
  assert.equal(again.headers.get('idempotency-replayed'), null)
})

test('a key that cannot be one is refused; a key is forgotten after a day', async (t) => {
  const { call, databaseUrl } = await startServer(t)
  const create = (key: string) => call('POST', '/v1/agents', agent, { 'idempotency-key': key })
  for (const key of ['x'.repeat(256), 'tab\there']) {
    assert.deepEqual((await create(key)).body.code, 'invalid_request')
  }
  const first = await create('old')
  const client = new pg.Client(databaseUrl)
  await client.connect()
  await client.query("update idempotency_keys set created_at = now() - interval '25 hours'")
  await client.end()
  const later = await create('old')
  assert.equal(later.status, 201)
  assert.notEqual(later.body.id, first.body.id)
})
