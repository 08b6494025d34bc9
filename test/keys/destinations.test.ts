import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { expectStatus } from '../../apps/server/test/access.ts'
import { startAnyVendor } from '../../apps/server/test/remotes/any-vendor.ts'
import { addMcpServer, sessionWithMcp, startMcp } from '../../apps/server/test/remotes/mcp.ts'
import { type Call, startServer } from '../../apps/server/test/server.ts'
import { converse, dataOf } from '../../apps/server/test/session.ts'
import { useTools } from '../../apps/server/test/tool-session.ts'
import { addProvider, both, onlyV1, query, rotateKeys, startVendor } from './rotating.ts'

const key = 'sk-entered-for-one-address'

/** A server whose providers and MCP servers may be on loopback, and its database. */
async function start(t: TestContext) {
  const env = { PRIVATE_HOSTS_ALLOWED: 'provider=127.0.0.1,mcp=127.0.0.1', ...onlyV1 }
  const server = await startServer(t, { env })
  return { databaseUrl: server.databaseUrl, env, server }
}

const addressesOf = async (call: Call, id: string) => {
  const { data } = expectStatus(await call('GET', '/v1/audit-log'), 200)
  return data.find(
    (entry: { target: string; action: string }) =>
      entry.target === id && entry.action.startsWith('update_'),
  ).details
}

test("changes a provider's origin or type only with its key in the same request", async (t) => {
  const { server } = await start(t)
  const [vendor, thief] = [await startVendor(t), await startVendor(t)]
  const { id, sessionId } = await addProvider(server, { baseUrl: vendor.url, apiKey: key })
  const path = `/v1/llm-providers/${id}`
  const before = (await server.call('GET', path)).body
  for (const change of [
    { base_url: thief.url },
    { base_url: thief.url, provider_type: 'openai' },
    { base_url: thief.url, api_key: null, name: 'Renamed' },
  ]) {
    const { details } = expectStatus(
      await server.call('PATCH', path, change),
      400,
      'secret_needed_again',
    )
    assert.deepEqual(details, [
      { path: 'api_key', message: 'must be sent again because the address changes' },
    ])
  }
  assert.deepEqual((await server.call('GET', path)).body, before)
  const sameOrigin = { base_url: `${vendor.url}/deeper`, status: 'active' }
  expectStatus(await server.call('PATCH', path, sameOrigin), 200)
  expectStatus(
    await server.call('PATCH', path, { base_url: thief.url, api_key: 'sk-another' }),
    200,
  )
  assert.deepEqual(await addressesOf(server.call, id), {
    before: { provider_type: 'openai_completions', base_url: `${vendor.url}/deeper` },
    after: { provider_type: 'openai_completions', base_url: thief.url },
  })
  await converse(t, server, sessionId, 'Hello')
  assert.deepEqual([vendor.keys, thief.keys], [[], ['Bearer sk-another']])
})

test('a provider without an address keeps its key for its own type only', async (t) => {
  const { server } = await start(t)
  const created = { name: 'Own', provider_type: 'openai', api_key: key }
  const { id } = expectStatus(await server.call('POST', '/v1/llm-providers', created), 201)
  const path = `/v1/llm-providers/${id}`
  for (const change of [
    { provider_type: 'anthropic' },
    { base_url: 'https://proxy.example.com/v1' },
  ]) {
    expectStatus(await server.call('PATCH', path, change), 400, 'secret_needed_again')
  }
  expectStatus(
    await server.call('PATCH', path, { provider_type: 'anthropic', api_key: 'sk-a' }),
    200,
  )
})

test("changes an MCP server's origin only with its key and headers in the same request", async (t) => {
  const { server } = await start(t)
  const [mcp, thief] = [await startMcp(t), await startMcp(t)]
  const headers = { 'x-team-token': 'team-secret' }
  const added = await addMcpServer(server, mcp.url, { api_key: key, headers })
  const before = (await server.call('GET', added.path)).body
  for (const [change, missing] of [
    [{ url: thief.url }, ['api_key', 'headers']],
    [{ url: thief.url, api_key: 'new' }, ['headers']],
    [{ url: thief.url, headers: {} }, ['api_key']],
    [
      { url: thief.url, api_key: 'new', headers: { 'X-Team-Token': '********' } },
      ['headers/X-Team-Token'],
    ],
  ] as const) {
    const refused = await server.call('PATCH', added.path, change)
    const { details } = expectStatus(refused, 400, 'secret_needed_again')
    assert.deepEqual(
      details.map((one: { path: string }) => one.path),
      missing,
    )
  }
  assert.deepEqual((await server.call('GET', added.path)).body, before)
  const moved = { url: thief.url, api_key: 'new', headers: {} }
  expectStatus(await server.call('PATCH', added.path, moved), 200)
  assert.deepEqual(await addressesOf(server.call, added.id), { before: mcp.url, after: thief.url })
  expectStatus(await server.call('POST', `${added.path}/test`), 200)
  assert.equal(mcp.asked.length, 0)
  for (const { request } of thief.asked) {
    assert.equal(request.headers.authorization, 'Bearer new')
    assert.equal(request.headers['x-team-token'], undefined)
  }
})

test('sends no secret to an address that was written into the database', async (t) => {
  const { server, databaseUrl } = await start(t)
  const [vendor, thief] = [await startVendor(t), await startVendor(t)]
  const [mcp, mcpThief] = [await startMcp(t), await startMcp(t)]
  const provider = await addProvider(server, { baseUrl: vendor.url, apiKey: key })
  const headers = { 'x-team-token': 'team-secret' }
  const added = await addMcpServer(server, mcp.url, { api_key: key, headers })
  const session = await sessionWithMcp(server, added.ref)
  await query(databaseUrl, 'update providers set base_url = $1 where id = $2', [
    thief.url,
    provider.id,
  ])
  await query(databaseUrl, 'update mcp_servers set url = $1 where id = $2', [
    mcpThief.url,
    added.id,
  ])
  const events = await converse(t, server, provider.sessionId, 'Hello')
  assert.equal(dataOf(events, 'turn.failed').error_code, 'llm_key_unreadable')
  const { message } = (await server.call('POST', `${added.path}/test`)).body
  assert.match(message, /cannot be decrypted: it was entered for another address/)
  await server.call('POST', `/v1/llm-providers/${provider.id}/sync-models`)
  await server.call('POST', `/v1/llm-providers/${provider.id}/test`)
  assert.ok(session.id)
  assert.deepEqual([thief.keys, mcpThief.asked.length], [[], 0])
})

test('binds keys of earlier versions at start, and keeps them bound when the master key changes', async (t) => {
  const { server, databaseUrl, env } = await start(t)
  const [vendor, thief] = [await startVendor(t), await startVendor(t)]
  const mcp = await startMcp(t)
  const provider = await addProvider(server, { baseUrl: vendor.url, apiKey: key })
  const added = await addMcpServer(server, mcp.url, { api_key: key })
  const session = await sessionWithMcp(server, added.ref)
  await server.stop()
  // As 0.1 stored them.
  const unbind = "set api_key = (api_key::jsonb - 'bound')::text where api_key is not null"
  await query(databaseUrl, `update providers ${unbind}`)
  await query(databaseUrl, `update mcp_servers ${unbind}`)
  const second = await startServer(t, { databaseUrl, env })
  await second.call('POST', `${added.path}/test`)
  const [answer] = await useTools(t, second, session.id, ['mcp_tools__say', { word: 'on' }])
  assert.deepEqual(answer, { result: 'said on' })
  await second.stop()
  const { code, output } = await rotateKeys({ ...both, DATABASE_URL: databaseUrl })
  assert.equal(code, 0, output)
  const third = await startServer(t, { databaseUrl, env: { ...env, ...both } })
  await converse(t, third, provider.sessionId, 'Hello')
  assert.deepEqual(vendor.keys, [`Bearer ${key}`])
  await query(databaseUrl, 'update providers set base_url = $1 where id = $2', [
    thief.url,
    provider.id,
  ])
  const events = await converse(t, third, provider.sessionId, 'Again')
  assert.equal(dataOf(events, 'turn.failed').error_code, 'llm_key_unreadable')
  assert.deepEqual(thief.keys, [])
})

test("a provider's redirect carries neither key nor conversation to another origin", async (t) => {
  const { server } = await start(t)
  const thief = await startAnyVendor(t, (_, response) => response.end('{}'))
  const away = await startAnyVendor(t, ({ url }, response) =>
    response.writeHead(307, { location: `${thief.url}${url}` }).end(),
  )
  for (const provider_type of ['anthropic', 'openai_completions', 'google', 'azure_openai']) {
    const base_url = away.url
    const fields = { name: provider_type, provider_type, base_url, api_key: key }
    const { id } = expectStatus(await server.call('POST', '/v1/llm-providers', fields), 201)
    const model = { model_id: 'm', display_name: 'M' }
    expectStatus(await server.call('POST', `/v1/llm-providers/${id}/models`, model), 201)
    const tried = expectStatus(await server.call('POST', `/v1/llm-providers/${id}/test`), 200)
    assert.equal(tried.ok, false)
  }
  assert.equal(away.asked.length, 4)
  assert.equal(thief.asked.length, 0)
})
