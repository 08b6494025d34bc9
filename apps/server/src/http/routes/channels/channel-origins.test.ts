import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { expectStatus } from '../../../../test/access.ts'
import { newKey, openChannel } from '../../../../test/channel.ts'
import { beforeAll } from '../../../../test/hooks.ts'
import { startServer } from '../../../../test/server.ts'

let server: Awaited<ReturnType<typeof startServer>>

const [shop, own, stranger] = [
  'https://shop.example.com',
  'https://own.example.com',
  'https://stranger.example.com',
]

beforeAll(async (t) => {
  server = await startServer(t as TestContext, { env: { CORS_ALLOWED_ORIGINS: own } })
})

const open = (...allowed_origins: string[]) => openChannel(server, { config: { allowed_origins } })

/** Asks as a browser does before a request of a page. */
async function preflight(path: string, origin: string, method = 'POST') {
  const response = await fetch(server.url + path, {
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': method,
      'access-control-request-headers': 'authorization,content-type,end-user',
    },
  })
  return { status: response.status, headers: response.headers, text: await response.text() }
}

const allowedTo = ({ headers }: { headers: Headers }) => headers.get('access-control-allow-origin')

test('pages of an allowed origin call the channel, also to read why they are refused', async () => {
  const channel = await open(shop)
  const asked = await preflight(`${channel.base}/sessions`, shop)
  assert.deepEqual([asked.status, asked.text, allowedTo(asked)], [204, '', shop])
  assert.equal(asked.headers.get('vary'), 'Origin')
  assert.equal(asked.headers.get('access-control-allow-methods'), 'GET, POST')
  assert.match(asked.headers.get('access-control-allow-headers')!, /end-user/)
  assert.equal(asked.headers.get('access-control-allow-credentials'), null)
  const from = { origin: shop }
  const made = await channel.call('POST', '/sessions', {}, from)
  assert.deepEqual([made.status, allowedTo(made)], [201, shop])
  const exposed = 'x-request-id, retry-after, location, idempotent-replayed'
  assert.equal(made.headers.get('access-control-expose-headers'), exposed)
  assert.equal(made.headers.get('access-control-allow-credentials'), null)
  const refused = await channel.call('GET', '/sessions', undefined, { ...from, authorization: '' })
  assert.deepEqual([refused.status, allowedTo(refused)], [401, shop])
  const path = `${server.url}${channel.base}/sessions/${made.body.id}/sse`
  const abort = new AbortController()
  const headers = { ...channel.headers, ...from }
  const stream = await fetch(path, { headers, signal: abort.signal })
  assert.deepEqual([stream.status, allowedTo(stream)], [200, shop])
  abort.abort()
})

test('pages of other origins get no permission, and their requests have no effect', async () => {
  const channel = await open(shop)
  for (const origin of [stranger, `${shop}:8443`, 'http://shop.example.com', 'null', `${shop}.x`]) {
    const asked = await preflight(`${channel.base}/sessions`, origin)
    assert.deepEqual([asked.status, allowedTo(asked)], [403, null], origin)
    const made = await channel.call('POST', '/sessions', {}, { origin })
    expectStatus(made, 403, 'origin_not_allowed')
    assert.equal(allowedTo(made), null)
  }
  assert.deepEqual(expectStatus(await channel.call('GET', '/sessions'), 200).data, [])
})

test('an allowed origin reaches its channel only', async () => {
  const [channel, other] = [await open(shop), await open()]
  const paths = [
    `${other.base}/sessions`,
    '/v1/channels/appchan_00000000000000000000000000000000/sessions',
    `/v1/channels/${channel.id.toUpperCase()}/sessions`,
    `/v1/channels/${channel.id}x/sessions`,
    `/v1/agents?x=${channel.base}/sessions`,
    '/v1/agents',
    '/health',
  ]
  for (const path of paths) {
    const asked = await preflight(path, shop)
    assert.equal(allowedTo(asked), null, path)
    const answer = await server.call('GET', path, undefined, { ...channel.headers, origin: shop })
    assert.notEqual(answer.status, 200, path)
    assert.equal(allowedTo(answer), null, path)
  }
  const changed = { channel_config: { allowed_origins: [] } }
  expectStatus(await channel.manage('PATCH', '', changed), 200)
  assert.equal((await preflight(`${channel.base}/sessions`, shop)).status, 403)
})

test('origins of the settings of the server still reach every channel', async () => {
  const channel = await open(shop)
  const asked = await preflight(`${channel.base}/sessions`, own)
  assert.equal(allowedTo(asked), own)
  assert.equal(allowedTo(await channel.call('GET', '/sessions', undefined, { origin: own })), own)
})

test('all origins are allowed only while no key acts for end users', async () => {
  const channel = await open()
  const all = { channel_config: { allowed_origins: ['*'] } }
  const { details } = expectStatus(await channel.manage('PATCH', '', all), 400, 'invalid_request')
  assert.equal(details[0].path, 'channel_config/allowed_origins')
  const { secret } = await newKey(channel.manage, { permissions: ['sessions'] })
  expectStatus(await channel.manage('POST', `/keys/${channel.keyId}/revoke`), 200)
  expectStatus(await channel.manage('PATCH', '', all), 200)
  const asked = await preflight(`${channel.base}/sessions`, stranger)
  assert.deepEqual([asked.status, allowedTo(asked)], [204, '*'])
  const headers = { authorization: `Bearer ${secret}`, origin: stranger }
  const listed = await channel.call('GET', '/sessions', undefined, headers)
  assert.deepEqual([listed.status, allowedTo(listed)], [200, '*'])
  const key = { name: 'Users', permissions: ['sessions', 'end_user'] }
  const refused = expectStatus(await channel.manage('POST', '/keys', key), 400, 'invalid_request')
  assert.equal(refused.details[0].path, 'permissions')
})

test('refuses origins that no browser would send', async () => {
  const channel = await open()
  for (const origin of [
    'shop.example.com',
    `${shop}/`,
    `${shop}/path`,
    'https://Shop.example.com',
    'https://shop.example.com:443',
    'https://*.example.com',
    'ftp://shop.example.com',
    'null',
    'https://user@shop.example.com',
  ]) {
    const config = { channel_config: { allowed_origins: [shop, origin] } }
    const { details } = expectStatus(await channel.manage('PATCH', '', config), 400)
    assert.equal(details[0].path, 'channel_config/allowed_origins/1', origin)
  }
})
