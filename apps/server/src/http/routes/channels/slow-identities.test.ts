import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { type TestContext, test } from 'node:test'
import { expectStatus } from '../../../../test/access.ts'
import { channelClient, openChannel } from '../../../../test/channel.ts'
import { beforeAll } from '../../../../test/hooks.ts'
import { openPort } from '../../../../test/remotes/token-issuer.ts'
import { startServer } from '../../../../test/server.ts'
import { eventually } from '../../../../test/waiting.ts'

let server: Awaited<ReturnType<typeof startServer>>

beforeAll(async (t) => {
  const env = { PRIVATE_HOSTS_ALLOWED: 'identity=127.0.0.1', TRUST_PROXY: '127.0.0.1' }
  server = await startServer(t as TestContext, { env })
})

/** Opens a channel whose tokens a provider at an address introspects. */
async function openTo(url: string) {
  const method = {
    mode: 'oauth2_introspection',
    provider: { introspection_url: url, client_id: 'outlast' },
  }
  const channel = await openChannel(server, { config: { auth_methods: [method] } })
  return (token: string) => channelClient(server.url, channel.id, token)
}

test('a stream stays while its identity provider fails, and ends once it refuses the token', async (t) => {
  let mode: 'good' | 'down' | 'refused' = 'good'
  const port = await openPort(t, (_request, response) => {
    if (mode === 'down') response.statusCode = 503
    const exp = Date.now() / 1000 + 5
    response.end(JSON.stringify({ active: mode === 'good', sub: 'ada', exp }))
  })
  const by = await openTo(port.url)
  const ada = by('opaque')
  const stream = await ada.follow(t, await ada.create())
  mode = 'down'
  const known = port.requests.length
  await eventually(async () => port.requests.length >= known + 2)
  mode = 'refused'
  await stream.ended
})

test('unknown tokens of one network leave the identity provider to others', async (t) => {
  const held: ServerResponse[] = []
  let isOpen = false
  const refuse = (response: ServerResponse) => response.end('{"active":false}')
  const port = await openPort(t, (request, response) => {
    let body = ''
    request.on('data', (chunk) => {
      body += chunk
    })
    request.on('end', () => {
      if (body.includes('token=opaque')) return response.end('{"active":true,"sub":"ada"}')
      if (isOpen) return refuse(response)
      held.push(response)
    })
  })
  const by = await openTo(port.url)
  const from = (address: string) => ({ 'x-forwarded-for': address })
  const strangers = Array.from({ length: 30 }, (_, at) =>
    by(`unknown-${at}`).call('GET', '/sessions', undefined, from('203.0.113.7')),
  )
  await eventually(async () => held.length > 0)
  const ada = by('opaque')
  const answers = Array.from({ length: 3 }, () =>
    ada.call('GET', '/sessions', undefined, from('203.0.113.8')),
  )
  for (const answer of await Promise.all(answers)) expectStatus(answer, 200)
  assert.ok(held.length <= 4, `${held.length} calls of one network`)
  isOpen = true
  for (const response of held) refuse(response)
  const statuses = (await Promise.all(strangers)).map(({ status }) => status)
  // Those that have waited too long get 503.
  assert.ok(statuses.every((status) => status === 401 || status === 503))
})
