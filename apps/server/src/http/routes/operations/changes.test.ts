/** The changes of an organization on one node. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { ChangesQuery, changeNouns, Session } from '@outlast/contract'
import { Type } from 'typebox'
import { beforeAll } from '../../../../test/hooks.ts'
import {
  addProvider,
  modelsOf,
  sendJson,
  startAnyVendor,
} from '../../../../test/remotes/any-vendor.ts'
import { createSchedule, everySecond, executionsOf, sending } from '../../../../test/schedules.ts'
import { startServer } from '../../../../test/server.ts'
import { createAgent, createSession, post } from '../../../../test/session.ts'
import { watch } from '../../../../test/stream.ts'
import { defineCapability } from '../../../capabilities/capability.ts'
import { builtins } from '../../../capabilities/index.ts'
import { problemsOf } from '../../../capabilities/schemas/validation.ts'

/** A capability with a secret in its config. */
const locked = defineCapability({
  id: 'locked',
  name: 'Locked',
  description: 'For tests.',
  category: 'Testing',
  icon: 'lock',
  status: 'available',
  config: Type.Object({ key: Type.Optional(Type.String({ writeOnly: true })) }),
  sessionRules: { key: 'session' },
})

let server: Awaited<ReturnType<typeof startServer>>

beforeAll(async (t) => {
  const env = { PRIVATE_HOSTS_ALLOWED: '127.0.0.1' }
  server = await startServer(t as TestContext, { env, capabilities: [...builtins, locked] })
})

async function make(path: string, body: object) {
  const answer = await server.call('POST', path, body)
  assert.ok(answer.status === 201 || answer.status === 200, JSON.stringify(answer.body))
  return answer.body
}

async function done(method: string, path: string, body?: object) {
  const { status, body: answer } = await server.call(method, path, body)
  assert.ok(status < 300, `${method} ${path}: ${status} ${JSON.stringify(answer)}`)
}

test('starts with connected and sends no earlier change', async (t) => {
  const earlier = await createSession(server)
  const stream = await watch(t, server.url)
  assert.equal(stream.response.headers.get('content-type'), 'text/event-stream; charset=utf-8')
  const { id } = await createSession(server)
  await stream.session(id)
  assert.deepEqual(stream.told[0], { event: 'connected', data: { status: 'connected' } })
  assert.ok(stream.told.every(({ data }) => data.id !== earlier.id))
})

test('sends a session as GET returns it when it is created, runs a turn and is changed', async (t) => {
  const stream = await watch(t, server.url)
  const capabilities = [{ ref: 'locked', config: { key: 'hunter2' } }]
  const { id } = await createSession(server, { title: 'Mine', capabilities })
  const made = await stream.session(id)
  assert.deepEqual(problemsOf(Session, made), [])
  assert.doesNotMatch(JSON.stringify(made), /hunter2/)
  await post(server, id, 'Hello')
  const spoken = await stream.session(
    id,
    ({ status, started_at }) => status === 'idle' && started_at !== null,
  )
  assert.equal(spoken.preview, 'Hello')
  await done('PATCH', `/v1/sessions/${id}`, { title: 'Renamed' })
  const renamed = await stream.session(id, ({ title }) => title === 'Renamed')
  const { is_pinned: _, ...shared } = (await server.call('GET', `/v1/sessions/${id}`)).body
  assert.deepEqual(renamed, shared)
  await done('POST', `/v1/sessions/${id}/fs/a.txt`, { content: 'x' })
  await stream.session(id, ({ updated_at }) => updated_at > renamed.updated_at)
})

test('reports a fork, and the deletion of a session last', async (t) => {
  const stream = await watch(t, server.url)
  const { id } = await createSession(server)
  const fork = await make(`/v1/sessions/${id}/fork`, {})
  assert.equal((await stream.session(fork.id)).forked_from?.session_id, id)
  await done('PATCH', `/v1/sessions/${id}`, { title: 'About to go' })
  await done('DELETE', `/v1/sessions/${id}`)
  const { data } = await stream.event('session.deleted')
  assert.deepEqual(data, { id })
  await done('PATCH', `/v1/sessions/${fork.id}`, { title: 'Still here' })
  await stream.session(fork.id, ({ title }) => title === 'Still here')
  assert.equal(stream.told.findLast(({ data }) => data.id === id)?.event, 'session.deleted')
})

test('reports other changes by noun and id', async (t) => {
  const stream = await watch(t, server.url)
  const expectChanges = async (
    noun: (typeof changeNouns)[number],
    path: string,
    body: object,
    change: object = {},
  ) => {
    const { id } = await make(path, body)
    await stream.changed(noun, id)
    for (const method of ['PATCH', 'DELETE']) {
      const before = stream.told.length
      await done(method, `${path.replace(/.*\/models$/, '/v1/llm-models')}/${id}`, change)
      await stream.until(() =>
        stream.told.slice(before).find(({ data }) => data.noun === noun && data.id === id),
      )
    }
  }
  const agent = { name: 'Ada', system_prompt: 'You are Ada.' }
  await expectChanges('agent', '/v1/agents', agent, { name: 'Eve' })
  const mcp = { name: 'tools', url: 'https://mcp.example.com/' }
  await expectChanges('mcp_server', '/v1/mcp-servers', mcp, { description: 'Changed' })
  const provider = { name: 'New', provider_type: 'llmsim' }
  await expectChanges('provider', '/v1/llm-providers', provider, { name: 'Newer' })
  await stream.changed('model', null)
  const { id } = await make('/v1/llm-providers', provider)
  const model = { model_id: 'new', display_name: 'New' }
  await expectChanges('model', `/v1/llm-providers/${id}/models`, model, { display_name: 'N' })
  const { id: org } = (await server.call('GET', '/v1/orgs')).body.data[0]
  await done('PATCH', `/v1/orgs/${org}`, { name: 'Ours' })
  await stream.changed('organization', org)
  const { id: worker } = (await server.call('GET', '/v1/durable/workers')).body.data[0]
  await done('POST', `/v1/durable/workers/${worker}/drain`)
  await done('POST', `/v1/durable/workers/${worker}/resume`)
  await stream.changed('worker', worker)
  for (const { event, data } of stream.told) {
    if (event === 'changed') assert.ok(changeNouns.includes(data.noun), JSON.stringify(data))
  }
})

test('reports neither refused requests nor reads', async (t) => {
  const stream = await watch(t, server.url)
  const { id } = await createAgent(server)
  await stream.changed('agent', id)
  const before = stream.told.length
  assert.equal((await server.call('PATCH', `/v1/agents/${id}`, { name: '' })).status, 400)
  await done('POST', '/v1/agents/preview', { system_prompt: 'x' })
  await server.call('GET', `/v1/agents/${id}`)
  const again = { 'idempotency-key': 'once' }
  const body = { name: 'Once', system_prompt: 'x' }
  const once = (await server.call('POST', '/v1/agents', body, again)).body
  await stream.changed('agent', once.id)
  await server.call('POST', '/v1/agents', body, again)
  const last = await createAgent(server)
  await stream.changed('agent', last.id)
  const ids = stream.told.slice(before).map(({ data }) => data.id)
  assert.deepEqual(ids, [once.id, last.id])
})

test('reports a schedule when it runs and when the run ends, and its session', async (t) => {
  const stream = await watch(t, server.url)
  const { id: sessionId } = await createSession(server)
  const target = sending(sessionId)
  const schedule = await createSchedule(server, { cron_expression: everySecond, target })
  const told = () =>
    stream.told.filter(({ data }) => data.noun === 'schedule' && data.id === schedule.id)
  const next = async (count: number) => stream.until(() => told()[count])
  await next(1)
  await stream.session(sessionId, ({ preview }) => preview === 'Hello')
  await done('POST', `/v1/durable/schedules/${schedule.id}/pause`)
  for (;;) {
    const before = told().length
    const executions = await executionsOf(server, schedule.id)
    if (executions.every(({ status }) => status === 'completed')) break
    await next(before)
  }
})

test('reports synced models with their provider', async (t) => {
  const vendor = await startAnyVendor(t, (_, response) =>
    sendJson(response, { object: 'list', data: modelsOf(['one']) }),
  )
  const provider = await addProvider(server.call, vendor.url)
  const stream = await watch(t, server.url)
  await provider.sync()
  await stream.changed('provider', provider.id)
  await stream.changed('model', null)
})

test('a query that means nothing is refused', async () => {
  const { status, body } = await server.call('GET', '/v1/changes?heartbeat=loud')
  assert.deepEqual([status, body.code], [400, 'invalid_request'])
  assert.deepEqual(Object.keys(ChangesQuery.properties), ['heartbeat'])
})

test('it shows that it lives, and is closed with notice after its time', async (t) => {
  const mine = await startServer(t, { env: { SSE_HEARTBEAT_MS: '50', SSE_CYCLE_MS: '300' } })
  const [plain, named] = [
    await watch(t, mine.url),
    await watch(t, mine.url, { query: '?heartbeat=event' }),
  ]
  await plain.until(() => plain.frames.find(({ comment }) => comment === 'heartbeat'))
  await named.event('heartbeat')
  await plain.ended
  const cycled = { reason: 'connection_cycle', retry_ms: 100 }
  assert.deepEqual(plain.told.at(-1), { event: 'disconnecting', data: cycled })
})

test('counts an open stream and sends it a notice of the shutdown', async (t) => {
  const mine = await startServer(t)
  const last = await watch(t, mine.url)
  const metrics = await mine.call('GET', '/metrics')
  assert.match(metrics.body, /outlast_sse_clients 1\n/)
  assert.doesNotMatch(metrics.body, /request_seconds\S*route="\/v1\/changes"/)
  const stopping = mine.stop()
  await last.ended
  assert.equal(last.told.at(-1)?.data.reason, 'shutdown')
  await stopping
})
