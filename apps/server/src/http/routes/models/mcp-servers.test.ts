import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { beforeAll } from '../../../../test/hooks.ts'
import {
  addMcpServer,
  refOf,
  startEverything,
  startMcp,
  startWithMcp,
} from '../../../../test/remotes/mcp.ts'
import { startServer } from '../../../../test/server.ts'
import { createAgent, createSession } from '../../../../test/session.ts'

type Server = Awaited<ReturnType<typeof startWithMcp>>

let server: Server

beforeAll(async (t) => {
  server = await startWithMcp(t as TestContext)
})

const url = 'https://mcp.example.com/mcp'
const path = '/v1/mcp-servers'

test('a server is added, read, listed, changed and deleted', async () => {
  const { call } = server
  const created = await call('POST', path, { name: 'crud', url, description: 'First.' })
  assert.equal(created.status, 201)
  const { id, created_at, updated_at, ...rest } = created.body
  assert.match(id, /^mcp_[0-9a-f]{32}$/)
  assert.ok(Date.parse(created_at) <= Date.parse(updated_at))
  assert.deepEqual(rest, {
    name: 'crud',
    description: 'First.',
    url,
    transport_type: 'http',
    api_key_set: false,
    status: 'active',
  })
  assert.deepEqual((await call('GET', `${path}/${id}`)).body, created.body)
  const list = (await call('GET', path)).body
  assert.deepEqual(list.data[0], created.body)
  assert.equal(list.total, list.data.length)
  const page = (await call('GET', `${path}?limit=1`)).body
  assert.deepEqual([page.data.length, page.limit, page.total], [1, 1, list.total])
  const changed = await call('PATCH', `${path}/${id}`, {
    description: 'Second.',
    status: 'disabled',
  })
  assert.equal(changed.status, 200)
  assert.deepEqual([changed.body.description, changed.body.status], ['Second.', 'disabled'])
  const unchanged = await call('PATCH', `${path}/${id}`, { name: null, url: null, status: null })
  assert.deepEqual([unchanged.body.name, unchanged.body.url], ['crud', url])
  assert.equal((await call('DELETE', `${path}/${id}`)).status, 204)
  for (const [method, body] of [['GET'], ['PATCH', {}], ['DELETE']] as const) {
    const { status, body: said } = await call(method, `${path}/${id}`, body)
    assert.deepEqual([status, said.error], [404, 'MCP server not found'])
  }
})

test('a database begins with one server, which is disabled', async (t) => {
  const { call } = await startServer(t)
  const { data } = (await call('GET', path)).body
  assert.deepEqual(
    data.map((one: Record<string, unknown>) => [one.id, one.name, one.status]),
    [['mcp_01933b5a000070008000000000000501', 'microsoft_learn', 'disabled']],
  )
})

test('a name is unique in an organization under concurrent requests', async () => {
  const { call } = server
  await addMcpServer(server, url, { name: 'taken' })
  const other = await addMcpServer(server, url, { name: 'free' })
  const answers = [
    await call('POST', path, { name: 'taken', url }),
    await call('PATCH', other.path, { name: 'taken' }),
  ]
  for (const { status, body } of answers) {
    assert.deepEqual([status, body.code], [400, 'mcp_server_exists'])
  }
})

test('values of headers and the key come out nowhere, and stay where they are sent back masked', async (t) => {
  const { call } = server
  const mcp = await startMcp(t)
  const headers = { 'X-Team': 'secret-of-the-team', 'x-more': 'secret too' }
  const added = await addMcpServer(server, mcp.url, {
    name: 'masked',
    headers,
    api_key: 'secret-key',
  })
  assert.deepEqual(added.headers, { 'X-Team': '********', 'x-more': '********' })
  assert.equal(added.api_key_set, true)
  const heard = async () => {
    assert.equal((await call('POST', `${added.path}/test`)).body.ok, true)
    const { headers: sent } = mcp.heard('tools/list').at(-1)!.request
    return [sent['x-team'], sent['x-more'], sent.authorization]
  }
  assert.deepEqual(await heard(), ['secret-of-the-team', 'secret too', 'Bearer secret-key'])
  const back = await call('PATCH', added.path, {
    headers: { 'x-team': '********', 'x-new': 'new' },
  })
  assert.deepEqual(back.body.headers, { 'x-team': '********', 'x-new': '********' })
  assert.deepEqual(await heard(), ['secret-of-the-team', undefined, 'Bearer secret-key'])
  await call('PATCH', added.path, { headers: {}, api_key: 'other' })
  assert.deepEqual(await heard(), [undefined, undefined, 'Bearer other'])
  const refused = [
    await call('PATCH', added.path, { headers: { 'x-none': '********' } }),
    await call('POST', path, { name: 'm2', url, headers: { 'x-none': '********' } }),
  ]
  for (const { status, body } of refused) {
    assert.deepEqual([status, body.details[0].path], [400, 'headers/x-none'])
  }
  const answers = [
    added,
    back,
    ...(await Promise.all([path, added.path].map((at) => call('GET', at)))),
  ]
  assert.doesNotMatch(JSON.stringify(answers), /secret/)
})

test('without a master key a server with secrets is refused, and one without is not', async (t) => {
  const { call } = await startServer(t, { env: { SECRETS_ENCRYPTION_KEY: '' } })
  for (const secret of [{ api_key: 'k' }, { headers: { 'x-a': 'b' } }]) {
    const { status, body } = await call('POST', path, { name: 'x', url, ...secret })
    assert.deepEqual([status, body.code], [400, 'encryption_not_configured'])
  }
  assert.equal((await call('POST', path, { name: 'x', url })).status, 201)
})

const tooMany = Object.fromEntries(Array.from({ length: 101 }, (_, n) => [`x-${n}`, 'v']))
const bad: [object, string][] = [
  [{ name: '' }, 'name'],
  [{ name: '  ' }, 'name'],
  [{ name: 'a\nb' }, 'name'],
  [{ name: 'x'.repeat(256) }, 'name'],
  [{ name: 5 }, 'name'],
  [{ url: '' }, 'url'],
  [{ url: 'ftp://example.com/' }, 'url'],
  [{ url: 'mcp.example.com' }, 'url'],
  [{ url: 'https://user:secret@example.com/' }, 'url'],
  [{ url: 'https://example.com/#x' }, 'url'],
  [{ url: `https://example.com/${'x'.repeat(2_040)}` }, 'url'],
  [{ url: 'http://127.0.0.2/' }, 'url'],
  [{ url: 'http://localhost/' }, 'url'],
  [{ url: 'http://[::1]/' }, 'url'],
  [{ url: 'http://2130706434/' }, 'url'],
  [{ url: 'http://169.254.169.254/latest' }, 'url'],
  [{ url: 'http://inside/' }, 'url'],
  [{ description: 'x'.repeat(10_241) }, 'description'],
  [{ transport_type: 'stdio' }, 'transport_type'],
  [{ headers: tooMany }, 'headers'],
  [{ headers: { 'x y': 'v' } }, 'headers/x y'],
  [{ headers: { 'x-a': 'v\r\nx-b: w' } }, 'headers/x-a'],
  [{ headers: { 'x-a': 'ключ' } }, 'headers/x-a'],
  [{ headers: { 'x-a': '' } }, 'headers/x-a'],
  [{ headers: { 'x-a': ' v' } }, 'headers/x-a'],
  [{ headers: { 'x-a': '1', 'X-A': '2' } }, 'headers/X-A'],
  [{ headers: { host: 'elsewhere' } }, 'headers/host'],
  [{ headers: { 'Mcp-Session-Id': 'x' } }, 'headers/Mcp-Session-Id'],
  [{ headers: { 'content-length': '1' } }, 'headers/content-length'],
  [
    { headers: Object.fromEntries(['a', 'b', 'c', 'd', 'e'].map((n) => [n, 'v'.repeat(8_000)])) },
    'headers',
  ],
  [{ headers: { 'x-a': 5 } }, 'headers/x-a'],
  [{ api_key: 'with space' }, 'api_key'],
  [{ api_key: '' }, 'api_key'],
  [{ status: 'asleep' }, 'status'],
]

test('refuses an invalid server with the place, at creation and at change', async () => {
  const { call } = server
  const known = await addMcpServer(server, url, { name: 'known' })
  for (const [fields, at] of bad) {
    const about = JSON.stringify(fields).slice(0, 80)
    const answers = [await call('PATCH', known.path, fields)]
    if (!('status' in fields))
      answers.push(await call('POST', path, { name: 'bad', url, ...fields }))
    for (const { status, body } of answers) {
      assert.deepEqual(
        [status, body.code, body.details?.[0].path],
        [400, 'invalid_request', at],
        about,
      )
    }
  }
  const { ref: _, path: __, ...before } = known
  assert.deepEqual((await call('GET', known.path)).body, before)
  const names = (await call('GET', path)).body.data.map(({ name }: { name: string }) => name)
  assert.ok(!names.includes('bad'))
})

test('an id that is none is 400', async () => {
  for (const id of ['x', `mcp_${'A'.repeat(32)}`, `model_${'0'.repeat(32)}`]) {
    const { status, body } = await server.call('GET', `${path}/${id}`)
    assert.deepEqual(
      [status, body.error],
      [400, 'Invalid MCP server ID: it must look like mcp_0123456789abcdef0123456789abcdef.'],
    )
  }
})

test('an organization has 100 servers at most', async (t) => {
  const own = await startServer(t)
  const { total } = (await own.call('GET', path)).body
  for (let n = total; n < 100; n++) await addMcpServer(own, url, { name: `s${n}` })
  const { status, body } = await own.call('POST', path, { name: 'more', url })
  assert.deepEqual([status, body.code], [400, 'mcp_servers_full'])
})

test('a test lists the tools of the reference server, and keeps the list', async (t) => {
  const { call } = server
  const everything = await startEverything(t)
  const added = await addMcpServer(server, everything.url, { name: 'everything' })
  const { status, body } = await call('POST', `${added.path}/test`)
  assert.equal(status, 200)
  assert.equal(body.ok, true, JSON.stringify(body))
  assert.match(body.server.name, /everything/)
  assert.ok(body.latency_ms >= 0)
  const echo = body.tools.find(({ remote_name }: { remote_name: string }) => remote_name === 'echo')
  assert.equal(echo.name, 'mcp_everything__echo')
  assert.equal(echo.parameters.properties.message.type, 'string')
  assert.deepEqual(echo.parameters.required, ['message'])
  const { tool_count, tools_listed_at } = (await call('GET', added.path)).body
  assert.equal(tool_count, body.tools.length)
  assert.ok(tools_listed_at)
  const { body: capability } = await call('GET', `/v1/capabilities/${added.ref}`)
  assert.equal(capability.is_mcp, true)
  assert.equal(capability.description, `MCP Server with ${tool_count} tools`)
  assert.deepEqual(
    capability.tool_definitions.map(({ name }: { name: string }) => name),
    body.tools.map(({ name }: { name: string }) => name),
  )
  await everything.stop()
  const down = await call('POST', `${added.path}/test`)
  assert.equal(down.status, 200)
  assert.deepEqual(down.body, {
    ok: false,
    message: 'everything refuses the connection.',
    tools: [],
    warnings: [],
  })
  const kept = (await call('GET', added.path)).body
  assert.equal(kept.tools_error, 'everything refuses the connection.')
  assert.equal(kept.tool_count, tool_count)
  await call('PATCH', added.path, { api_key: 'another' })
  const moved = (await call('GET', added.path)).body
  assert.deepEqual([moved.tool_count, moved.tools_error], [undefined, undefined])
})

test('lists capabilities of the server and of active MCP servers by id, demo capabilities last', async () => {
  const { call } = server
  const active = await addMcpServer(server, url, { name: 'shown', description: 'Shown.' })
  const hidden = await addMcpServer(server, url, { name: 'hidden' })
  await call('PATCH', hidden.path, { status: 'disabled' })
  const { data, total } = (await call('GET', '/v1/capabilities')).body
  assert.equal(data.length, total)
  const ids = data.map(({ id }: { id: string }) => id)
  const isDemo = ({ category }: { category: string }) => Number(category === 'Demo')
  const sorted = data.toSorted(
    (a: { id: string; category: string }, b: { id: string; category: string }) =>
      isDemo(a) - isDemo(b) || (a.id < b.id ? -1 : 1),
  )
  assert.deepEqual(data, sorted)
  assert.ok(ids.includes('test_math') && ids.includes(active.ref) && !ids.includes(hidden.ref))
  const shown = data.find(({ id }: { id: string }) => id === active.ref)
  assert.deepEqual([shown.name, shown.description, shown.icon], ['shown', 'Shown.', 'mcp'])
  assert.deepEqual((await call('GET', `/v1/capabilities/${active.ref}`)).body, shown)
  for (const ref of [hidden.ref, refOf(`mcp_${'0'.repeat(32)}`), 'mcp:x', 'mcp:']) {
    assert.equal((await call('GET', `/v1/capabilities/${ref}`)).status, 404, ref)
  }
})

test('agents and sessions take servers that are there and active, with a config that fits', async () => {
  const { call } = server
  const { ref, path: at } = await addMcpServer(server, url, { name: 'used' })
  const agentWith = (uses: object[]) =>
    call('POST', '/v1/agents', { name: 'A', system_prompt: 'x', capabilities: uses })
  assert.equal((await agentWith([{ ref, config: { tools: ['a'], timeout_ms: 500 } }])).status, 201)
  const file = JSON.stringify({ name: 'F', system_prompt: 'x', capabilities: [{ ref }] })
  assert.equal((await call('POST', '/v1/agents/import', file)).status, 201)
  for (const [config, field] of [
    [{ tools: 'a' }, 'tools'],
    [{ timeout_ms: 1 }, 'timeout_ms'],
    [{ other: true }, ''],
  ] as const) {
    const { status, body } = await agentWith([{ ref, config }])
    assert.equal(status, 400)
    assert.match(body.details[0].path, new RegExp(`^capabilities/0/config/?${field}`))
  }
  const unknown = refOf(`mcp_${'0'.repeat(32)}`)
  const agent = await createAgent(server)
  for (const odd of [unknown, 'mcp:x', `${ref} `]) {
    const answers = [
      await agentWith([{ ref: odd }]),
      await call('POST', '/v1/sessions', { agent_id: agent.id, capabilities: [{ ref: odd }] }),
      await call('POST', '/v1/agents/preview', { session: { capabilities: [{ ref: odd }] } }),
    ]
    for (const { status, body } of answers) {
      assert.deepEqual([status, body.code], [400, 'capability_unknown'])
    }
  }
  await call('PATCH', at, { status: 'disabled' })
  const { status, body } = await agentWith([{ ref }])
  assert.equal(status, 400)
  assert.match(body.error, /which is disabled/)
})

test('a deleted server is left out, and the preview reports it', async (t) => {
  const { call } = server
  const mcp = await startMcp(t)
  const added = await addMcpServer(server, mcp.url, { name: 'leaving' })
  // A preview waits 5 s only for a first list.
  assert.equal((await call('POST', `${added.path}/test`)).body.ok, true)
  const agent = await createAgent(server, {
    capabilities: [{ ref: 'test_math' }, { ref: added.ref }],
  })
  const session = await createSession(server, { agent_id: agent.id })
  const preview = async () => (await call('GET', `/v1/sessions/${session.id}/preview`)).body
  const whole = await preview()
  assert.deepEqual(whole.warnings, [])
  assert.equal(whole.tools.at(-1).name, 'mcp_leaving__say')
  assert.equal(whole.tools.at(-1).capability_id, added.ref)
  await call('PATCH', added.path, { status: 'disabled' })
  assert.match((await preview()).warnings[0], /is disabled: it has no effect/)
  await call('DELETE', added.path)
  const left = await preview()
  assert.match(left.warnings[0], /The capability mcp:\S+ does not exist/)
  assert.equal(left.tools.length, 4)
  assert.deepEqual((await call('GET', `/v1/agents/${agent.id}`)).body.capabilities[1], {
    ref: added.ref,
  })
})
