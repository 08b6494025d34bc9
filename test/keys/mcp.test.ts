import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTestDatabase } from '../../apps/server/test/database.ts'
import { addMcpServer, sessionWithMcp, startMcp } from '../../apps/server/test/remotes/mcp.ts'
import { startServer } from '../../apps/server/test/server.ts'
import { useTools } from '../../apps/server/test/tool-session.ts'
import { both, forgetV1, onlyV1, onlyV2, query, rotateKeys } from './rotating.ts'

test('keys and headers of MCP servers are sealed again with the others', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  const mcp = await startMcp(t)
  const start = (env: Record<string, string>) =>
    startServer(t, { databaseUrl, env: { PRIVATE_HOSTS_ALLOWED: '127.0.0.1', ...env } })
  const first = await start(onlyV1)
  const secrets = { api_key: 'the-key', headers: { 'x-own': 'the header' } }
  const added = await addMcpServer(first, mcp.url, secrets)
  const session = await sessionWithMcp(first, added.ref)
  await first.stop()
  const { code, output } = await rotateKeys({ ...both, DATABASE_URL: databaseUrl })
  assert.equal(code, 0, output)
  assert.match(output, /Under kek-v2: 2\. Wrapped again: 2\. Unreadable: 0\./)
  const [row] = await query<{ headers: string; api_key: string }>(
    databaseUrl,
    'select headers, api_key from mcp_servers where api_key is not null',
  )
  assert.doesNotMatch(JSON.stringify(row), /the-key|the header|kek-v1/)
  const second = await start(onlyV2)
  await second.call('POST', `${added.path}/test`)
  const [answer] = await useTools(t, second, session.id, ['mcp_tools__say', { word: 'on' }])
  assert.deepEqual(answer, { result: 'said on' })
  const { headers } = mcp.heard('tools/call')[0]!.request
  assert.deepEqual([headers.authorization, headers['x-own']], ['Bearer the-key', 'the header'])
  await second.stop()
})

test('a secret sealed with a lost master key fails the call and the list with a clear error', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  const mcp = await startMcp(t)
  const start = (env: Record<string, string>) =>
    startServer(t, { databaseUrl, env: { PRIVATE_HOSTS_ALLOWED: '127.0.0.1', ...env } })
  const first = await start(onlyV1)
  const added = await addMcpServer(first, mcp.url, { api_key: 'the-key' })
  await first.call('POST', `${added.path}/test`)
  const session = await sessionWithMcp(first, added.ref)
  await first.stop()
  await forgetV1(t, databaseUrl)
  const asked = mcp.asked.length
  const second = await start(onlyV2)
  const said =
    'tools has a key or headers that cannot be decrypted: master key kek-v1 is not configured.'
  const [answer] = await useTools(t, second, session.id, ['mcp_tools__say', {}])
  assert.equal(answer, `The MCP server ${said}`)
  assert.equal((await second.call('POST', `${added.path}/test`)).body.message, said)
  assert.equal(mcp.asked.length, asked)
  await second.stop()
})
