/** Limits of the connections of an address. */
import assert from 'node:assert/strict'
import http from 'node:http'
import { type TestContext, test } from 'node:test'
import { registerPerson, startGuarded } from '../../apps/server/test/access.ts'
import { eventually } from '../../apps/server/test/waiting.ts'
import { connect, get, parsed, type Wire } from './raw.ts'

const start = (t: TestContext, most: number, env: Record<string, string> = {}) =>
  startGuarded(t, { env: { CONNECTIONS_PER_ADDRESS: String(most), ...env } })

/**
 * Opens connections until one is refused. Each has had a response: before the first request it may
 * be idle for 10 s only.
 */
async function openAll(t: TestContext, url: string): Promise<Wire[]> {
  const open: Wire[] = []
  for (;;) {
    const wire = await connect(t, url)
    wire.socket.write('GET /v1/auth/config HTTP/1.1\r\nHost: x\r\n\r\n')
    const status = await eventually(async () => /^HTTP\/1\.1 (\d+) /.exec(wire.text())?.[1])
    if (status === '429') return open
    if (status === '200') open.push(wire)
  }
}

test('1,000 idle connections from one address refuse only further anonymous connections from it', async (t) => {
  const most = 20
  const server = await start(t, most)
  const person = await registerPerson(server)
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  t.after(() => agent.destroy())
  const signedIn = { agent, headers: { authorization: person.bearer } }
  assert.equal((await get(`${server.url}/v1/agents`, signedIn)).status, 200)

  const open = await openAll(t, server.url)
  assert.ok(open.length > 0 && open.length <= most, String(open.length))
  const others = Array.from({ length: 1_000 - open.length }, () => connect(t, server.url))
  for (const { ended } of await Promise.all(others)) {
    const { status, head, body } = parsed(await ended)
    assert.deepEqual([status, body.code], [429, 'too_many_connections'])
    assert.match(head, /content-type: application\/json/)
  }

  assert.equal((await get(`${server.url}/v1/agents`, signedIn)).status, 200)
  const elsewhere = { address: '127.0.0.2', headers: { authorization: person.bearer } }
  assert.equal((await get(`${server.url}/v1/agents`, elsewhere)).status, 200)
  const stranger = await get(`${server.url}/v1/auth/config`, { address: '127.0.0.1' })
  assert.equal(stranger.status, 429)
  for (const { socket } of open) socket.destroy()
  await eventually(async () => (await get(`${server.url}/v1/auth/config`)).status === 200)
})

test('a trusted proxy may hold any number of connections', async (t) => {
  const most = 5
  const server = await start(t, most, { TRUST_PROXY: '10.0.0.1,127.0.0.2/31' })
  const from = (address: string) =>
    Promise.all(Array.from({ length: most * 4 }, () => connect(t, server.url, address)))
  for (const address of ['127.0.0.2', '127.0.0.3']) await from(address)
  const proxied = { address: '127.0.0.2', headers: { 'x-forwarded-for': '203.0.113.1' } }
  assert.equal((await get(`${server.url}/v1/auth/config`, proxied)).status, 200)
  for (const { ended } of (await from('127.0.0.4')).slice(-1)) {
    assert.equal(parsed(await ended).body.code, 'too_many_connections')
  }
})
