import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { messageOf, openChannel } from '../../../test/channel.ts'
import { beforeAll } from '../../../test/hooks.ts'
import { startServer } from '../../../test/server.ts'
import { createAgent, createSession, post } from '../../../test/session.ts'

type Server = Awaited<ReturnType<typeof startServer>>
let server: Server

beforeAll(async (t) => {
  server = await startServer(t as TestContext)
})

const strict = { 'outlast-strict': 'true' }
const agent = { name: 'Ada', system_prompt: 'You are Ada.' }
type Refused = [body: object, path: string, nearest: string | undefined]

test('a strict request with an unknown field is refused with its path and the nearest name', async () => {
  const { call } = server
  const cases: Refused[] = [
    [{ ...agent, descripton: 'x' }, 'descripton', 'description'],
    [{ ...agent, defaultModelId: 'x' }, 'defaultModelId', 'default_model_id'],
    [{ ...agent, zebra: 1 }, 'zebra', undefined],
    [{ ...agent, constructor: 1 }, 'constructor', undefined],
    [{ ...agent, toString: 1, hasOwnProperty: 2 }, 'toString', undefined],
    [{ ...agent, capabilities: [{ ref: 'noop', conf: {} }] }, 'capabilities/0/conf', 'config'],
    [{ nmae: 'Ada', system_prompt: 'x' }, 'nmae', 'name'],
  ]
  for (const [body, path, nearest] of cases) {
    const refused = await call('POST', '/v1/agents', body, strict)
    assert.deepEqual([refused.status, refused.body.code], [400, 'unknown_field'])
    const hint = nearest === undefined ? '' : `. Did you mean \`${nearest}\`?`
    assert.deepEqual(refused.body.details[0], { path, message: `is not a known field${hint}` })
    assert.ok(refused.body.error.includes(`\`${path}\``), refused.body.error)
  }
  const prototype = '{"name":"Ada","system_prompt":"x","__proto__":{"a":1}}'
  assert.equal((await call('POST', '/v1/agents', prototype, strict)).body.code, 'invalid_json')
  assert.equal(
    (await call('GET', '/v1/agents')).body.data.every((one: object) => 'name' in one),
    true,
  )
})

test('fields that a client has read can be sent back', async () => {
  const made = await createAgent(server)
  const path = `/v1/agents/${made.id}`
  const changed = await server.call('PUT', path, { ...made, name: 'Bea' }, strict)
  assert.deepEqual([changed.status, changed.body.name], [200, 'Bea'])
  const warned = await server.call('PUT', path, { ...made, name: 'Bea' })
  assert.equal(warned.body.warnings, undefined)
  const mistaken = await server.call('PUT', path, { ...made, nmae: 'Cleo' }, strict)
  assert.deepEqual(
    mistaken.body.details.map(({ path }: { path: string }) => path),
    ['nmae'],
  )
})

test('fields that only responses have are unknown in a new resource and in a change', async () => {
  const made = { name: 'Ada', system_prompt: 'Be Ada.', created_at: '2026-01-01T00:00:00Z' }
  const refused = await server.call('POST', '/v1/agents', made, strict)
  assert.deepEqual([refused.status, refused.body.code], [400, 'unknown_field'])
  const { body } = await server.call('POST', '/v1/agents', made)
  assert.deepEqual(body.warnings, ['`created_at` is not a known field'])
  const change = { status: 'idle', user: 'ada' }
  const { id } = (await server.call('POST', '/v1/sessions', { agent_id: body.id })).body
  const changed = await server.call('PATCH', `/v1/sessions/${id}`, change)
  assert.equal(changed.body.warnings.length, 2)
})

test('a member of a union is found by its type', async () => {
  const session = await createSession(server)
  const at = `/v1/sessions/${session.id}/messages`
  const part = { type: 'text', text: 'Hi', txt: 'Ho' }
  const refused = await server.call('POST', at, { message: { content: [part] } }, strict)
  assert.deepEqual(refused.body.details, [
    { path: 'message/content/0/txt', message: 'is not a known field. Did you mean `text`?' },
  ])
  const image = { type: 'image', base64: 'aGk=', media_type: 'image/png', text: 'Hi' }
  const other = await server.call('POST', at, { message: { content: [image] } }, strict)
  assert.equal(other.body.details[0].path, 'message/content/0/text')
})

test('free values of a body have any names', async () => {
  const { call } = server
  const parameters = { type: 'object', properties: { door: {} }, anything: 1 }
  const tool = { type: 'client_side', name: 'open', description: 'Opens.', parameters }
  const capabilities = [{ ref: 'current_time', config: { timezone: 'Europe/Kyiv' } }]
  const made = await call('POST', '/v1/agents', { ...agent, tools: [tool], capabilities }, strict)
  assert.equal(made.status, 201, JSON.stringify(made.body))
  const session = await createSession(server, { agent_id: made.body.id })
  const fields = { metadata: { ticket: 1, deep: { any: [{ thing: 1 }] } } }
  const message = { content: [{ type: 'text', text: 'Hi' }] }
  const at = `/v1/sessions/${session.id}/messages`
  const posted = await call('POST', at, { message, ...fields }, strict)
  assert.equal(posted.status, 201, JSON.stringify(posted.body))
  assert.equal('warnings' in posted.body, false)
})

test('without the header unknown fields are accepted and listed in warnings', async () => {
  const { call } = server
  const made = await call('POST', '/v1/agents', { ...agent, descripton: 'x', zebra: 1 })
  assert.equal(made.status, 201)
  assert.deepEqual(made.body.warnings, [
    '`descripton` is not a known field. Did you mean `description`?',
    '`zebra` is not a known field',
  ])
  assert.equal('warnings' in (await call('GET', `/v1/agents/${made.body.id}`)).body, false)
  const session = await createSession(server)
  const posted = await post(server, session.id, 'Hi', { contrls: {} })
  assert.match(posted.body.warnings[0], /controls/)
  const preview = await call('POST', '/v1/agents/preview', { system_prompt: 'x', nmae: 'y' })
  assert.deepEqual(preview.body.warnings, ['`nmae` is not a known field. Did you mean `name`?'])
  const off = await call('POST', '/v1/agents', { ...agent, zebra: 1 }, { 'outlast-strict': 'no' })
  assert.equal(off.body.warnings.length, 1)
})

test('a repeated request has the warnings of the first', async () => {
  const headers = { 'idempotency-key': 'warned' }
  const body = { ...agent, zebra: 1 }
  const first = await server.call('POST', '/v1/agents', body, headers)
  const second = await server.call('POST', '/v1/agents', body, headers)
  assert.equal(second.headers.get('idempotency-replayed'), 'true')
  assert.deepEqual(second.body, first.body)
  assert.equal(second.body.warnings.length, 1)
})

test('a repeated request of a channel has the warnings of the first', async () => {
  const channel = await openChannel(server)
  const id = await channel.create()
  const body = { ...messageOf('Hello'), zebra: 1 }
  const send = () =>
    channel.call('POST', `/sessions/${id}/messages`, body, { 'idempotency-key': 'warned' })
  const [first, second] = [await send(), await send()]
  assert.equal(second.headers.get('idempotent-replayed'), 'true')
  assert.deepEqual(second.body, first.body)
  assert.equal(second.body.warnings.length, 1)
})

test('lists the first ten of ten thousand unknown fields, and cuts long names', async () => {
  const many = Object.fromEntries(Array.from({ length: 10_000 }, (_, n) => [`field_${n}`, n]))
  const refused = await server.call('POST', '/v1/agents', { ...agent, ...many }, strict)
  assert.equal(refused.body.details.length, 10)
  const warned = await server.call('POST', '/v1/agents', { ...agent, ...many })
  assert.equal(warned.body.warnings.length, 10)
  const long = { ...agent, ['n'.repeat(500_000)]: 1 }
  const cut = await server.call('POST', '/v1/agents', long, strict)
  assert.equal(cut.body.code, 'unknown_field')
  assert.ok(cut.body.details[0].path.length <= 100)
  const capabilities = Array.from({ length: 5_000 }, () => ({ ref: 'noop', x: 1 }))
  const wide = await server.call('POST', '/v1/agents', { ...agent, capabilities }, strict)
  assert.deepEqual([wide.body.code, wide.body.details.length], ['unknown_field', 10])
})

test('bodies of a wrong shape keep their own errors', async () => {
  for (const body of ['[]', '"text"', '1', 'null', '{"name":[],"system_prompt":{}}']) {
    const refused = await server.call('POST', '/v1/agents', body, strict)
    assert.deepEqual([refused.status, refused.body.code], [400, 'invalid_request'], body)
  }
  const session = await createSession(server)
  const at = `/v1/sessions/${session.id}/messages`
  for (const content of [null, 'x', [[]], [null], [{ type: 'video' }], { 0: {} }]) {
    const refused = await server.call('POST', at, { message: { content } }, strict)
    assert.equal(refused.body.code, 'invalid_request', JSON.stringify(content))
  }
  const { id } = await createAgent(server)
  assert.equal((await server.call('DELETE', `/v1/agents/${id}`, { x: 1 }, strict)).status, 204)
})
