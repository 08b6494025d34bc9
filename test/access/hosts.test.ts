/** Host headers of pages with a name rebound to this machine, and lookalikes of loopback names. */
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { startGuarded } from '../../apps/server/test/access.ts'
import { beforeAll } from '../../apps/server/test/hooks.ts'
import { type Call, startServer } from '../../apps/server/test/server.ts'
import { connect, parsed } from './raw.ts'

type Server = { url: string; call: Call }

const hostile = [
  'evil.example',
  '127.0.0.1.evil.example',
  '127.0.0.1.evil.example:PORT',
  '127.evil.com',
  '127.x',
  '127.',
  '127.1.evil.com:PORT',
  '127.0.0.1.nip.io',
  '127.0.0.1.',
  '127.0.0.1.:PORT',
  'localhost.',
  'localhost.evil.com',
  'a.localhost',
  'xlocalhost',
  'LOCALHOST.EVIL.COM',
  '127.0.0.1@evil.example',
  'user@127.0.0.1',
  'user:password@127.0.0.1:PORT',
  'evil.example#@127.0.0.1',
  '127.0.0.1/evil.example',
  '127.0.0.1\\evil.example',
  '127.0.0.1,evil.example',
  '127.0.0.1 evil.example',
  'http://127.0.0.1',
  '[::1].evil',
  '[::1].evil:PORT',
  '[::1',
  '::1',
  '[::1]]',
  '[::1%25lo]',
  '[::ffff:127.0.0.1]',
  '[::ffff:7f00:1]',
  '[::]',
  '0.0.0.0',
  '0177.0.0.1',
  '0x7f.0.0.1',
  '0x7f000001',
  '2130706433',
  '127.1',
  '127.0.1',
  '127.0.0.256',
  '127.0.0.1.1',
  '127.0.0.1:PORT:PORT',
  '127.0.0.1:x',
  '127.0.0.1:-1',
  '127.0.0.1:99999',
  '127.0.0.1:000000080',
  '127.0.0.1:80evil.example',
  '１２７.0.0.1',
  '',
]

const loopback = [
  '127.0.0.1',
  '127.0.0.1:PORT',
  '127.255.255.254',
  'localhost',
  'LocalHost:PORT',
  '[::1]',
  '[::1]:PORT',
]

/** The status of a GET with this Host, and whether the error names the Host as the reason. */
async function ask(t: TestContext, { url }: Server, { host, path }: Asked) {
  const { socket, ended } = await connect(t, url)
  const named = host.replaceAll('PORT', new URL(url).port)
  socket.write(`GET ${path} HTTP/1.1\r\nhost: ${named}\r\nconnection: close\r\n\r\n`)
  const text = await ended
  const status = Number(text.split(' ')[1])
  return { status, code: status < 400 ? undefined : (parsed(text).body.code as string) }
}

type Asked = { host: string; path: string }

const refusal = { status: 403, code: 'host_not_allowed' }
const served = { status: 200, code: undefined }

let server: Server

beforeAll(async (t) => {
  server = await startServer(t as TestContext)
})

describe('without authentication', () => {
  for (const host of hostile) {
    test(`refuses the Host header ${JSON.stringify(host)}`, async (t) => {
      for (const path of ['/v1/agents', '/metrics', '/health', '/']) {
        assert.deepEqual(await ask(t, server, { host, path }), refusal, path)
      }
    })
  }

  for (const host of loopback) {
    test(`serves the Host header ${host}`, async (t) => {
      for (const path of ['/v1/agents', '/metrics', '/health']) {
        assert.deepEqual(await ask(t, server, { host, path }), served, path)
      }
    })
  }

  test('refuses a request of HTTP/1.0 without a Host header', async (t) => {
    const { socket, ended } = await connect(t, server.url)
    socket.write('GET /v1/agents HTTP/1.0\r\n\r\n')
    assert.equal(parsed(await ended).body.code, 'host_not_allowed')
  })
})

const list = 'Agents.example.com, 10.0.0.5:9000,[fd00::7]:443'
const listed = ['agents.example.com', 'AGENTS.EXAMPLE.COM:8443', '10.0.0.5:9000', '[fd00::7]:443']
const unlisted = [
  'evil.example',
  'agents.example.com.evil.example',
  'x.agents.example.com',
  'agents.example.com.',
  '10.0.0.5',
  '10.0.0.5:9001',
  '[fd00::7]',
  '127.0.0.1.evil.example',
]

/**
 * Requests with every kind of Host to a server with `ALLOWED_HOSTS`. `/health` needs no credential.
 */
async function expectListApplies(t: TestContext, guarded: Server) {
  for (const host of [...listed, ...loopback]) {
    assert.deepEqual(await ask(t, guarded, { host, path: '/health' }), served, host)
  }
  for (const host of unlisted) {
    for (const path of ['/health', '/v1/agents', '/metrics']) {
      assert.deepEqual(await ask(t, guarded, { host, path }), refusal, host)
    }
  }
}

test('ALLOWED_HOSTS adds host names to a server without authentication', async (t) => {
  await expectListApplies(t, await startServer(t, { env: { ALLOWED_HOSTS: list } }))
})

test('ALLOWED_HOSTS applies to a server with open access', async (t) => {
  const env = { ALLOWED_HOSTS: list, ALLOW_OPEN_ACCESS: 'true' }
  await expectListApplies(t, await startServer(t, { env }))
})

test('ALLOWED_HOSTS applies with authentication', async (t) => {
  await expectListApplies(t, await startGuarded(t, { env: { ALLOWED_HOSTS: list } }))
})

test('without ALLOWED_HOSTS a server with open access serves every Host header', async (t) => {
  const open = await startServer(t, { env: { ALLOW_OPEN_ACCESS: 'true' } })
  const host = 'agents.example.com'
  assert.deepEqual(await ask(t, open, { host, path: '/v1/agents' }), served)
  assert.equal((await ask(t, open, { host, path: '/metrics' })).code, 'metrics_private')
})

test('sends cross-origin-opener-policy with every response', async () => {
  const { call } = server
  for (const path of ['/', '/docs/', '/v1/agents', '/nowhere', '/health', '/v1/sessions/%zz']) {
    const { headers } = await call('GET', path)
    assert.equal(headers.get('cross-origin-opener-policy'), 'same-origin', path)
  }
})
