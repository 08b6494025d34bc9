import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { startServer } from '../../../../test/server.ts'
import { converse, createAgent, createSession, eventsOf } from '../../../../test/session.ts'

async function opening(t: TestContext) {
  const server = await startServer(t)
  const agent = await createAgent(server)
  const open = (key: string, fields: object = {}) =>
    server.call('POST', '/v1/sessions', { agent_id: agent.id, key, ...fields })
  const list = async (query: string) => (await server.call('GET', `/v1/sessions?${query}`)).body
  return { server, agent, open, list }
}

test('the first call with a key creates the session, later calls return it unchanged', async (t) => {
  const { server, agent, open } = await opening(t)
  const first = await open('chat-1', { title: 'One', tags: ['a'] })
  assert.deepEqual(
    [first.status, first.body.key, first.headers.get('outlast-session')],
    [201, 'chat-1', null],
  )
  const later = await open('chat-1', { title: 'Two', model_id: `model_${'c'.repeat(32)}` })
  assert.equal(later.status, 200)
  assert.equal(later.headers.get('outlast-session'), 'existing')
  assert.deepEqual(later.body, first.body)
  assert.equal((await eventsOf(server, first.body.id)).length, 1)
  await converse(t, server, first.body.id, 'hi')
  await server.call('DELETE', `/v1/agents/${agent.id}`)
  assert.deepEqual([(await open('chat-1')).status, (await open('chat-2')).status], [200, 409])
})

test('a key belongs to one agent, and lists find it with and without the agent', async (t) => {
  const { server, agent, open, list } = await opening(t)
  const other = await createAgent(server)
  const mine = await open('shared')
  const theirs = await open('shared', { agent_id: other.id })
  assert.deepEqual([mine.status, theirs.status], [201, 201])
  assert.notEqual(mine.body.id, theirs.body.id)
  await createSession(server, { agent_id: agent.id })
  const both = await list('key=shared')
  assert.deepEqual(
    [both.total, both.data.map(({ id }: { id: string }) => id)],
    [2, [theirs.body.id, mine.body.id]],
  )
  const one = await list(`key=shared&agent_id=${agent.id}`)
  assert.deepEqual([one.total, one.data[0].id], [1, mine.body.id])
  assert.equal((await list('key=Shared')).total, 0)
})

test('simultaneous first calls with one key create one session', async (t) => {
  const { server, agent, open, list } = await opening(t)
  for (const key of ['plain', 'with a mount']) {
    const capabilities = key === 'plain' ? [] : [{ ref: 'sample_data' }]
    const answers = await Promise.all(Array.from({ length: 12 }, () => open(key, { capabilities })))
    const statuses = answers.map(({ status }) => status).sort()
    assert.deepEqual(statuses, [...Array(11).fill(200), 201], key)
    assert.equal(new Set(answers.map(({ body }) => body.id)).size, 1)
    const [{ body }] = answers as [(typeof answers)[0]]
    assert.equal((await eventsOf(server, body.id)).filter(isStart).length, 1)
  }
  assert.equal((await list(`agent_id=${agent.id}`)).total, 2)
})

const isStart = ({ type }: { type: string }) => type === 'session.started'

test('a first call with an idempotency key is repeated with the same session', async (t) => {
  const { server, agent } = await opening(t)
  const body = { agent_id: agent.id, key: 'k' }
  const headers = { 'idempotency-key': 'once' }
  const first = await server.call('POST', '/v1/sessions', body, headers)
  const again = await server.call('POST', '/v1/sessions', body, headers)
  assert.deepEqual([first.status, again.status, again.body.id], [201, 201, first.body.id])
})

test('a deleted session frees its key, and a fork does not take it', async (t) => {
  const { server, open, list } = await opening(t)
  const { body: first } = await open('k')
  const fork = await server.call('POST', `/v1/sessions/${first.id}/fork`, {})
  assert.deepEqual([fork.status, fork.body.key], [201, null])
  assert.equal((await list('key=k')).data[0].id, first.id)
  assert.equal((await server.call('DELETE', `/v1/sessions/${first.id}`)).status, 204)
  const next = await open('k')
  assert.equal(next.status, 201)
  assert.notEqual(next.body.id, first.id)
})

test('keys with control characters or more than 200 characters are refused', async (t) => {
  const { server, open, list } = await opening(t)
  const bad = ['', 'a\nb', 'a\0b', '\u007f', '\u0085', 'k'.repeat(201)]
  for (const key of bad) {
    const { status, body } = await open(key)
    assert.deepEqual([status, body.code, body.details[0].path], [400, 'invalid_request', 'key'])
  }
  const listed = await server.call('GET', `/v1/sessions?key=${'k'.repeat(201)}`)
  assert.deepEqual([listed.status, listed.body.code], [400, 'invalid_request'])
  for (const key of ['k'.repeat(200), ' ', '日本 🚀', "'; drop table sessions --", '%_\\']) {
    const { status, body } = await open(key)
    assert.deepEqual([status, body.key], [201, key])
    assert.equal((await list(`key=${encodeURIComponent(key)}`)).data[0].id, body.id)
    assert.equal((await open(key)).status, 200)
  }
})
