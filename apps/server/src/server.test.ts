/** Servers inside another program. */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createOutlast } from '@outlast/sdk'
import { adminEmail, adminPassword } from '../test/access.ts'
import { createTestDatabase, queryRows } from '../test/database.ts'
import { embed, settingsFor } from '../test/processes/embedded-server.ts'
import { writeProject } from '../test/processes/project-files.ts'
import { createSession, scripted } from '../test/session.ts'
import { framesOf } from '../test/stream.ts'
import { defineConfig, type Settings } from './authoring/config.ts'
import { createServer } from './server.ts'

const ada = { name: 'Ada', system_prompt: 'You are Ada.' }

test('runs two servers with different databases in one process', async (t) => {
  const one = await embed(t)
  const other = await embed(t)
  assert.notEqual(one.url, other.url)
  const agent = await one.client.agents.create(ada)
  assert.equal((await one.client.agents.get(agent.id)).name, 'Ada')
  await assert.rejects(other.client.agents.get(agent.id), { code: 'not_found' })
  assert.equal((await fetch(`${one.url}/v1/agents/${agent.id}`)).status, 200)
  assert.equal((await fetch(`${other.url}/v1/agents/${agent.id}`)).status, 404)
  await one.stop()
  assert.equal((await other.client.agents.create(ada)).name, 'Ada')
  const after = await one.fetch(`${one.url}/v1/agents`)
  assert.equal(after.status, 503)
  assert.equal(await codeOf(after), 'shutting_down')
})

type Embedded = Awaited<ReturnType<typeof embed>>

const codeOf = async (response: Response) => ((await response.json()) as { code: string }).code

const guarded = {
  AUTH_MODE: 'full',
  AUTH_ADMIN_EMAIL: adminEmail,
  AUTH_ADMIN_PASSWORD: adminPassword,
} as const

const callOf =
  (server: Pick<Embedded, 'fetch' | 'url'>) =>
  async (method: string, path: string, body?: unknown) => {
    const response = await server.fetch(server.url + path, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    return {
      status: response.status,
      body: text === '' ? '' : JSON.parse(text),
      headers: response.headers,
    }
  }

const metricsToken = 'a-token-of-this-test'

/** Waits until a server has a number of open streams. */
async function untilStreams(server: Pick<Embedded, 'fetch' | 'url'>, count: number) {
  const headers = { authorization: `Bearer ${metricsToken}` }
  for (;;) {
    const response = await server.fetch(`${server.url}/metrics`, { headers })
    assert.equal(response.status, 200)
    const text = await response.text()
    if (new RegExp(`^\\w*sse_clients ${count}$`, 'm').test(text)) return
    await sleep(20)
  }
}

test('streams events through fetch without a TCP port, and ends the stream at an abort', async (t) => {
  const server = await embed(t, { port: false, settings: { METRICS_TOKEN: metricsToken } })
  const { id } = await createSession({ call: callOf(server), url: server.url })
  const ending = new AbortController()
  const events = `${server.url}/v1/sessions/${id}/sse`
  const response = await server.fetch(events, { signal: ending.signal })
  assert.match(response.headers.get('content-type')!, /^text\/event-stream/)
  const frames = framesOf(response)
  assert.equal((await frames.next()).value?.event, 'connected')
  const text = scripted({ text: 'Hello from inside, in parts.', tokens_per_second: 20, chunk: 4 })
  const seen: (string | undefined)[] = []
  // A reply that ends before the stream has its start sends no deltas.
  while (!seen.includes('output.message.delta')) {
    await server.client.messages.create(id, { message: { content: [{ type: 'text', text }] } })
    do {
      const { value, done } = await frames.next()
      assert.ok(!done, String(seen))
      seen.push(value?.event)
    } while (seen.at(-1) !== 'session.idled')
  }
  const other = await server.fetch(events)
  await untilStreams(server, 2)
  await other.body!.cancel()
  await untilStreams(server, 1)
  ending.abort(new Error('enough'))
  await assert.rejects(frames.next(), /enough/)
  await untilStreams(server, 0)
  await assert.rejects(server.fetch(events, { signal: ending.signal }), /enough/)
})

test('answers a request through fetch once there is a folder for its socket', async (t) => {
  const server = await embed(t)
  const { TMPDIR = '' } = process.env
  process.env.TMPDIR = '/tmp/none'
  await assert.rejects(server.fetch(`${server.url}/health`), { code: 'ENOENT' }).finally(() => {
    process.env.TMPDIR = TMPDIR
  })
  assert.equal((await server.fetch(`${server.url}/health`)).status, 200)
})

test('sends bodies in both directions and keeps the headers of requests through fetch', async (t) => {
  const settings = { ALLOWED_HOSTS: ['app.example.com'], METRICS_TOKEN: metricsToken }
  const server = await embed(t, { port: false, settings })
  const { id } = await createSession({ call: callOf(server), url: server.url })
  const content = 'x'.repeat(1_500_000)
  const parts = [`{"content":"`, content, `"}`].map((part) => new TextEncoder().encode(part))
  const body = new ReadableStream({
    pull(controller) {
      const part = parts.shift()
      if (part) controller.enqueue(part)
      else controller.close()
    },
  })
  const made = await server.fetch(`https://app.example.com/v1/sessions/${id}/fs/a.txt`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: 'https://app.example.com' },
    body,
    duplex: 'half',
  } as RequestInit)
  assert.equal(made.status, 201, await made.text())
  const read = await server.fetch(new Request(`${server.url}/v1/sessions/${id}/fs/a.txt`))
  assert.equal(((await read.json()) as { content: string }).content, content)
  const refused: [string, RequestInit, string][] = [
    ['https://attacker.example.com', {}, 'host_not_allowed'],
    [server.url, { headers: { host: 'attacker.example.com' } }, 'host_not_allowed'],
    [server.url, { headers: { origin: 'https://attacker.example.com' } }, 'origin_not_allowed'],
  ]
  for (const [base, init, code] of refused) {
    const response = await server.fetch(`${base}/v1/agents`, init)
    assert.deepEqual([response.status, await codeOf(response)], [403, code])
  }
  const redirect = await server.fetch(`${server.url}/swagger-ui`)
  await redirect.text()
  assert.deepEqual([redirect.status, redirect.headers.get('location')], [302, '/docs'])
  const head = await server.fetch(`${server.url}/health`, { method: 'HEAD' })
  assert.deepEqual([head.status, await head.text()], [200, ''])
  const large = await server.fetch(`${server.url}/v1/agents`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: `"${'x'.repeat(3 * 1024 * 1024)}"`,
  })
  assert.equal(await codeOf(large), 'body_too_large')
  for (const length of ['10', '100']) {
    const wrong = { 'content-type': 'application/json', 'content-length': length }
    const init = { method: 'POST', headers: wrong, body: JSON.stringify(ada) }
    await assert.rejects(server.fetch(`${server.url}/v1/agents`, init), (error: Error) => {
      assert.match(String(error.cause), /its Content-Length is 10/)
      return true
    })
  }
})

test('answers requests of another HTTP server through its handler', async (t) => {
  const server = await embed(t, { port: false })
  const outer = createHttpServer((request, response) => {
    const { url = '' } = request
    if (!url.startsWith('/agents-api')) return void response.end('outer')
    request.url = url.slice('/agents-api'.length)
    server.handler(request, response)
  })
  await new Promise<void>((listening) => outer.listen(0, '127.0.0.1', listening))
  t.after(() => {
    outer.closeAllConnections()
    outer.close()
  })
  const url = `http://127.0.0.1:${(outer.address() as AddressInfo).port}/agents-api`
  assert.equal(await (await fetch(url.replace('/agents-api', '/'))).text(), 'outer')
  const outlast = createOutlast({ url })
  const agent = await outlast.agents.create(ada)
  const { id } = await outlast.sessions.create({ agent_id: agent.id })
  const reply = await outlast.session(id).send(scripted({ text: 'Through the handler.' }))
  assert.equal(reply.text, 'Through the handler.')
  await server.stop()
  const after = await fetch(`${url}/v1/agents`)
  assert.deepEqual([after.status, await codeOf(after)], [503, 'shutting_down'])
})

test('answers other machines through its handler only if it may', async (t) => {
  const start = async (settings: Settings) => {
    const server = await embed(t, { port: false, settings: { LOG_LEVEL: 'silent', ...settings } })
    const outer = createHttpServer((request, response) => {
      Object.defineProperty(request.socket, 'remoteAddress', { value: request.headers.from })
      server.handler(request, response)
    })
    await new Promise<void>((listening) => outer.listen(0, '127.0.0.1', listening))
    t.after(() => outer.close())
    const url = `http://localhost:${(outer.address() as AddressInfo).port}/v1/agents`
    return async (from: string) =>
      (await fetch(url, { headers: { from, connection: 'close' } })).status
  }
  const open = await start({})
  for (const from of ['203.0.113.7', '::ffff:203.0.113.7', '2001:db8::1', '127.0.0.1.example'])
    assert.equal(await open(from), 403, from)
  for (const from of ['127.0.0.1', '::ffff:127.0.0.1', '::1'])
    assert.equal(await open(from), 200, from)
  assert.equal(await (await start({ ALLOW_OPEN_ACCESS: true }))('203.0.113.7'), 200)
  assert.equal(await (await start(guarded))('203.0.113.7'), 401)
})

test('warns at the start when every request through fetch has full access', async (t) => {
  const lines: string[] = []
  t.mock.method(process.stderr, 'write', (text: string) => lines.push(text) > 0)
  const warnings = () => lines.filter((line) => line.includes('passes to `fetch` has full access'))
  await embed(t, { port: false, settings: { LOG_LEVEL: 'warn' } })
  assert.equal(warnings().length, 1)
  await embed(t, { port: false, settings: { LOG_LEVEL: 'warn', ALLOW_OPEN_ACCESS: true } })
  await embed(t, { port: false, settings: { LOG_LEVEL: 'warn', ...guarded } })
  await embed(t, { settings: { LOG_LEVEL: 'warn' } })
  assert.equal(warnings().length, 1)
})

test('refuses a request whose body another part of the program has read', async (t) => {
  const server = await embed(t, { port: false, settings: { LOG_LEVEL: 'silent' } })
  const outer = createHttpServer(async (request, response) => {
    for await (const _ of request);
    server.handler(request, response)
  })
  await new Promise<void>((listening) => outer.listen(0, '127.0.0.1', listening))
  t.after(() => outer.close())
  const url = `http://127.0.0.1:${(outer.address() as AddressInfo).port}/v1/agents`
  const headers = { 'content-type': 'application/json', connection: 'close' }
  const sent = await fetch(url, { method: 'POST', headers, body: JSON.stringify(ada) })
  assert.deepEqual([sent.status, await codeOf(sent)], [500, 'internal_error'])
  assert.equal((await fetch(url, { headers })).status, 200)
})

test('gives the client of the process full access in every mode, and no other client', async (t) => {
  const { client, url, fetch: send } = await embed(t, { settings: guarded, port: false })
  const agent = await client.agents.create(ada)
  const session = await client.sessions.create({ agent_id: agent.id })
  const reply = await client.session(session).send(scripted({ text: 'Hello.' }))
  assert.equal(reply.text, 'Hello.')
  assert.equal((await client.auth.getMe()).name, 'Server')
  const [entry] = (await client.audit.list({ action: 'create_agent' })).data
  assert.deepEqual(
    [entry?.actor_type, entry?.actor_name, entry?.address],
    ['server', 'Server', null],
  )
  const key = client.apiKeys.create({ name: 'No' })
  await assert.rejects(key, { code: 'account_required', status: 403 })
  for (const authorization of ['Bearer process_', `Bearer process_${'a'.repeat(43)}`]) {
    const response = await send(`${url}/v1/agents`, { headers: { authorization } })
    assert.deepEqual([response.status, await codeOf(response)], [401, 'invalid_token'])
  }
  assert.equal((await send(`${url}/v1/agents`)).status, 401)
})

test('makes session tokens with the client of the process, which end when it deletes them', async (t) => {
  const { client, url, fetch: send } = await embed(t, { settings: guarded, port: false })
  const agent = await client.agents.create(ada)
  const { id } = await client.sessions.create({ agent_id: agent.id })
  const other = await client.sessions.create({ agent_id: agent.id })
  const made = await client.sessions.createToken(id, { access: 'write' })
  const customer = createOutlast({ url, fetch: send, apiKey: made.token })
  const reply = await customer.session(id).send('Hello')
  assert.equal(reply.outcome, 'completed')
  await assert.rejects(customer.sessions.get(other.id), { code: 'not_found' })
  await assert.rejects((async () => customer.agents.list())(), { code: 'users_only' })
  await client.sessions.revokeToken(id, made.id)
  for (;;) {
    const ended = await customer.sessions.get(id).then(
      () => undefined,
      (error) => error,
    )
    if (ended?.code === 'invalid_token') break
    await sleep(20)
  }
})

test('limits requests without a client address by their failures, and trusts a named proxy', async (t) => {
  const limits = { ...guarded, RATE_LIMIT_ADDRESS: 6 }
  const server = await embed(t, { settings: limits, port: false })
  const ask = (to: Embedded, headers: Record<string, string> = {}) =>
    to.fetch(`${to.url}/v1/agents`, { headers })
  const login = { email: adminEmail, password: adminPassword }
  const signIn = (to: Embedded, headers: Record<string, string> = {}) =>
    to.fetch(`${to.url}/v1/auth/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(login),
    })
  const tokens = (await (await signIn(server)).json()) as { access_token: string }
  const authorization = `Bearer ${tokens.access_token}`
  const statuses = async (to: Embedded, times: number, headers: Record<string, string>) => {
    const all: number[] = []
    for (let time = 0; time < times; time++) all.push((await ask(to, headers)).status)
    return all
  }
  assert.deepEqual(new Set(await statuses(server, 12, { authorization })), new Set([200]))
  const failures = await statuses(server, 12, { authorization: 'Bearer wrong' })
  // While this process pauses, the limit allows a request each ten seconds.
  assert.deepEqual([failures[0], failures.includes(429)], [401, true])
  assert.equal((await ask(server, { authorization })).status, 200)
  const channels: number[] = []
  const channel = `${server.url}/v1/channels/appchan_${'0'.repeat(32)}/sessions`
  for (let time = 0; time < 12; time++) channels.push((await server.fetch(channel)).status)
  assert.ok(channels.includes(429))
  for (let time = 0; time < 12; time++) await server.client.agents.list()
  const proxied = { ...limits, TRUST_PROXY: ['10.0.0.0/8'] }
  const other = await embed(t, { settings: proxied, port: false })
  const from = (address: string) => ({ 'x-forwarded-for': address })
  await statuses(other, 12, from('203.0.113.7'))
  for (const address of ['203.0.113.7', '203.0.113.7, 10.0.0.1'])
    assert.ok((await statuses(other, 3, from(address))).includes(429), address)
  assert.equal((await ask(other, from('203.0.113.7, 203.0.113.8'))).status, 401)
  assert.equal((await signIn(other, from('203.0.113.9'))).status, 200)
  const [entry] = (await other.client.audit.list({ action: 'login' })).data
  assert.equal(entry?.address, '203.0.113.9')
  const spoofed = await signIn(server, from('203.0.113.9'))
  assert.ok([200, 429].includes(spoofed.status))
  const addresses = (await server.client.audit.list({ action: 'login' })).data
  assert.deepEqual(new Set(addresses.map(({ address }) => address)), new Set([null]))
})

test('rejects with the reason when it cannot start, and leaves nothing running', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  const noProject = writeProject(t, { 'agents/broken.md': '---\nname: [\n---\n' })
  const wrong: [Parameters<typeof createServer>[0], RegExp][] = [
    [{ settings: { WORKER_SLOTS: 0 } }, /WORKER_SLOTS must be a whole number/],
    [{ settings: { WORKER_SLOT: 1 } as object }, /WORKER_SLOT is not a setting/],
    [{ settings: { ALLOWED_HOSTS: [1] as never } }, /ALLOWED_HOSTS must be text/],
    [{ config: { settings: {} } }, /config is defined as a plain object: use defineConfig/],
    [{ config: defineConfig({ settings: { WORKER_SLOTS: 1_000_000 } }) }, /WORKER_SLOTS must/],
    [{ config: defineConfig({}), project: '.' }, /Give `config` or `project`, not both/],
    [{ project: `${noProject}/none` }, /The folder .*none of `project` does not exist/],
    [{ confg: defineConfig({}) } as object, /`confg` is no option of createServer: use config/],
    [{ project: noProject }, /agents\/broken.md/],
    [{ port: Number(new URL((await embed(t)).url).port) }, /EADDRINUSE/],
    [{ settings: { DATABASE_URL: 'postgres://127.0.0.1:1/none' } }, /ECONNREFUSED/],
  ]
  for (const [options, reason] of wrong) {
    const all = { ...settingsFor(databaseUrl), ...options!.settings }
    await assert.rejects(createServer({ ...options, settings: all }), reason)
  }
  const open = `select 1 from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`
  while ((await queryRows(databaseUrl, open)).length > 0) await sleep(20)
})

test('takes settings of the call before the environment, and the environment before the config', async (t) => {
  const config = defineConfig({
    settings: { QUOTA_SESSIONS: 1, SHUTDOWN_GRACE_MS: 1_000, ALLOWED_HOSTS: ['of-config.test'] },
  })
  process.env.ALLOWED_HOSTS = 'of-environment.test'
  process.env.CORS_ALLOWED_ORIGINS = 'https://of-environment.test'
  t.after(() => {
    delete process.env.ALLOWED_HOSTS
    delete process.env.CORS_ALLOWED_ORIGINS
  })
  const own = { CORS_ALLOWED_ORIGINS: ['https://of-call.test', 'https://second.test'] }
  const { fetch: send, url } = await embed(t, { config, settings: own, port: false })
  const status = async (base: string, origin?: string) =>
    (await send(`${base}/health`, { headers: { ...(origin && { origin }) } })).status
  assert.equal(await status('http://of-environment.test'), 200)
  assert.equal(await status('http://of-config.test'), 403)
  assert.equal(await status(url, 'https://second.test'), 200)
  assert.equal(await status(url, 'https://of-environment.test'), 403)
})

test('loads the project of a folder', async (t) => {
  const project = writeProject(t, { 'agents/support.md': '---\nname: Support\n---\nBe kind.' })
  const { client } = await embed(t, { project, port: false })
  const names = (await client.agents.list()).data.map(({ name }) => name)
  assert.ok(names.includes('Support'), String(names))
})

test('adds no handlers to the process, and removes its socket', async (t) => {
  const names = ['SIGINT', 'SIGTERM', 'uncaughtException', 'unhandledRejection', 'beforeExit']
  const counts = () => names.map((name) => process.listenerCount(name))
  const before = counts()
  const { TMPDIR } = process.env
  const folder = writeProject(t, {})
  const sockets = () => readdirSync(folder).filter((name) => name.startsWith('outlast-')).length
  t.after(() => {
    if (TMPDIR === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = TMPDIR
  })
  process.env.TMPDIR = folder
  const server = await embed(t, { port: false })
  await server.client.agents.list()
  assert.deepEqual(counts(), before)
  assert.equal(sockets(), 1)
  await server.stop()
  assert.equal(sockets(), 0)
  assert.deepEqual(counts(), before)
})
