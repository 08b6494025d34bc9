import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { inspect } from 'node:util'
import { createKey, registerPerson, startGuarded } from '../../../../apps/server/test/access.ts'
import { runSql } from '../../../../apps/server/test/database.ts'
import { beforeAll } from '../../../../apps/server/test/hooks.ts'
import { selfSigned } from '../../../../apps/server/test/remotes/certificate.ts'
import { reservePort } from '../../../../test/ports.ts'
import { type Fate, startProxy } from '../../test/http-proxy.ts'
import { createOutlast, isOutlastError, OutlastError } from '../index.ts'

let server: Awaited<ReturnType<typeof startGuarded>>
let person: Awaited<ReturnType<typeof registerPerson>>
beforeAll(async (t) => {
  server = await startGuarded(t as TestContext)
  person = await registerPerson(server)
})

/** Returns the OutlastError that a call rejects with. */
async function errorOf(call: PromiseLike<unknown>): Promise<OutlastError> {
  const error = await Promise.resolve(call).then(
    () => assert.fail('the call did not fail'),
    (thrown: unknown) => thrown,
  )
  assert.ok(error instanceof OutlastError, String(error))
  assert.ok(error.message.length > 10 && error.message.length < 200, error.message)
  return error
}

/** Returns the error of a call through a proxy that treats all requests alike. */
async function errorAfter(t: TestContext, fate: Fate, options: object = {}) {
  const { url } = await startProxy(t, server.url, () => fate)
  const apiKey = person.tokens.access_token
  const outlast = createOutlast({ url, apiKey, retriesMax: 0, ...options })
  return errorOf(outlast.agents.list())
}

test('distinguishes a missing, wrong and expired key', async () => {
  const withKey = (apiKey?: string) =>
    errorOf(createOutlast({ url: server.url, ...(apiKey && { apiKey }) }).agents.list())
  const none = await withKey()
  assert.deepEqual([none.status, none.code], [401, 'unauthenticated'])
  assert.match(none.requestId!, /\w{8}/)
  const { key } = await createKey(server, person)
  const wrong = await withKey(key.replace(/.$/, (last) => (last === '0' ? '1' : '0')))
  assert.deepEqual([wrong.status, wrong.code], [401, 'invalid_api_key'])
  const expiring = await createKey(server, person, { expires_in_days: 1 })
  await runSql(
    server.databaseUrl,
    `update api_keys set expires_at = now() - interval '1 second' where id = '${expiring.id}'`,
  )
  const expired = await withKey(expiring.key)
  assert.deepEqual([expired.status, expired.code], [401, 'api_key_expired'])
  const odd = await withKey('secret')
  assert.deepEqual([odd.status, odd.code], [401, 'invalid_token'])
})

test('calls a key function before each attempt', async (t) => {
  const { key } = await createKey(server, person)
  const { url, seen } = await startProxy(t, server.url, (_, at) =>
    at === 0 ? 'lose request' : 'pass',
  )
  const keys = ['old', key]
  const outlast = createOutlast({ url, apiKey: async () => `${keys.shift()}\n` })
  await outlast.agents.list()
  assert.deepEqual(
    seen.map(({ headers }) => headers.authorization),
    ['Bearer old', `Bearer ${key}`],
  )
})

test('returns the paths of invalid properties', async () => {
  const outlast = createOutlast({ url: server.url, apiKey: person.tokens.access_token })
  const error = await errorOf(outlast.agents.create({ name: '', system_prompt: 'x' }))
  assert.deepEqual([error.status, error.code], [400, 'invalid_request'])
  assert.match(error.details[0]!.path, /name/)
})

test('describes a refused connection', async () => {
  const port = await reservePort()
  const outlast = createOutlast({ url: `http://127.0.0.1:${port}`, retriesMax: 0 })
  const error = await errorOf(outlast.health.get())
  assert.deepEqual([error.status, error.code], [0, 'connection_failed'])
  assert.equal(error.message, `No connection to 127.0.0.1:${port}: the connection was refused.`)
})

test('names a host that does not exist', async () => {
  const outlast = createOutlast({ url: 'http://no-such-host.invalid', retriesMax: 0 })
  const error = await errorOf(outlast.health.get())
  assert.equal(error.code, 'connection_failed')
  assert.match(
    error.message,
    /no-such-host\.invalid: (the host was not found|the name of the host could not)/,
  )
})

test('fails at once for an untrusted certificate and without TLS', async (t) => {
  let requests = 0
  const tls = createTlsServer(selfSigned, (_, response) => {
    requests += 1
    response.end()
  })
  tls.listen(0, '127.0.0.1')
  await once(tls, 'listening')
  t.after(() => tls.close())
  const { port } = tls.address() as AddressInfo
  for (const url of [`https://127.0.0.1:${port}`, server.url.replace('http:', 'https:')]) {
    const error = await errorOf(createOutlast({ url }).health.get())
    assert.deepEqual([error.status, error.code], [0, 'tls_failed'], error.message)
  }
  assert.equal(requests, 0)
})

test('rejects a page of a proxy with status 200 or 502', async (t) => {
  const page = { headers: { 'content-type': 'text/html' }, body: '<h1>Welcome</h1>' }
  const fine = await errorAfter(t, { status: 200, ...page })
  assert.deepEqual([fine.status, fine.code], [200, 'not_outlast'])
  assert.match(fine.message, /text\/html/)
  const bad = await errorAfter(t, { status: 502, ...page })
  assert.deepEqual([bad.status, bad.code], [502, 'not_outlast'])
  assert.match(bad.message, /502 Bad Gateway/)
})

test('rejects a page instead of a file', async (t) => {
  const fate = { status: 200, headers: { 'content-type': 'text/html' }, body: '<h1>Welcome</h1>' }
  const { url } = await startProxy(t, server.url, () => fate)
  const outlast = createOutlast({ url })
  assert.equal((await errorOf(outlast.agents.export('agent_x'))).code, 'not_outlast')
  const entries = outlast.audit.export()
  assert.equal((await errorOf(entries.next())).code, 'not_outlast')
})

test('does not follow a redirect to a sign-in page', async (t) => {
  const location = 'https://login.example.com/start?secret=1'
  const error = await errorAfter(t, { status: 302, headers: { location } })
  assert.deepEqual([error.status, error.code], [302, 'not_outlast'])
  assert.match(error.message, /redirects the request to https:\/\/login\.example\.com\/start\./)
})

test('distinguishes interrupted, endless and missing responses', async (t) => {
  const broken = await errorAfter(t, 'break off')
  assert.deepEqual([broken.status, broken.code], [0, 'connection_failed'])
  assert.match(broken.message, /The response of 127\.0\.0\.1:\d+ was interrupted/)
  const lost = await errorAfter(t, 'lose request')
  assert.match(lost.message, /No connection to 127\.0\.0\.1:\d+: the connection was reset/)
  const cut = { status: 200, headers: { 'content-type': 'application/json' }, body: '{"data":[' }
  assert.equal((await errorAfter(t, cut)).code, 'connection_failed')
  const late = await errorAfter(t, 'silence', { timeoutMs: 50 })
  assert.deepEqual([late.status, late.code], [0, 'timeout'])
  assert.match(late.message, /within 50 ms/)
})

test('rejects an interrupted export', async (t) => {
  const body = '{"id":1}\n'
  const headers = { 'content-type': 'application/x-ndjson', 'content-length': '1000' }
  const begun = Promise.withResolvers<ServerResponse>()
  const broken = createServer((_request, response) => {
    response.writeHead(200, headers).write(body)
    begun.resolve(response)
  })
  broken.listen(0, '127.0.0.1')
  await once(broken, 'listening')
  t.after(() => {
    broken.closeAllConnections()
    broken.close()
  })
  const url = `http://127.0.0.1:${(broken.address() as AddressInfo).port}`
  const cut = createOutlast({ url }).audit.export()
  assert.equal(new TextDecoder().decode((await cut.next()).value as Uint8Array), body)
  const response = await begun.promise
  response.destroy()
  assert.equal((await errorOf(cut.next())).code, 'connection_failed')
  const silent = createOutlast({ url, timeoutMs: 1_000 }).audit.export()
  const read = async () => {
    for await (const _ of silent);
  }
  assert.equal((await errorOf(read())).code, 'timeout')
})

test('throws a TypeError for an invalid request and sends nothing', async (t) => {
  for (const url of ['localhost:9000', 'ftp://example.com', 'http://me:pw@example.com', '']) {
    assert.throws(() => createOutlast({ url }), TypeError)
  }
  assert.throws(() => createOutlast({ retriesMax: Number.NaN }), TypeError)
  const { url, seen } = await startProxy(t, server.url, () => 'pass')
  await assert.rejects(createOutlast({ url, apiKey: 'schlüssel✓' }).health.get(), TypeError)
  await assert.rejects(createOutlast({ url }).health.get({ timeoutMs: -1 }), TypeError)
  assert.deepEqual(seen, [])
})

test('never includes a key in an error', async () => {
  const secret = 'evr_secret'
  const refusing = ((_url, init) => {
    const [, value] = [...new Headers(init?.headers)].find(([name]) => name === 'authorization')!
    throw new TypeError('fetch failed', { cause: new TypeError(`Headers.append: "${value}"`) })
  }) as typeof fetch
  for (const options of [
    { apiKey: `${secret}\nx` },
    { organization: `${secret}✓` },
    { headers: { 'x-other': `${secret}\nx` } },
    { apiKey: secret, fetch: refusing },
  ]) {
    const outlast = createOutlast({ url: server.url, retriesMax: 0, ...options })
    const error = await outlast.health.get().then(
      () => assert.fail('it was sent'),
      (thrown: unknown) => thrown,
    )
    assert.doesNotMatch(inspect(error, { depth: 9 }), /evr_secret/)
    assert.match((error as Error).message, /cannot be sent|refused to send the request/)
  }
})

test('recognizes an error by its code, also of another copy of the package', () => {
  const error = new OutlastError('not_found', 'Agent not found')
  assert.ok(isOutlastError(error) && isOutlastError(error, 'not_found'))
  assert.ok(!isOutlastError(error, 'timeout'))
  assert.ok(isOutlastError(error, 'timeout', 'not_found'))
  assert.ok(isOutlastError({ name: 'OutlastError', code: 'timeout', message: 'Late.' }, 'timeout'))
  for (const other of [undefined, null, 'not_found', new Error('not_found')]) {
    assert.ok(!isOutlastError(other))
  }
})

test('rejects reading a directory and listing a file', async () => {
  const outlast = createOutlast({ url: server.url, apiKey: person.tokens.access_token })
  const agent = await outlast.agents.create({ name: 'Ada', system_prompt: 'x' })
  const { id } = await outlast.sessions.create({ agent_id: agent.id })
  await outlast.files.create(id, '/notes/a.txt', { content: 'x' })
  assert.equal((await errorOf(outlast.files.read(id, '/notes'))).code, 'not_a_file')
  assert.equal((await errorOf(outlast.files.list(id, '/notes/a.txt'))).code, 'not_a_directory')
})
