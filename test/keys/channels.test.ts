import assert from 'node:assert/strict'
import { test } from 'node:test'
import { expectStatus } from '../../apps/server/test/access.ts'
import { channelClient, openChannel } from '../../apps/server/test/channel.ts'
import { createTestDatabase } from '../../apps/server/test/database.ts'
import { issuerClient, startTokenIssuer } from '../../apps/server/test/remotes/token-issuer.ts'
import { startServer } from '../../apps/server/test/server.ts'
import { dump } from '../access/operations/canary.ts'
import { both, onlyV1, onlyV2, query, rotateKeys } from './rotating.ts'

test('the secret of a client of a channel is sealed again with the others, and works as before', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  const issuer = await startTokenIssuer(t)
  const start = (env: Record<string, string>) =>
    startServer(t, { databaseUrl, env: { ...env, PRIVATE_HOSTS_ALLOWED: 'identity=127.0.0.1' } })
  const first = await start(onlyV1)
  const provider = {
    introspection_url: `${issuer.issuer}/token/introspection`,
    client_id: issuerClient.id,
    client_secret: issuerClient.secret,
  }
  const methods = [{ mode: 'oauth2_introspection', provider }]
  const channel = await openChannel(first, { config: { auth_methods: methods } })
  const read = async (server: { url: string }) => {
    const { text } = await issuer.opaqueToken('ada')
    return channelClient(server.url, channel.id, text).call('GET', '/sessions')
  }
  expectStatus(await read(first), 200)
  for (const [table, rows] of await dump(databaseUrl)) {
    assert.ok(!rows.includes(issuerClient.secret), table)
  }
  await first.stop()
  const { code, output } = await rotateKeys({ ...both, DATABASE_URL: databaseUrl })
  assert.equal(code, 0, output)
  assert.match(output, /Wrapped again: 1\. Unreadable: 0\./)
  const rows = await query(databaseUrl, 'select client_secret from agent_channels')
  assert.doesNotMatch(JSON.stringify(rows), /kek-v1/)
  const second = await start(onlyV2)
  expectStatus(await read(second), 200)
  await second.stop()
})
