import assert from 'node:assert/strict'
import net from 'node:net'
import test, { type TestContext } from 'node:test'
import { startModel } from '../../test/remotes/written-model.ts'
import { startServer } from '../../test/server.ts'
import { createSession, post } from '../../test/session.ts'
import { eventually } from '../../test/waiting.ts'

/** Sends bytes and returns the response up to the end of the connection. */
async function raw(url: string, bytes: string): Promise<string> {
  const socket = net.connect(Number(new URL(url).port), '127.0.0.1')
  socket.write(bytes)
  let text = ''
  for await (const chunk of socket.setEncoding('utf8')) text += chunk
  return text
}

const start = async (t: TestContext, env: Record<string, string> = {}) => startServer(t, { env })

test('health returns version, mode and database; ready returns 200', async (t) => {
  const { call } = await start(t)
  // After a stall of the machine the database counts as lost until the next renewal.
  const body = await eventually(async () => {
    const answer = await call('GET', '/health')
    assert.equal(answer.status, 200)
    return answer.body.database === 'ok' ? answer.body : undefined
  })
  assert.deepEqual(
    [body.status, body.auth_mode, body.database, /^\d+\.\d+\.\d+/.test(body.version)],
    ['ok', 'None', 'ok', true],
  )
  await eventually(async () => (await call('GET', '/health/ready')).status === 200)
})

test('every answer carries a request id: the own one when it is a plain word', async (t) => {
  const { call } = await start(t)
  const own = await call('GET', '/health', undefined, { 'x-request-id': 'abc-1' })
  assert.equal(own.headers.get('x-request-id'), 'abc-1')
  const made = await call('GET', '/nowhere', undefined, { 'x-request-id': 'a b' })
  assert.match(made.headers.get('x-request-id')!, /^req_[0-9a-z]+$/)
})

test('an error before routing is JSON too', async (t) => {
  const { call, url } = await start(t)
  const cases: [string, string, unknown, Record<string, string>, number, string][] = [
    ['GET', '/v1/nothing', undefined, {}, 404, 'route_not_found'],
    ['GET', '/v2/agents', undefined, {}, 404, 'route_not_found'],
    ['DELETE', '/v1/sessions', undefined, {}, 405, 'method_not_allowed'],
    ['PUT', '/v1/sessions/x', {}, {}, 405, 'method_not_allowed'],
    [
      'POST',
      '/v1/sessions',
      'a=b',
      { 'content-type': 'text/plain' },
      415,
      'unsupported_media_type',
    ],
    ['POST', '/v1/sessions', '{', {}, 400, 'invalid_json'],
    ['POST', '/v1/sessions', '{"__proto__":{}}', {}, 400, 'invalid_json'],
    ['POST', '/v1/sessions', '['.repeat(5000) + ']'.repeat(5000), {}, 400, 'invalid_request'],
    ['POST', '/v1/sessions', `{"agent_id":"${'x'.repeat(3e6)}"}`, {}, 413, 'body_too_large'],
    ['GET', '/v1/sessions/%zz', undefined, {}, 400, 'invalid_request'],
    ['GET', `/v1/sessions/${'x'.repeat(3000)}`, undefined, {}, 400, 'invalid_id'],
  ]
  for (const [method, path, body, headers, status, code] of cases) {
    const answer = await call(method, path, body, headers)
    assert.deepEqual(
      [answer.status, answer.body.code],
      [status, code],
      `${method} ${path.slice(0, 40)}`,
    )
    assert.equal(typeof answer.body.error, 'string')
    assert.ok(answer.headers.get('x-request-id'))
  }
  const allow = (await call('DELETE', '/v1/sessions')).headers.get('allow')
  assert.match(allow!, /GET/)
  assert.match(await raw(url, 'NONSENSE\r\n\r\n'), /^HTTP\/1\.1 400[\s\S]*"code":"invalid_request"/)
  const wide = `GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nx: ${'y'.repeat(70_000)}\r\n\r\n`
  assert.match(await raw(url, wide), /^HTTP\/1\.1 431[\s\S]*"code":"headers_too_large"/)
})

test('without authentication only loopback names and own pages are served', async (t) => {
  const { url } = await start(t)
  const port = new URL(url).port
  const ask = (headers: string) =>
    raw(url, `GET /v1/agents HTTP/1.1\r\n${headers}connection: close\r\n\r\n`)
  assert.match(await ask('host: localhost\r\n'), /^HTTP\/1\.1 200/)
  assert.match(await ask(`host: [::1]:${port}\r\n`), /^HTTP\/1\.1 200/)
  assert.match(await ask('host: evil.example\r\n'), /^HTTP\/1\.1 403[\s\S]*host_not_allowed/)
  const own = `host: 127.0.0.1:${port}\r\n`
  assert.match(await ask(`${own}origin: http://127.0.0.1:${port}\r\n`), /^HTTP\/1\.1 200/)
  for (const origin of ['https://evil.example', 'null', `http://127.0.0.1:${Number(port) + 1}`]) {
    assert.match(
      await ask(`${own}origin: ${origin}\r\n`),
      /^HTTP\/1\.1 403[\s\S]*origin_not_allowed/,
    )
  }
})

const queries: Record<string, (count: number) => string> = {
  'one key': (count) => Array.from({ length: count }, () => 'a').join('&'),
  'many keys': (count) => Array.from({ length: count }, (_, at) => `k${at}=${at}`).join('&'),
  'nothing between': (count) => '&'.repeat(count - 1),
}

for (const [name, queryOf] of Object.entries(queries)) {
  test(`refuses a query of more than 200 parameters before anything else: ${name}`, async (t) => {
    const { call } = await start(t)
    for (const path of ['/health', '/v1/agents', '/v1/agents/unknown', '/metrics']) {
      for (const count of [201, 1_500]) {
        const { status, body } = await call('GET', `${path}?${queryOf(count)}`)
        assert.deepEqual([status, body.code], [400, 'too_many_parameters'], `${path} ${count}`)
      }
      const most = await call('GET', `${path}?${queryOf(200)}`)
      assert.notEqual(most.body.code, 'too_many_parameters')
    }
  })
}

test('reads every value of a key that is repeated', async (t) => {
  const server = await start(t)
  const { call } = server
  const session = await createSession(server)
  const path = `/v1/sessions/${session.id}/events?types=turn.started&types=session.started&types=turn.completed`
  const { data } = (await call('GET', path)).body
  assert.deepEqual(
    data.map(({ type }: { type: string }) => type),
    ['session.started'],
  )
})

test('CORS is off, and on for the origins that are named', async (t) => {
  const off = await start(t)
  const plain = await off.call('GET', '/v1/agents')
  assert.equal(plain.headers.get('access-control-allow-origin'), null)
  const on = await start(t, { CORS_ALLOWED_ORIGINS: 'https://app.example.com' })
  const preflight = await on.call('OPTIONS', '/v1/agents', undefined, {
    origin: 'https://app.example.com',
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'content-type, idempotency-key, outlast-typed-tools',
  })
  assert.equal(preflight.status, 204)
  assert.equal(preflight.headers.get('access-control-allow-origin'), 'https://app.example.com')
  assert.match(preflight.headers.get('access-control-allow-headers')!, /outlast-typed-tools/)
  const answer = await on.call('GET', '/v1/agents', undefined, {
    origin: 'https://app.example.com',
  })
  assert.equal(answer.headers.get('access-control-allow-origin'), 'https://app.example.com')
  const exposed = answer.headers.get('access-control-expose-headers')!.split(', ')
  const names = ['x-should-retry', 'location', 'idempotency-replayed', 'idempotent-replayed']
  for (const name of names) assert.ok(exposed.includes(name), name)
})

test('with CORS unknown paths are still unknown, and 405 names the methods of a path', async (t) => {
  const { call } = await start(t, { CORS_ALLOWED_ORIGINS: 'https://app.example.com' })
  const unknown = await call('GET', '/v1/nothing')
  assert.deepEqual([unknown.status, unknown.body.code], [404, 'route_not_found'])
  assert.notEqual((await call('GET', '/', undefined, { accept: 'text/html' })).status, 405)
  const refused = await call('DELETE', '/v1/sessions')
  assert.equal(refused.status, 405)
  assert.doesNotMatch(refused.headers.get('allow')!, /OPTIONS/)
})

test('the documents can be read', async (t) => {
  const { call } = await start(t)
  const { body } = await call('GET', '/api-doc/openapi.json')
  assert.equal(body.openapi, '3.1.0')
  assert.ok(body.components.schemas.Session)
  const docs = await call('GET', '/docs')
  assert.equal(docs.status, 200)
  assert.match(docs.body, /Outlast API/)
  for (const path of ['/swagger-ui', '/swagger-ui/index.html']) {
    assert.equal((await call('GET', path)).headers.get('location'), '/docs')
  }
})

test('the OpenAPI document has the statuses of conflicts and of headers that are too large', async (t) => {
  const { call } = await start(t)
  const { paths } = (await call('GET', '/api-doc/openapi.json')).body
  const statuses = (path: string, method: string) => Object.keys(paths[path][method].responses)
  const member = '/v1/orgs/{org_id}/members/{user_id}'
  for (const method of ['patch', 'delete']) assert.ok(statuses(member, method).includes('409'))
  assert.ok(statuses('/v1/sessions/{session_id}/sse', 'get').includes('409'))
  assert.ok(statuses('/v1/auth/register', 'post').includes('404'))
  assert.ok(statuses('/v1/sessions/{session_id}/events', 'get').includes('431'))
  assert.ok(statuses('/v1/sessions/{session_id}/events', 'get').includes('409'))
  assert.ok(!statuses('/v1/sessions/{session_id}/messages', 'get').includes('409'))
})

test('a worker serves its health and nothing else', async (t) => {
  const { call } = await start(t, { ROLE: 'worker' })
  assert.equal((await call('GET', '/health')).status, 200)
  assert.equal((await call('GET', '/v1/agents')).status, 404)
})

test('health reports that a node stops, and the database apart from it', async (t) => {
  const model = await startModel(t)
  const server = await startServer(t, { env: { SHUTDOWN_GRACE_MS: '60000' } })
  const { id } = await model.session(server)
  await post(server, id, 'hello')
  const call = await model.call()
  const stopping = server.stop()
  const ready = await eventually(async () => {
    const answer = await server.call('GET', '/health/ready')
    return answer.status === 503 && answer.body.database === 'ok' ? answer : undefined
  })
  const { reason, database } = ready.body
  assert.deepEqual([reason, database], ['The node is stopping.', 'ok'])
  call.end()
  await stopping
})
