import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Agent, harnessId } from '@outlast/contract'
import { untilStatus } from '../../../../test/access.ts'
import { createTestDatabase } from '../../../../test/database.ts'
import { type HttpAnswer, startServer } from '../../../../test/server.ts'
import { converse, createAgent, createSession } from '../../../../test/session.ts'
import { newId } from '../../../ids.ts'

const starters = [
  'Assistant',
  'Guided Tour',
  'Meeting Planner',
  'Plain Writer',
  'Researcher',
  'Data Analyst',
]
const ada = { name: 'Ada', system_prompt: 'You are Ada.' }
const simulatedModel = 'model_01933b5a000070008000000000000401'

const names = ({ body }: HttpAnswer) => body.data.map((agent: Agent) => agent.name)

function refused({ status, body }: HttpAnswer, code: string, path?: string) {
  assert.equal(status, code === 'not_found' ? 404 : code === 'body_too_large' ? 413 : 400)
  assert.equal(body.code, code)
  assert.equal(typeof body.error, 'string')
  if (path !== undefined) assert.equal(body.details[0].path, path)
}

test('a new database has six agents to start with, and their capabilities exist', async (t) => {
  const { call } = await startServer(t)
  const list = await call('GET', '/v1/agents')
  assert.equal(list.status, 200)
  assert.deepEqual(names(list), starters)
  const { data, ...rest } = list.body
  assert.deepEqual(rest, { total: 6, offset: 0, limit: 6 })
  for (const { id, name, system_prompt, capabilities } of data) {
    const again = await call('PUT', `/v1/agents/${id}`, { name, system_prompt, capabilities })
    assert.equal(again.status, 200, JSON.stringify(again.body))
  }
})

test('an agent is created, read, changed, archived and restored', async (t) => {
  const { call } = await startServer(t)
  const created = await call('POST', '/v1/agents', {
    ...ada,
    description: 'Counts.',
    default_model_id: simulatedModel,
    tags: ['b', 'a'],
    capabilities: [{ ref: 'current_time', config: { timezone: 'Europe/Kyiv' } }, { ref: 'noop' }],
  })
  assert.equal(created.status, 201)
  const { id, created_at, updated_at, ...rest } = created.body
  assert.match(id, /^agent_[0-9a-f]{32}$/)
  assert.ok(Date.parse(created_at) <= Date.parse(updated_at))
  assert.deepEqual(rest, {
    ...ada,
    harness_id: harnessId,
    description: 'Counts.',
    default_model_id: simulatedModel,
    tags: ['b', 'a'],
    capabilities: [{ ref: 'current_time', config: { timezone: 'Europe/Kyiv' } }, { ref: 'noop' }],
    status: 'active',
    source: 'api',
  })
  const path = `/v1/agents/${id}`
  assert.deepEqual((await call('GET', path)).body, created.body)

  const changed = await call('PATCH', path, {
    name: 'Ada L.',
    description: null,
    capabilities: [],
    tags: ['c'],
  })
  assert.equal(changed.status, 200)
  assert.deepEqual(
    { ...changed.body, updated_at },
    { ...created.body, name: 'Ada L.', capabilities: [], tags: ['c'] },
  )

  const gone = await call('DELETE', path)
  assert.deepEqual([gone.status, gone.body], [204, ''])
  assert.deepEqual(names(await call('GET', '/v1/agents')), starters)
  assert.equal((await call('GET', path)).body.status, 'archived')
  refused(await call('DELETE', path), 'not_found')
  assert.equal((await call('POST', '/v1/sessions', { agent_id: id })).body.code, 'agent_archived')

  assert.equal((await call('PATCH', path, { status: 'active' })).body.status, 'active')
  assert.deepEqual(names(await call('GET', '/v1/agents')), ['Ada L.', ...starters])
  assert.equal((await call('POST', '/v1/sessions', { agent_id: id })).status, 201)
})

test('omits absent properties of an agent, but tags and capabilities are always lists', async (t) => {
  const { call } = await startServer(t)
  const { body } = await call('POST', '/v1/agents', { ...ada, description: null, tags: null })
  const fields = [
    'id',
    'harness_id',
    'name',
    'system_prompt',
    'tags',
    'capabilities',
    'status',
    'source',
  ]
  assert.deepEqual(Object.keys(body).sort(), [...fields, 'created_at', 'updated_at'].sort())
  assert.deepEqual([body.tags, body.capabilities], [[], []])
})

test('an id that exists is replaced whole and restored, by POST and by PUT', async (t) => {
  const { call } = await startServer(t)
  const id = 'agent_ffffffffffffffffffffffffffffffff'
  const first = await call('POST', '/v1/agents', {
    ...ada,
    id,
    description: 'Counts.',
    default_model_id: simulatedModel,
    tags: ['a'],
    capabilities: [{ ref: 'noop' }],
  })
  assert.deepEqual([first.status, first.body.id], [201, id])
  await call('DELETE', `/v1/agents/${id}`)

  const second = await call('POST', '/v1/agents', { name: 'Bob', system_prompt: 'Be Bob.', id })
  assert.equal(second.status, 200)
  const { created_at, updated_at, ...rest } = second.body
  assert.deepEqual(rest, {
    id,
    harness_id: harnessId,
    name: 'Bob',
    system_prompt: 'Be Bob.',
    tags: [],
    capabilities: [],
    status: 'active',
    source: 'api',
  })
  assert.equal(created_at, first.body.created_at)
  assert.ok(updated_at >= first.body.updated_at)

  const third = await call('PUT', `/v1/agents/${id}`, { ...ada, id })
  assert.deepEqual([third.status, third.body.name], [200, 'Ada'])
  const other = newId('agent')
  const fresh = await call('PUT', `/v1/agents/${other}`, ada)
  assert.deepEqual([fresh.status, fresh.body.id], [201, other])
  refused(await call('PUT', `/v1/agents/${other}`, { ...ada, id }), 'invalid_request', 'id')
})

test('of many upserts of one id at once, one creates and the others replace', async (t) => {
  const { call } = await startServer(t)
  const id = newId('agent')
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      index % 2
        ? call('POST', '/v1/agents', { ...ada, id, name: `Ada ${index}` })
        : call('PUT', `/v1/agents/${id}`, { ...ada, name: `Ada ${index}` }),
    ),
  )
  const statuses = answers.map(({ status }) => status).sort()
  assert.deepEqual(statuses, [...Array(19).fill(200), 201])
  assert.equal((await call('GET', '/v1/agents')).body.total, starters.length + 1)
})

test('an Idempotency-Key creates one agent, and is refused for another body', async (t) => {
  const { call } = await startServer(t)
  const key = { 'idempotency-key': 'ada-1' }
  const create = () => call('POST', '/v1/agents', ada, key)
  // On a loaded machine one may wait 5 s for another, and is refused.
  const answers = await Promise.all(Array.from({ length: 5 }, () => untilStatus(create, 201)))
  assert.equal(new Set(answers.map(({ id }) => id)).size, 1)
  assert.equal((await call('GET', '/v1/agents')).body.total, starters.length + 1)
  const other = await call('POST', '/v1/agents', { ...ada, name: 'Bob' }, key)
  assert.deepEqual([other.status, other.body.code], [409, 'idempotency_key_reused'])
})

test('the list is whole unless a limit asks for a page', async (t) => {
  const server = await startServer(t)
  const { call } = server
  // Not all at once: a busy node refuses requests that wait too long for a connection.
  for (let index = 0; index < 115; index += 5) {
    const five = Array.from({ length: 5 }, (_, n) => ({ name: `Agent ${index + n}` }))
    await Promise.all(five.map((fields) => createAgent(server, fields)))
  }
  const { body: all } = await call('GET', '/v1/agents')
  assert.deepEqual([all.data.length, all.total, all.offset, all.limit], [121, 121, 0, 121])
  const ids = all.data.map(({ id }: Agent) => id)
  assert.equal(new Set(ids).size, 121)
  const times = all.data.map(({ created_at }: Agent) => Date.parse(created_at))
  assert.deepEqual(
    times,
    times.toSorted((one: number, other: number) => other - one),
  )

  const page = await call('GET', '/v1/agents?limit=7&offset=50')
  const { data, ...rest } = page.body
  assert.deepEqual(rest, { total: 121, offset: 50, limit: 7 })
  assert.deepEqual(
    data.map(({ id }: Agent) => id),
    ids.slice(50, 57),
  )
  const rest50 = await call('GET', '/v1/agents?offset=50')
  assert.deepEqual([rest50.body.data.length, rest50.body.total], [71, 121])
  const clamped = await call('GET', '/v1/agents?limit=1000')
  assert.deepEqual([clamped.body.data.length, clamped.body.limit], [100, 100])
  const beyond = await call('GET', '/v1/agents?offset=500')
  assert.deepEqual([beyond.body.data, beyond.body.total, beyond.body.offset], [[], 121, 500])
  for (const query of ['limit=0', 'limit=-1', 'limit=x', 'offset=-1', 'limit=']) {
    refused(await call('GET', `/v1/agents?${query}`), 'invalid_request')
  }
})

test('the usage of an agent sums its sessions, and outlives them', async (t) => {
  const server = await startServer(t)
  const { call } = server
  const agent = await createAgent(server)
  const sessions = [
    await createSession(server, { agent_id: agent.id }),
    await createSession(server, { agent_id: agent.id }),
  ]
  for (const { id } of sessions) await converse(t, server, id, 'Hello')
  const { usage } = (await call('GET', `/v1/agents/${agent.id}`)).body
  const used = await Promise.all(sessions.map(({ id }) => call('GET', `/v1/sessions/${id}`)))
  const sum = (key: string) => used.reduce((total, { body }) => total + body.usage[key], 0)
  assert.equal(usage.input_tokens, sum('input_tokens'))
  assert.equal(usage.output_tokens, sum('output_tokens'))
  await call('DELETE', `/v1/sessions/${sessions[0]!.id}`)
  const listed = (await call('GET', '/v1/agents')).body.data
  assert.deepEqual(listed.find(({ id }: Agent) => id === agent.id).usage, usage)
  assert.deepEqual((await call('PATCH', `/v1/agents/${agent.id}`, {})).body.usage, usage)
})

test('refuses an invalid agent with the places in details', async (t) => {
  const { call } = await startServer(t)
  const { id } = (await call('POST', '/v1/agents', ada)).body
  const disabled = 'model_01933b5a000070008000000000000402'
  await call('PATCH', `/v1/llm-models/${disabled}`, { status: 'disabled' })
  const cases: [fields: object, code: string, path: string][] = [
    [{ name: '' }, 'invalid_request', 'name'],
    [{ name: 'x'.repeat(256) }, 'invalid_request', 'name'],
    [{ name: 7 }, 'invalid_request', 'name'],
    [{ name: 'a\0b' }, 'invalid_request', 'name'],
    [{ system_prompt: '' }, 'invalid_request', 'system_prompt'],
    [{ system_prompt: 'x'.repeat(1_048_577) }, 'invalid_request', 'system_prompt'],
    [{ description: 'x'.repeat(10_241) }, 'invalid_request', 'description'],
    [{ tags: ['x'.repeat(101)] }, 'invalid_request', 'tags/0'],
    [{ tags: Array(51).fill('x') }, 'invalid_request', 'tags'],
    [{ tags: ['a\0'] }, 'invalid_request', 'tags/0'],
    [{ capabilities: Array(251).fill({ ref: 'noop' }) }, 'invalid_request', 'capabilities'],
    [{ capabilities: [{ ref: 'flying' }] }, 'capability_unknown', 'capabilities/0/ref'],
    [{ capabilities: [{ ref: 'noop' }, { ref: 'noop' }] }, 'invalid_request', 'capabilities/1/ref'],
    [
      { capabilities: [{ ref: 'current_time', config: { timezone: 'Mars/Base' } }] },
      'invalid_request',
      'capabilities/0/config/timezone',
    ],
    [
      { capabilities: [{ ref: 'noop', config: { a: { b: '\0' } } }] },
      'invalid_request',
      'capabilities/0/config/a/b',
    ],
    [{ default_model_id: newId('model') }, 'model_unavailable', 'default_model_id'],
    [{ default_model_id: disabled }, 'model_unavailable', 'default_model_id'],
  ]
  for (const [fields, code, path] of cases) {
    refused(await call('POST', '/v1/agents', { ...ada, ...fields }), code, path)
    refused(await call('PUT', `/v1/agents/${id}`, { ...ada, ...fields }), code, path)
    refused(await call('PATCH', `/v1/agents/${id}`, fields), code, path)
  }
  refused(await call('POST', '/v1/agents', { ...ada, id: 'agent_1' }), 'invalid_request')
  refused(await call('POST', '/v1/agents', { name: 'Ada' }), 'invalid_request')
  refused(await call('PATCH', `/v1/agents/${id}`, { status: 'gone' }), 'invalid_request', 'status')
  refused(await call('POST', '/v1/agents', []), 'invalid_request')
  refused(await call('POST', '/v1/agents'), 'invalid_request')
  refused(await call('POST', '/v1/agents', '{"name":'), 'invalid_json')
  const huge = { ...ada, system_prompt: 'é'.repeat(1_100_000) }
  refused(await call('POST', '/v1/agents', huge), 'body_too_large')
  assert.equal((await call('GET', '/v1/agents')).body.total, starters.length + 1)
})

test('the limits themselves are fine, and text comes back as it was sent', async (t) => {
  const { call } = await startServer(t)
  const agent = {
    name: '😀'.repeat(255),
    system_prompt: `${'x'.repeat(1_048_570)}'"\\\n\u2028`,
    description: 'é'.repeat(10_240),
    tags: Array(50).fill('x'.repeat(100)),
    capabilities: [{ ref: 'current_time', config: { timezone: 'Asia/Tokyo' } }],
  }
  const { status, body } = await call('POST', '/v1/agents', agent)
  assert.equal(status, 201)
  const got = await call('GET', `/v1/agents/${body.id}`)
  assert.deepEqual({ ...got.body, ...agent }, got.body)
  const lone = await call('POST', '/v1/agents', `{"name":"a\\ud800b","system_prompt":"x"}`)
  assert.deepEqual([lone.status, lone.body.name], [201, 'a\ufffdb'])
})

test('an id that is none is 400, an unknown one 404', async (t) => {
  const { call } = await startServer(t)
  const unknown = newId('agent')
  const upper = unknown.toUpperCase().replace('AGENT', 'agent')
  for (const method of ['GET', 'PATCH', 'DELETE', 'PUT']) {
    const body = method === 'PATCH' ? {} : method === 'PUT' ? ada : undefined
    for (const id of ['X', 'agent_1', newId('session'), `${unknown}0`, 'agent_%00', `${upper}Z`]) {
      const answer = await call(method, `/v1/agents/${id}`, body)
      refused(answer, 'invalid_id')
      assert.equal(
        answer.body.error,
        'Invalid agent ID: it must look like agent_0123456789abcdef0123456789abcdef, or be a slug such as support.',
      )
    }
    for (const id of ['1', ...(method === 'PUT' ? [] : [unknown])]) {
      const answer = await call(method, `/v1/agents/${id}`, body)
      refused(answer, 'not_found')
      assert.equal(answer.body.error, 'Agent not found')
    }
  }
})

test('starter agents that were archived or changed stay so after another start', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  const first = await startServer(t, { databaseUrl })
  const { data } = (await first.call('GET', '/v1/agents')).body
  await first.call('DELETE', `/v1/agents/${data[0].id}`)
  await first.call('PATCH', `/v1/agents/${data[1].id}`, { name: 'Mine' })
  await first.stop()
  const second = await startServer(t, { databaseUrl })
  assert.deepEqual(names(await second.call('GET', '/v1/agents')), ['Mine', ...starters.slice(2)])
  await second.stop()
})

test('nodes that start together on an empty database seed it once', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  const nodes = await Promise.all(Array.from({ length: 4 }, () => startServer(t, { databaseUrl })))
  for (const { call } of nodes) {
    assert.deepEqual(names(await call('GET', '/v1/agents')), starters)
    assert.equal((await call('GET', '/v1/llm-models')).body.total, 21)
  }
  for (const node of nodes) await node.stop()
})
