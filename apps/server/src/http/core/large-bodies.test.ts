import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import { type TestContext, test } from 'node:test'
import {
  createKey,
  expectStatus,
  registerPerson,
  startGuarded,
  untilStatus,
} from '../../../test/access.ts'
import { connectTo, lockWaits, untilLocked } from '../../../test/database.ts'
import { startServer } from '../../../test/server.ts'
import { createSession } from '../../../test/session.ts'
import { eventually } from '../../../test/waiting.ts'

const mebibyte = 1024 * 1024

test('refuses a body with too many values, wherever they are', async (t) => {
  const server = await startServer(t)
  const path = `/v1/sessions/${(await createSession(server)).id}`
  const many = (value: string) => `[${`${value},`.repeat(60_000)}${value}]`
  const named = Array.from({ length: 60_000 }, (_, at) => `"k${at}":0`).join()
  const text = '[{"type":"text","text":"Hi"}]'
  for (const [endpoint, body] of [
    ['messages', `{"message":{"content":${many('{}')}}}`],
    ['messages', `{"message":{"content":${text}},"metadata":{${named}}}`],
    ['messages', `{"message":{"content":${text}},"metadata":{"a":${many('"\\\\"')}}}`],
    ['tool-results', `{"tool_results":[{"tool_call_id":"a","result":${many('[]')}}]}`],
    ['tool-results', `{"tool_results":${'['.repeat(60_000)}`],
  ] as const) {
    const answer = await server.call('POST', `${path}/${endpoint}`, body)
    expectStatus(answer, 413, 'body_too_complex')
    assert.equal(answer.body.error, 'The body has more than 50000 values. Send large data as text.')
  }
})

test('does not count JSON syntax inside strings', async (t) => {
  const server = await startServer(t)
  const path = `/v1/sessions/${(await createSession(server)).id}/messages`
  for (const words of ['[{,'.repeat(60_000), '\\",'.repeat(60_000), '"[\\\\'.repeat(60_000)]) {
    const message = { content: [{ type: 'text', text: words }] }
    const { content } = expectStatus(await server.call('POST', path, { message }), 201)
    assert.equal(content[0].text, words)
  }
})

test('reports a list with too many items, not errors in its items', async (t) => {
  const server = await startServer(t)
  const path = `/v1/sessions/${(await createSession(server)).id}/messages`
  const message = { content: Array.from({ length: 1_001 }, () => ({})) }
  const { details } = expectStatus(await server.call('POST', path, { message }), 400)
  assert.deepEqual(details, [{ path: 'message/content', message: 'must have at most 1000 items' }])
})

test('reads 16 KiB of a body before the caller is known', async (t) => {
  const server = await startGuarded(t)
  const login = { email: 'a@example.com', password: 'x'.repeat(17 * 1024) }
  for (const path of ['login', 'register', 'refresh']) {
    const answer = await server.call('POST', `/v1/auth/${path}`, login)
    expectStatus(answer, 413, 'body_too_large')
  }
})

/** A request that declares a body of 16 MiB and sends none of it. */
function beginUpload(t: TestContext, url: string, authorization: string) {
  const headers = {
    authorization,
    'content-type': 'application/json',
    'content-length': 16 * mebibyte,
  }
  const sending: ClientRequest = request(url, { method: 'POST', headers, agent: false })
  sending.on('error', () => {})
  sending.flushHeaders()
  t.after(() => sending.destroy())
  const answered = once(sending, 'response').then(([response]) => response as IncomingMessage)
  return { answered, destroy: () => sending.destroy() }
}

test('bounds the bodies that a caller sends at once, and not those of others', async (t) => {
  const server = await startGuarded(t)
  const [one, other] = [await registerPerson(server), await registerPerson(server)]
  const [key, otherKey] = [await createKey(server, one), await createKey(server, other)]
  const session = await createSession({ url: server.url, call: one.call })
  const url = `${server.url}/v1/sessions/${session.id}/fs/a.txt`
  // 6 times 16 MiB are 96 MiB.
  const uploads = Array.from({ length: 7 }, () => beginUpload(t, url, key.key))
  const refused = await Promise.race(uploads.map(({ answered }) => answered))
  assert.equal(refused.statusCode, 429)
  assert.equal(refused.headers['retry-after'], '1')
  const small = { content: 'hi' }
  const big = { content: 'x'.repeat(100_000) }
  const path = `/v1/sessions/${session.id}/fs`
  expectStatus(await key.call('POST', `${path}/small.txt`, small), 201)
  expectStatus(await key.call('POST', `${path}/big.txt`, big), 429, 'too_many_uploads')
  expectStatus(await one.call('POST', `${path}/big.txt`, big), 201)
  const own = await createSession({ url: server.url, call: other.call })
  expectStatus(await otherKey.call('POST', `/v1/sessions/${own.id}/fs/big.txt`, big), 201)
  for (const { destroy } of uploads) destroy()
  await untilStatus(() => key.call('POST', `${path}/later.txt`, big), 201)
})

test('an upload whose client leaves while it is authenticated counts for nothing', async (t) => {
  const server = await startGuarded(t)
  const person = await registerPerson(server)
  const key = await createKey(server, person)
  const { id } = await createSession({ url: server.url, call: person.call })
  const locking = await connectTo(t, server.databaseUrl)
  await locking.query('begin; lock table api_keys in access exclusive mode')
  const path = `/v1/sessions/${id}/fs`
  const uploads = Array.from({ length: 6 }, () =>
    beginUpload(t, `${server.url}${path}/a.txt`, key.key),
  )
  await untilLocked(server.databaseUrl)
  for (const { answered, destroy } of uploads) {
    answered.catch(() => {})
    destroy()
  }
  // Answered after the server learned that the clients have left.
  for (let count = 0; count < 3; count += 1) await server.call('GET', '/health')
  await locking.query('rollback')
  await eventually(async () => (await lockWaits(server.databaseUrl)) === 0)
  expectStatus(await key.call('GET', `${path}`), 200)
  const big = { content: 'x'.repeat(100_000) }
  expectStatus(await key.call('POST', `${path}/later.txt`, big), 201)
})

/** Sends the head of a request that declares 2 MiB, and one byte of its body. */
function beginRequest(t: TestContext, url: string, headers: Record<string, string> = {}) {
  const { hostname, port, pathname } = new URL(url)
  const method = headers.accept ? 'GET' : 'POST'
  const begun = request({
    hostname,
    port,
    method,
    path: pathname,
    headers: {
      'content-type': 'application/json',
      'content-length': `${2 * mebibyte}`,
      ...headers,
    },
  })
  begun.on('error', () => {})
  begun.write('[')
  t.after(() => begun.destroy())
  return once(begun, 'response') as Promise<[IncomingMessage]>
}

test('large bodies of unknown routes, and lengths that streams declare, take nothing from others', async (t) => {
  const server = await startGuarded(t, { env: { CONNECTIONS_PER_ADDRESS: '2000' } })
  const person = await registerPerson(server)
  const { id } = await createSession(
    { url: server.url, call: person.call },
    {
      agent_id: expectStatus(await person.call('GET', '/v1/agents'), 200).data[0].id,
    },
  )
  const unknown = await Promise.all(
    Array.from({ length: 300 }, () => beginRequest(t, `${server.url}/nope`)),
  )
  assert.deepEqual([...new Set(unknown.map(([{ statusCode }]) => statusCode))], [404])
  const stream = { accept: 'text/event-stream', authorization: person.bearer }
  const streams = await Promise.all(
    Array.from({ length: 100 }, () =>
      beginRequest(t, `${server.url}/v1/sessions/${id}/sse`, stream),
    ),
  )
  assert.deepEqual([...new Set(streams.map(([{ statusCode }]) => statusCode))], [200])
  const message = { content: [{ type: 'text', text: 'x'.repeat(100_000) }] }
  expectStatus(await person.call('POST', `/v1/sessions/${id}/messages`, { message }), 201)
})
