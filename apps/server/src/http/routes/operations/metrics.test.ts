import assert from 'node:assert/strict'
import http from 'node:http'
import { text as readText } from 'node:stream/consumers'
import { test } from 'node:test'
import { expectStatus, startGuarded } from '../../../../test/access.ts'
import { createTestDatabase } from '../../../../test/database.ts'
import { type Call, startServer } from '../../../../test/server.ts'
import { converse, createAgent, createSession, post, scripted } from '../../../../test/session.ts'
import { follow } from '../../../../test/stream.ts'
import { eventually } from '../../../../test/waiting.ts'

const metricsOf = async (call: Call) => String(expectStatus(await call('GET', '/metrics'), 200))

/** The number on a line. */
function valueIn(text: string, line: string): number | undefined {
  const found = text.split('\n').find((one) => one.startsWith(`${line} `))
  return found === undefined ? undefined : Number(found.slice(line.length + 1))
}

test('turns, model calls, tokens and tools are counted once each', async (t) => {
  const server = await startServer(t)
  const agent = await createAgent(server, { capabilities: [{ ref: 'test_math' }] })
  const session = await createSession(server, { agent_id: agent.id })
  const add = { name: 'add', arguments: { a: 1, b: 2 } }
  const steps = scripted(
    { tool_calls: [add, { name: 'nothing', arguments: {} }] },
    { text: 'Done' },
  )
  const events = await converse(t, server, session.id, steps)
  const error = { message: 'no', status: 401 }
  await converse(t, server, session.id, scripted({ error }))
  const text = await metricsOf(server.call)
  const model = 'provider="llmsim",model="llmsim-default"'
  const tokens = events
    .filter((event) => event.type === 'llm.generation')
    .reduce((sum, { data }) => sum + data.metadata.usage!.input_tokens, 0)
  const expected = {
    'outlast_turns_total{outcome="completed",code=""}': 1,
    'outlast_turns_total{outcome="failed",code="llm_bad_key"}': 1,
    [`outlast_model_calls_total{${model},outcome="success"}`]: 2,
    [`outlast_model_calls_total{${model},outcome="llm_bad_key"}`]: 1,
    [`outlast_time_to_first_token_seconds_count{${model}}`]: 1,
    [`outlast_model_call_seconds_count{${model}}`]: 3,
    'outlast_tool_calls_total{tool="add",status="success"}': 1,
    'outlast_tool_calls_total{tool="nothing",status="error"}': 1,
    outlast_turn_seconds_count: 1,
  }
  for (const [line, value] of Object.entries(expected))
    assert.equal(valueIn(text, line), value, line)
  assert.ok(valueIn(text, `outlast_tokens_total{${model},kind="input"}`)! >= tokens)
  assert.doesNotMatch(text, /(session|turn|agent|org|message)_[0-9a-f]{32}/)
})

test('shows running turns, waiting turns and streams', async (t) => {
  const server = await startServer(t)
  const tools = [
    { type: 'client_side', name: 'look', description: 'Looks.', parameters: { type: 'object' } },
  ]
  const agent = await createAgent(server, { tools })
  const [parked, running] = [
    await createSession(server, { agent_id: agent.id }),
    await createSession(server, { agent_id: agent.id }),
  ]
  await post(server, parked.id, scripted({ tool_calls: [{ name: 'look', arguments: {} }] }))
  const isParked = async () =>
    (await server.call('GET', `/v1/sessions/${parked.id}`)).body.waiting_for
  await eventually(isParked)
  const stream = await follow(t, server.url, { sessionId: running.id })
  await post(server, running.id, scripted({ text: 'x '.repeat(500), tokens_per_second: 1 }))
  await stream.event('output.message.delta')
  const text = await metricsOf(server.call)
  const expected = {
    outlast_turns_running: 1,
    'outlast_turns{state="running"}': 1,
    'outlast_turns{state="waiting"}': 1,
    'outlast_turns{state="queued"}': 0,
    outlast_queue_age_seconds: 0,
    outlast_sse_clients: 1,
  }
  for (const [line, value] of Object.entries(expected))
    assert.equal(valueIn(text, line), value, line)
  assert.ok(valueIn(text, 'outlast_database_connections{state="idle"}')! >= 0)
  assert.ok(valueIn(text, 'nodejs_eventloop_lag_p99_seconds')! >= 0)
  await server.call('POST', `/v1/sessions/${running.id}/cancel`)
  await stream.event('session.idled')
  const after = await metricsOf(server.call)
  assert.equal(valueIn(after, 'outlast_turns_total{outcome="cancelled",code=""}'), 1)
})

test('a turn that no node takes shows how long it has waited', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  const server = await startServer(t, { databaseUrl, env: { ROLE: 'api' } })
  const session = await createSession(server)
  await post(server, session.id, 'hello')
  const age = async () => valueIn(await metricsOf(server.call), 'outlast_queue_age_seconds')! > 0.01
  await eventually(age)
  assert.equal(valueIn(await metricsOf(server.call), 'outlast_turns{state="queued"}'), 1)
  const worker = await startServer(t, { databaseUrl, env: { ROLE: 'worker' } })
  const isDone = async () =>
    valueIn(await metricsOf(worker.call), 'outlast_turns_total{outcome="completed",code=""}')
  assert.equal(await eventually(isDone), 1)
  await worker.stop()
  await server.stop()
})

test('requests are counted by route and errors by code, never by URL', async (t) => {
  const { call } = await startServer(t)
  const unknown = `agent_${'0'.repeat(32)}`
  for (let n = 0; n < 3; n += 1) await call('GET', `/v1/agents/${unknown}`)
  await call('GET', '/v1/agents/Broken')
  await call('GET', `/nowhere/${unknown}`)
  const text = await metricsOf(call)
  const of = 'outlast_http_requests_total'
  const route = 'route="/v1/agents/:agent_id"'
  assert.equal(valueIn(text, `${of}{method="GET",${route},status="404"}`), 3)
  assert.equal(valueIn(text, `${of}{method="GET",${route},status="400"}`), 1)
  assert.equal(valueIn(text, `${of}{method="GET",route="unknown",status="404"}`), 1)
  assert.equal(valueIn(text, 'outlast_errors_total{code="not_found"}'), 3)
  assert.equal(valueIn(text, 'outlast_errors_total{code="route_not_found"}'), 1)
  assert.equal(valueIn(text, `outlast_http_request_seconds_count{${route}}`), 4)
})

test('responses that are streams have no response time, and an error of an adapter counts once', async (t) => {
  const server = await startServer(t)
  await createAgent(server, { name: 'ada' })
  const ask = async (model: string, stream: boolean) => {
    const body = { model, stream, messages: [{ role: 'user', content: 'Hello' }] }
    return fetch(`${server.url}/openai/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
  }
  const text = await (await ask('agent:ada', true)).text()
  assert.match(text, /\[DONE\]/)
  const line = 'outlast_http_request_seconds_count{route="/openai/v1/chat/completions"}'
  const requests = `outlast_http_requests_total{method="POST",route="/openai/v1/chat/completions",status="200"}`
  await eventually(async () => valueIn(await metricsOf(server.call), requests) === 1)
  assert.equal(valueIn(await metricsOf(server.call), line), undefined)
  await (await ask('agent:ada', false)).text()
  await eventually(async () => valueIn(await metricsOf(server.call), line) === 1)
  const unknown = `agent:agent_${'0'.repeat(32)}`
  assert.equal((await ask(unknown, false)).status, 404)
  const refused = requests.replace('status="200"', 'status="404"')
  await eventually(async () => valueIn(await metricsOf(server.call), refused) === 1)
  const errors = 'outlast_errors_total{code="not_found"}'
  assert.equal(valueIn(await metricsOf(server.call), errors), 1)
})

test('names that users make up fill no memory: there are only so many models and tools', async (t) => {
  const server = await startServer(t)
  const agent = await createAgent(server)
  const session = await createSession(server, { agent_id: agent.id })
  const calls = Array.from({ length: 250 }, (_, n) => ({ name: `made_up_${n}`, arguments: {} }))
  await converse(t, server, session.id, scripted({ tool_calls: calls }, { text: 'Done' }))
  const text = await metricsOf(server.call)
  const lines = text.split('\n').filter((line) => line.startsWith('outlast_tool_calls_total{'))
  assert.equal(lines.length, 201)
  assert.equal(valueIn(text, 'outlast_tool_calls_total{tool="other",status="error"}'), 50)
})

const token = 'a-token-of-16-chars'

/** A request with another Host, as from another machine or through a proxy. */
async function ask(url: string, headers: Record<string, string>) {
  const request = http.get(`${url}/metrics`, { headers, agent: false })
  const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
    request.on('response', resolve)
    request.on('error', reject)
  })
  const text = await readText(response)
  return { status: response.statusCode, code: /"code":"(\w+)"/.exec(text)?.[1] }
}

test('with authentication /metrics requires METRICS_TOKEN, from this machine too', async (t) => {
  const env = {
    AUTH_MODE: 'admin',
    AUTH_ADMIN_EMAIL: 'me@example.com',
    AUTH_ADMIN_PASSWORD: 'long enough',
    METRICS_TOKEN: token,
  }
  const { url } = await startServer(t, { env })
  const elsewhere = { host: 'agents.example.com' }
  const refused = { status: 403, code: 'metrics_private' }
  assert.deepEqual(await ask(url, {}), refused)
  assert.deepEqual(await ask(url, elsewhere), refused)
  const shown = { ...elsewhere, authorization: `Bearer ${token}` }
  assert.deepEqual(await ask(url, shown), { status: 200, code: undefined })
  const wrong = { authorization: 'Bearer another-token-altogether' }
  assert.deepEqual(await ask(url, wrong), { status: 401, code: 'invalid_token' })
})

test('without authentication /metrics is for requests of this machine that no proxy forwarded', async (t) => {
  const { url } = await startServer(t)
  const refused = { status: 403, code: 'metrics_private' }
  assert.deepEqual(await ask(url, {}), { status: 200, code: undefined })
  assert.deepEqual(await ask(url, { 'x-forwarded-for': '203.0.113.7' }), refused)
  assert.deepEqual(await ask(url, { forwarded: 'for=203.0.113.7' }), refused)
})

test('with authentication and without METRICS_TOKEN /metrics is closed', async (t) => {
  const { url } = await startGuarded(t)
  for (const authorization of ['', 'Bearer undefined']) {
    assert.deepEqual(await ask(url, { authorization }), { status: 403, code: 'metrics_private' })
  }
})

test('without a token of the operator no token opens them', async (t) => {
  const env = { AUTH_MODE: 'none', ALLOW_OPEN_ACCESS: 'true' }
  const { url } = await startServer(t, { env })
  const shown = { host: 'agents.example.com', authorization: 'Bearer undefined' }
  assert.deepEqual(await ask(url, shown), { status: 403, code: 'metrics_private' })
})
