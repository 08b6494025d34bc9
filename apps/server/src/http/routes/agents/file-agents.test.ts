/** Agents from files of the project through the API, which cannot change them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Agent } from '@outlast/contract'
import {
  deploy,
  expectFromFile,
  fileAgentsOf,
  salesFile,
  startWithAgents,
  support,
  supportFile,
} from '../../../../test/file-agents.ts'
import { createSchedule, rarely, starting, trigger, untilOver } from '../../../../test/schedules.ts'
import type { Call, HttpAnswer } from '../../../../test/server.ts'
import { converse, createSession } from '../../../../test/session.ts'

const changed = { name: 'Changed', system_prompt: 'Changed.' }
const text = { 'content-type': 'text/plain' }

/** Every request that would change an agent. */
const changesOf = (id: string): [why: string, change: (call: Call) => Promise<HttpAnswer>][] => [
  ['POST with its id', (call) => call('POST', '/v1/agents', { ...changed, id })],
  ['PUT', (call) => call('PUT', `/v1/agents/${id}`, changed)],
  ['PUT with If-Match', (call) => call('PUT', `/v1/agents/${id}`, changed, { 'if-match': '*' })],
  ['PUT with the same fields', (call) => call('PUT', `/v1/agents/${id}`, support)],
  ['PATCH', (call) => call('PATCH', `/v1/agents/${id}`, { name: 'Changed' })],
  ['PATCH without a field', (call) => call('PATCH', `/v1/agents/${id}`, {})],
  ['PATCH of the status', (call) => call('PATCH', `/v1/agents/${id}`, { status: 'active' })],
  ['PATCH to archived', (call) => call('PATCH', `/v1/agents/${id}`, { status: 'archived' })],
  ['PATCH of the retention', (call) => call('PATCH', `/v1/agents/${id}`, { retention_days: 1 })],
  [
    'PATCH with fields of its own',
    (call) => call('PATCH', `/v1/agents/${id}`, { source: 'api', source_file: null }),
  ],
  ['DELETE', (call) => call('DELETE', `/v1/agents/${id}`)],
  [
    'import of Markdown with its id',
    (call) => call('POST', '/v1/agents/import', `---\nid: ${id}\nname: X\n---\nChanged.`, text),
  ],
  [
    'import of JSON with its id',
    (call) => call('POST', '/v1/agents/import', JSON.stringify({ ...changed, id }), text),
  ],
  [
    'POST with an Idempotency-Key',
    (call) => call('POST', '/v1/agents', { ...changed, id }, { 'idempotency-key': 'a' }),
  ],
]

const auditCount = async (call: Call) => (await call('GET', '/v1/audit-log')).body.total

test('the API changes no agent that a file defines', async (t) => {
  const { call } = await startWithAgents(t, [supportFile])
  const before = (await fileAgentsOf(call)).get('Support')!
  const entries = await auditCount(call)
  for (const [why, change] of changesOf(before.id)) {
    await t.test(why, async () => {
      expectFromFile(await change(call))
      assert.deepEqual((await call('GET', `/v1/agents/${before.id}`)).body, before)
    })
  }
  expectFromFile(await call('DELETE', `/v1/agents/${before.id}?permanent=true`))
  assert.deepEqual((await fileAgentsOf(call)).get('Support'), before)
  assert.equal(await auditCount(call), entries)
  assert.equal((await call('GET', '/v1/agents')).body.total, 7)
})

test('the API changes no agent whose file is gone, but deletes it permanently', async (t) => {
  const { call, databaseUrl } = await startWithAgents(t, [salesFile])
  await deploy(t, databaseUrl, [supportFile])
  await deploy(t, databaseUrl, [salesFile])
  const before = (await fileAgentsOf(call)).get('Support')!
  assert.equal(before.status, 'archived')
  for (const [why, change] of changesOf(before.id)) {
    await t.test(why, async () => {
      expectFromFile(await change(call))
      assert.deepEqual((await call('GET', `/v1/agents/${before.id}`)).body, before)
    })
  }
  const gone = await call('DELETE', `/v1/agents/${before.id}?permanent=true`)
  assert.equal(gone.status, 204, JSON.stringify(gone.body))
  assert.equal((await call('GET', `/v1/agents/${before.id}`)).status, 404)

  const again = (await deploy(t, databaseUrl, [supportFile, salesFile])).get('Support')!
  assert.notEqual(again.id, before.id)
  assert.equal(again.status, 'active')
})

test('an archived agent from a file is not deleted while it has sessions', async (t) => {
  const server = await startWithAgents(t, [supportFile])
  const { id } = (await fileAgentsOf(server.call)).get('Support')!
  await createSession(server, { agent_id: id })
  await deploy(t, server.databaseUrl, [])
  const { status, body } = await server.call('DELETE', `/v1/agents/${id}?permanent=true`)
  assert.deepEqual([status, body.code], [409, 'agent_in_use'])
})

test('a client cannot make an agent look like one from a file', async (t) => {
  const { call, databaseUrl } = await startWithAgents(t, [])
  const fields = { source: 'file', source_file: 'agents/support.md' }
  const made = (await call('POST', '/v1/agents', { ...support, ...fields })).body as Agent
  assert.deepEqual([made.source, made.source_file], ['api', undefined])
  const file = `---\nname: Support\nsource: file\nsource_file: agents/support.md\n---\nX`
  const imported = (await call('POST', '/v1/agents/import', file, text)).body as Agent
  assert.deepEqual([imported.source, imported.source_file], ['api', undefined])
  await deploy(t, databaseUrl, [])
  assert.equal((await call('GET', `/v1/agents/${made.id}`)).body.status, 'active')
})

test('an export leaves out the source, and its import makes an agent of the API', async (t) => {
  const { call } = await startWithAgents(t, [supportFile])
  const { id } = (await fileAgentsOf(call)).get('Support')!
  for (const format of ['markdown', 'yaml', 'json']) {
    const { body } = await call('GET', `/v1/agents/${id}/export?format=${format}`)
    const file = typeof body === 'string' ? body : JSON.stringify(body)
    assert.doesNotMatch(file, /source|agents\/support/)
    const { status, body: made } = await call('POST', '/v1/agents/import', file, text)
    assert.deepEqual([status, made.source, made.name], [201, 'api', 'Support'])
    assert.notEqual(made.id, id)
  }
})

test('sessions, forks and schedules work with an agent from a file', async (t) => {
  const server = await startWithAgents(t, [supportFile])
  const { call } = server
  const { id } = (await fileAgentsOf(call)).get('Support')!
  const session = await createSession(server, { agent_id: id })
  const events = await converse(t, server, session.id, 'Hello')
  assert.ok(events.some(({ type }) => type === 'turn.completed'))
  const fork = await call('POST', `/v1/sessions/${session.id}/fork`, {})
  assert.deepEqual([fork.status, fork.body.agent_id], [201, id])
  const schedule = await createSchedule(server, {
    name: 'Later',
    cron_expression: rarely,
    target: starting(id),
  })
  await trigger(server, schedule.id)
  const [execution] = await untilOver(server, schedule.id, 1)
  assert.equal(execution!.status, 'completed')
  await deploy(t, server.databaseUrl, [])
  const later = await converse(t, server, session.id, 'Still there?')
  assert.ok(later.some(({ type }) => type === 'turn.completed'))
})
