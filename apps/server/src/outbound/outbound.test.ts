import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { createServer as createNetServer } from 'node:net'
import os from 'node:os'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Agent, getGlobalDispatcher, setGlobalDispatcher } from 'undici'
import { reservePort } from '../../../../test/ports.ts'
import {
  createKey,
  expectStatus,
  registerPerson,
  signInAdmin,
  startGuarded,
} from '../../test/access.ts'
import { fetchInTurn, startFetching } from '../../test/remotes/fetching.ts'
import { startNameServer } from '../../test/remotes/name-server.ts'
import { page, startSite } from '../../test/remotes/site.ts'
import { addVendorModel, startVendor } from '../../test/remotes/vendor.ts'
import { type Call, startServer } from '../../test/server.ts'
import { createAgent, createSession, post } from '../../test/session.ts'
import { follow } from '../../test/stream.ts'
import { readPrivateHost } from '../config/private-hosts.ts'
import { defaultOrganization } from '../store/models/seeds.ts'
import { createOutbound, privateHostCode } from './outbound.ts'
import { isPrivateHost } from './private-address.ts'

const caller = { orgId: defaultOrganization, purpose: 'web_fetch' as const }
const reachOf = (...entries: string[]) =>
  createOutbound(entries.map(readPrivateHost), []).reach(caller)

const privatePlaces = [
  'http://127.0.0.1:1/v1',
  'http://2130706433/v1',
  'http://0x7f.1/v1',
  'http://localhost:1/v1',
  'http://localhost.:1/v1',
  'http://[::1]/v1',
  'http://[::ffff:127.0.0.1]/v1',
  'http://10.0.0.8/v1',
  'http://169.254.169.254/latest/meta-data',
  'http://[fd00::1]/v1',
  'http://0.0.0.0/v1',
  `http://${os.hostname().split('.')[0]}/v1`,
]

test('refuses a provider in the private network', async (t) => {
  const person = await registerPerson(await startGuarded(t))
  for (const base_url of privatePlaces) {
    const fields = { name: 'Inside', provider_type: 'openai_completions', base_url }
    const answer = await person.call('POST', '/v1/llm-providers', fields)
    assert.equal(answer.status, 400, base_url)
    assert.equal(answer.body.details[0].path, 'base_url')
  }
})

/** Starts a server with one fixed response that counts requests. */
async function startPlace(
  t: TestContext,
  host: string,
  headers: Record<string, string>,
  status: number,
) {
  let asked = 0
  const server = createServer((request, response) => {
    asked += 1
    request.resume()
    response.writeHead(status, headers).end('{}')
  })
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  return { url: `http://${host}:${port}`, asked: () => asked, close: () => server.close() }
}

test('an allowed provider cannot redirect to other private addresses', async (t) => {
  const inside = await startPlace(t, '127.0.0.2', {}, 200)
  const allowed = await startPlace(t, '127.0.0.1', { location: `${inside.url}/v1/steal` }, 307)
  const env = { PRIVATE_HOSTS_ALLOWED: 'provider=127.0.0.1@*', MODEL_ATTEMPTS_MAX: '1' }
  const server = await startGuarded(t, { env })
  const { key, call } = await createKey(server, await registerPerson(server))
  const fields = {
    name: 'Mine',
    provider_type: 'openai_completions',
    base_url: `${allowed.url}/v1`,
  }
  const provider = expectStatus(await call('POST', '/v1/llm-providers', fields), 201)
  const model = expectStatus(
    await call('POST', `/v1/llm-providers/${provider.id}/models`, {
      model_id: 'm',
      display_name: 'M',
    }),
    201,
  )
  const mine = { url: server.url, call }
  const agent = await createAgent(mine, { default_model_id: model.id })
  const session = await createSession(mine, { agent_id: agent.id })
  const headers = { authorization: key }
  const stream = await follow(t, server.url, { sessionId: session.id, headers })
  await post(mine, session.id, 'Hello')
  await stream.event('turn.failed')
  assert.equal(allowed.asked(), 1)
  assert.equal(inside.asked(), 0)
})

const privateAddresses = `
  0.0.0.0 0.1.2.3 10.0.0.8 100.64.0.1 100.100.100.200 127.0.0.1 127.255.255.254 168.63.129.16 169.254.169.254
  172.16.0.1 172.31.255.255 192.0.0.192 192.0.2.1 192.88.99.1 192.168.0.1 198.18.0.1 198.51.100.1 203.0.113.1
  224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
  :: ::1 ::127.0.0.1 ::ffff:10.0.0.1 ::ffff:0:10.0.0.1 64:ff9b::10.0.0.1 64:ff9b:1::1 100::1 2001::1 2001:db8::1
  2002:7f00:1:: 3fff::1 4000::1 5f00::1 fc00::1 fd00:ec2::254 fe80::1 fec0::1 ff02::1`
const publicAddresses = '1.1.1.1 8.8.8.8 93.184.216.34 172.32.0.1 2606:4700::1111 2a00:1450:4001::1'

test('an address is public only when it is globally routable', () => {
  for (const address of privateAddresses.trim().split(/\s+/)) {
    assert.ok(isPrivateHost(address), address)
    if (address.includes(':')) assert.ok(isPrivateHost(`[${address}]`), address)
  }
  for (const address of publicAddresses.split(' ')) assert.ok(!isPrivateHost(address), address)
})

/** A fetch with a name server: one list of addresses per lookup, the last one from then on. */
async function withNames(t: TestContext, ...answers: string[][]) {
  let lookups = 0
  const server = await startNameServer(t, (_, family) => {
    const answer = answers[Math.min(lookups, answers.length - 1)]!
    // Each lookup asks for both families, IPv4 first.
    if (family === 6) lookups += 1
    return answer
  })
  return { fetch: createOutbound([], [], [server]).reach(caller), lookups: () => lookups }
}

test('refuses a name when any of its addresses is private', async (t) => {
  const inside = await startPlace(t, '127.0.0.1', {}, 200)
  const { port } = new URL(inside.url)
  for (const answer of [
    ['127.0.0.1'],
    ['93.184.216.34', '127.0.0.1'],
    ['::ffff:127.0.0.1'],
    ['fd00::1'],
  ]) {
    const { fetch } = await withNames(t, answer)
    await assert.rejects(fetch(`http://rebound.example:${port}/`), (error: Error) => {
      assert.equal((error.cause as NodeJS.ErrnoException).code, privateHostCode)
      return true
    })
  }
  assert.equal(inside.asked(), 0)
})

test('connects to the checked address without a second lookup', async (t) => {
  const inside = await startPlace(t, '127.0.0.1', {}, 200)
  const { fetch, lookups } = await withNames(t, ['93.184.216.34'], ['127.0.0.1'])
  const { port } = new URL(inside.url)
  const leaving = new AbortController()
  const { signal } = leaving
  const refused = assert.rejects(fetch(`http://rebinding.example:${port}/`, { signal }))
  while (lookups() === 0) await sleep(10)
  // Time for a connection, and for a second lookup before it.
  setTimeout(() => leaving.abort(), 500)
  await refused
  assert.equal(lookups(), 1)
  assert.equal(inside.asked(), 0)
})

test('names whose server does not answer delay no other name, and are asked for once', async (t) => {
  const questions: string[] = []
  const outcomes: string[] = []
  let endedBefore: number | undefined
  const server = await startNameServer(t, (name) => {
    questions.push(name)
    if (name === 'private.example') endedBefore ??= outcomes.length
    return name.endsWith('.silent.example') ? undefined : ['127.0.0.1']
  })
  const fetch = createOutbound([], [], [server]).reach(caller)
  const names = Array.from({ length: 100 }, (_, at) => `http://n${at}.silent.example/`)
  const silent = [...names, ...names].map((url) =>
    fetch(url).catch(({ cause }) => outcomes.push(cause.code)),
  )
  // With the system's lookup this name would wait for all others.
  await assert.rejects(fetch('http://private.example/'))
  assert.equal(endedBefore, 0)
  await Promise.all(silent)
  assert.deepEqual([...new Set(outcomes)], ['EAI_AGAIN'])
  const ofFirst = questions.filter((name) => name === 'n0.silent.example')
  assert.ok(ofFirst.length <= 4, `${ofFirst.length} questions: two families, two tries`)
})

test("one server's allowed addresses do not apply to another", async (t) => {
  const inside = await startPlace(t, '127.0.0.1', {}, 200)
  const [open, shut] = [reachOf('127.0.0.1'), reachOf()]
  assert.equal((await open(inside.url)).status, 200)
  await assert.rejects(shut(inside.url))
})

test("only the default organization uses the operator's keys", async (t) => {
  const server = await startGuarded(t, { env: { DEFAULT_OPENAI_API_KEY: 'sk-operator' } })
  const person = await registerPerson(server)
  const { data } = expectStatus(await person.call('GET', '/v1/llm-providers'), 200)
  assert.deepEqual(
    data.map(({ api_key_set }: { api_key_set: boolean }) => api_key_set),
    [false, false, false, false],
  )
})

/** Adds a URL as an MCP server and as a provider; returns both results. */
async function addAt(call: Call, url: string) {
  const mcp = await call('POST', '/v1/mcp-servers', { name: `At ${url}`, url: `${url}/mcp` })
  const fields = { name: 'At', provider_type: 'openai_completions', base_url: `${url}/v1` }
  const provider = await call('POST', '/v1/llm-providers', fields)
  return { mcp: mcp.status, provider: provider.status }
}

test('a private address is open for its purpose, port and organization only', async (t) => {
  const env = { PRIVATE_HOSTS_ALLOWED: 'mcp=127.0.0.1:3001,provider=127.0.0.1:3002@*' }
  const server = await startGuarded(t, { env })
  const admin = await signInAdmin(server)
  const person = await registerPerson(server)
  const mcpOnly = { mcp: 201, provider: 400 }
  const providerOnly = { mcp: 400, provider: 201 }
  const neither = { mcp: 400, provider: 400 }
  assert.deepEqual(await addAt(admin.call, 'http://127.0.0.1:3001'), mcpOnly)
  assert.deepEqual(await addAt(admin.call, 'http://127.0.0.1:3002'), providerOnly)
  assert.deepEqual(await addAt(admin.call, 'http://127.0.0.1:3003'), neither)
  assert.deepEqual(await addAt(person.call, 'http://127.0.0.1:3001'), neither)
  assert.deepEqual(await addAt(person.call, 'http://127.0.0.1:3002'), providerOnly)
})

test('an entry without a purpose applies to the default organization, with a warning at start', async (t) => {
  const output: string[] = []
  t.mock.method(process.stderr, 'write', (text: string) => output.push(text) > 0)
  const env = { PRIVATE_HOSTS_ALLOWED: '127.0.0.1,mcp=10.0.0.8:3001', LOG_LEVEL: 'warn' }
  const server = await startGuarded(t, { env })
  t.mock.restoreAll()
  const [warning] = output.filter((line) => line.includes('PRIVATE_HOSTS_ALLOWED'))
  assert.match(warning ?? '', /entries without a purpose or a port.*"entries":\["127.0.0.1"\]/)
  const [admin, person] = [await signInAdmin(server), await registerPerson(server)]
  const both = { mcp: 201, provider: 201 }
  assert.deepEqual(await addAt(admin.call, 'http://127.0.0.1:3001'), both)
  assert.deepEqual(await addAt(person.call, 'http://127.0.0.1:3001'), { mcp: 400, provider: 400 })
})

test('no setting opens the port of this server or of its database', async (t) => {
  const all = '127.0.0.1,localhost,0.0.0.0,::ffff:7f00:1,127.9.9.9'
  const server = await startFetching(t, { PRIVATE_HOSTS_ALLOWED: all })
  const site = await startSite(t, { '/': page('allowed') })
  const hosts = [
    '127.0.0.1',
    'localhost',
    '0.0.0.0',
    '[::ffff:127.0.0.1]',
    '127.9.9.9',
    '2130706433',
  ]
  const ports = [new URL(server.url).port, new URL(server.databaseUrl).port]
  const inputs = ports.flatMap((port) =>
    hosts.map((host) => ({ url: `http://${host}:${port}/v1/agents` })),
  )
  const outcomes = await fetchInTurn(t, { server }, { url: site.url }, ...inputs)
  assert.equal(outcomes.shift()!.result.content, 'allowed')
  for (const [at, { error }] of outcomes.entries()) {
    assert.match(error ?? '', /is not on the public internet and is not allowed/, inputs[at]!.url)
  }
})

test('other organizations get the same error for closed, refused and silent private ports', async (t) => {
  const hangUp = createNetServer((socket) => socket.destroy()).listen(0, '127.0.0.1')
  await once(hangUp, 'listening')
  t.after(() => hangUp.close())
  const env = { PRIVATE_HOSTS_ALLOWED: '127.0.0.1@*' }
  const server = await startGuarded(t, { env })
  const { call } = await registerPerson(server)
  const places = [
    server.url,
    `http://127.0.0.1:${await reservePort()}`,
    `http://127.0.0.1:${(hangUp.address() as AddressInfo).port}`,
  ]
  const told = new Set<string>()
  for (const url of places) {
    const added = expectStatus(await call('POST', '/v1/mcp-servers', { name: url, url }), 201)
    const { message } = expectStatus(await call('POST', `/v1/mcp-servers/${added.id}/test`), 200)
    const fields = { name: 'At', provider_type: 'openai_completions', base_url: url }
    const provider = expectStatus(await call('POST', '/v1/llm-providers', fields), 201)
    const models = await call('POST', `/v1/llm-providers/${provider.id}/sync-models`)
    told.add(JSON.stringify([message.replace(url, ''), models.status, models.body.error]))
  }
  assert.equal(told.size, 1, [...told].join('\n'))
})

/** The clock of undici, whose own time limits are 300 s. */
const { tick } = createRequire(import.meta.url)('undici/lib/util/timers.js') as {
  tick: (ms: number) => void
}
/** A timer counts from the first tick after its start. */
const passSixMinutes = () => {
  tick(1_000)
  tick(360_000)
}

test('a server may take longer than five minutes for its headers, and for its body', async (t) => {
  const held = Promise.withResolvers<ServerResponse>()
  const site = await startSite(t, { '/': (_, response) => held.resolve(response) })
  const answer = reachOf('127.0.0.1')(site.url)
  const response = await held.promise
  passSixMinutes()
  response.write('late')
  const { body } = await answer
  passSixMinutes()
  response.end('r')
  assert.equal(await new Response(body).text(), 'later')
})

test('a model may take longer than five minutes for its first token', async (t) => {
  const server = await startServer(t)
  const held = Promise.withResolvers<void>()
  const asked = Promise.withResolvers<void>()
  const vendor = await startVendor(t, async () => {
    asked.resolve()
    await held.promise
    return { text: 'late' }
  })
  await addVendorModel(server, vendor)
  const session = await createSession(server)
  const stream = await follow(t, server.url, { sessionId: session.id })
  // The stream of this test keeps the usual one, and its clock.
  const usual = getGlobalDispatcher()
  setGlobalDispatcher(new Agent())
  t.after(() => setGlobalDispatcher(usual))
  await post(server, session.id, 'Hello')
  await asked.promise
  passSixMinutes()
  held.resolve()
  await stream.event('turn.completed')
  assert.equal(vendor.requests.length, 1)
})
