import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { channelClient } from '../../../../../apps/server/test/channel.ts'
import { beforeAll } from '../../../../../apps/server/test/hooks.ts'
import { startServer } from '../../../../../apps/server/test/server.ts'
import { createAgent } from '../../../../../apps/server/test/session.ts'
import { type Fate, startProxy } from '../../../../sdk/test/http-proxy.ts'
import { printedBy, runHere } from '../../../test/here.ts'

let server: Awaited<ReturnType<typeof startServer>>
let agent: string

beforeAll(async (t) => {
  server = await startServer(t as TestContext)
  agent = (await createAgent(server, { name: 'Support' })).id
})

const cli = (...args: string[]) =>
  runHere(['channels', ...args], { env: { OUTLAST_URL: server.url } })

const run = (...args: string[]) => printedBy(cli(...args))

test('opens a channel with a key that works, and closes it', async () => {
  const settings = ['--visibility', 'messages', '--rate-limit', '60']
  const id = await run('create', 'Support', ...settings, '--publish', '--quiet')
  assert.match(await run('list', 'Support'), new RegExp(`${id} +api +live +messages`))
  const shown = await run('get', 'Support', id)
  assert.match(shown, new RegExp(`Address +${server.url}/v1/channels/${id}\n`))
  assert.match(shown, /Rate limit +60\n/)
  const secret = await run('create-key', agent, id, 'Shop', '--end-users', '--quiet')
  const client = channelClient(server.url, id, secret)
  assert.equal((await client.as('ada').call('GET', '')).status, 200)
  const keys = JSON.parse(await run('keys', agent, id, '--json'))
  const [key] = Array.isArray(keys) ? keys : keys.data
  assert.deepEqual([key.name, key.permissions], ['Shop', ['sessions', 'end_user']])
  const rotated = await run('rotate-key', agent, id, key.id, '--overlap-hours', '1', '--quiet')
  assert.notEqual(rotated, secret)
  await run('update', agent, id, '--errors', 'detailed')
  const changed = JSON.parse(await run('get', agent, id, '--json')).channel_config
  assert.deepEqual([changed.errors, changed.visibility], ['detailed', 'messages'])
  assert.match(await run('unpublish', agent, id), /is draft/)
  assert.match(await run('publish', agent, id), /is live/)
  await run('revoke-key', agent, id, key.id, '--yes')
  assert.match(await run('keys', agent, id), /revoked/)
  await run('delete', agent, id, '--yes')
  assert.equal((await cli('get', agent, id)).code, 5)
})

test('prints the id of a deleted channel also after a retry', async (t) => {
  const id = await run('create', agent, '--quiet')
  const fates: Fate[] = ['lose answer']
  const { url } = await startProxy(t, server.url, ({ method }) =>
    method === 'DELETE' ? (fates.shift() ?? 'pass') : 'pass',
  )
  const args = ['channels', 'delete', agent, id, '--quiet', '--yes', '--url', url]
  assert.deepEqual(await runHere(args), { code: 0, stdout: `${id}\n`, stderr: '' })
})

test('sets identity providers, origins and a spending limit, and removes them', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'outlast-channel-'))
  t.after(() => rm(folder, { recursive: true }))
  const file = join(folder, 'auth.json')
  const method = {
    mode: 'oauth2_introspection',
    provider: {
      introspection_url: 'https://login.example.com/introspect',
      client_id: 'outlast',
      client_secret: 'a secret of a client',
    },
  }
  await writeFile(file, JSON.stringify([method]))
  const settings = ['--auth', file, '--origins', 'https://a.example.com,https://b.example.com']
  const id = await run('create', agent, ...settings, '--spending-limit', '2.5 usd', '--quiet')
  const shown = await run('get', agent, id)
  assert.match(shown, /Providers +oauth2_introspection https:\/\/login\.example\.com\/introspect\n/)
  assert.match(shown, /Origins +https:\/\/a\.example\.com, https:\/\/b\.example\.com\n/)
  assert.match(shown, /Spending limit +2\.5 usd per user and day\n/)
  const config = async () => JSON.parse(await run('get', agent, id, '--json')).channel_config
  await run('update', agent, id, '--errors', 'detailed')
  assert.equal((await config()).auth_methods[0].provider.client_secret_configured, true)
  await run('update', agent, id, '--origins', 'none', '--spending-limit', 'none')
  const { allowed_origins, spending_limit } = await config()
  assert.deepEqual([allowed_origins, spending_limit], [[], null])
  for (const limit of ['2', '2 eur', 'much usd']) {
    assert.equal((await cli('update', agent, id, '--spending-limit', limit)).code, 2)
  }
  await writeFile(file, '{}')
  assert.equal((await cli('update', agent, id, '--auth', file)).code, 2)
})

test('a change needs a flag, and a number must be one', async () => {
  const id = await run('create', agent, '--quiet')
  assert.equal((await cli('update', agent, id)).code, 2)
  assert.equal((await cli('update', agent, id, '--rate-limit', 'many')).code, 2)
  assert.equal((await cli('create-key', agent, id, 'Shop', '--expires-at', 'soon')).code, 1)
})
