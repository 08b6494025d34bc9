import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { runSql } from '../../../test/database.ts'
import { beforeAll } from '../../../test/hooks.ts'
import { addMcpServer, startMcp, startWithMcp, textTool } from '../../../test/remotes/mcp.ts'
import { createAgent, createSession } from '../../../test/session.ts'
import { useTools } from '../../../test/tool-session.ts'

type Server = Awaited<ReturnType<typeof startWithMcp>>

let server: Server
let count = 0

beforeAll(async (t) => {
  server = await startWithMcp(t as TestContext)
})

/** Tests a server with these pages of tools; returns the result. */
async function listed(t: TestContext, ...pages: unknown[][]) {
  const mcp = await startMcp(t, {
    'tools/list': ({ message, answer }) => {
      const at = Number(message.params?.cursor ?? 0)
      const next = at + 1 < pages.length && { nextCursor: String(at + 1) }
      answer({ tools: pages[at]!, ...next })
    },
  })
  count += 1
  const added = await addMcpServer(server, mcp.url, { name: `l${count}` })
  const { body } = await server.call('POST', `${added.path}/test`)
  return { ...body, mcp, added }
}

const namesIn = ({ tools }: { tools: { remote_name: string }[] }) =>
  tools.map(({ remote_name }) => remote_name)

test('reads all pages of a list', async (t) => {
  const answer = await listed(t, [textTool('a')], [], [textTool('b'), textTool('c')])
  assert.deepEqual(namesIn(answer), ['a', 'b', 'c'])
  assert.deepEqual(answer.warnings, [])
})

test('stops at endless and circular pages', async (t) => {
  let page = 0
  for (const [next, said] of [
    [() => `page ${page++}`, /more than 50 pages/],
    [() => 'again', /circular list/],
  ] as const) {
    const mcp = await startMcp(t, {
      'tools/list': ({ answer }) => answer({ tools: [textTool('a')], nextCursor: next() }),
    })
    count += 1
    const added = await addMcpServer(server, mcp.url, { name: `l${count}` })
    const { body } = await server.call('POST', `${added.path}/test`)
    assert.equal(body.ok, false)
    assert.match(body.message, said)
    assert.ok(mcp.heard('tools/list').length <= 50)
  }
})

test('uses the first 128 of a thousand tools and reads no further pages', async (t) => {
  const pages = Array.from({ length: 20 }, (_, page) =>
    Array.from({ length: 50 }, (_, n) => textTool(`t${page * 50 + n}`)),
  )
  const answer = await listed(t, ...pages)
  assert.equal(answer.tools.length, 128)
  assert.deepEqual(answer.warnings, [`MCP server l${count}: Only the first 128 tools are used.`])
  assert.equal(answer.mcp.heard('tools/list').length, 3)
})

const schema = (inputSchema: unknown) => ({ name: 'odd', inputSchema })
const deep = (levels: number): object =>
  levels === 0 ? { type: 'string' } : { type: 'array', items: deep(levels - 1) }
/** Lists within one another. */
const lists = (levels: number) => JSON.parse('['.repeat(levels) + ']'.repeat(levels)) as unknown
const within = (property: unknown) => schema({ type: 'object', properties: { a: property } })

const useless: [string, unknown][] = [
  ['is no tool', 5],
  ['is null', null],
  ['has no name', { inputSchema: {} }],
  ['has an empty name', { name: '', inputSchema: {} }],
  ['has a name of a kilobyte', { name: 'n'.repeat(1_024), inputSchema: {} }],
  ['has a name with a line break', { name: 'a\nb', inputSchema: {} }],
  ['has a schema that is a list', schema([])],
  ['takes a list', schema({ type: 'array' })],
  ['has an unknown type', within({ type: 'text' })],
  ['refers to elsewhere', within({ $ref: 'https://example.com/schema.json' })],
  ['refers to nothing', within({ $ref: '#/$defs/none' })],
  ['has properties that are a list', schema({ type: 'object', properties: [1] })],
  ['has a property that is not a schema', within('string')],
  [
    'has a property name that models do not accept',
    schema({ type: 'object', properties: { 'a b': {} } }),
  ],
  ['has a required that is no list', schema({ type: 'object', required: 'a' })],
  ['has an empty enum', within({ enum: [] })],
  ['has an empty anyOf', within({ anyOf: [] })],
  ['is nested too deeply', within(deep(60))],
  ['has a default that is nested too deeply', within({ default: lists(3_000) })],
  ['has an enum that is nested too deeply', within({ enum: lists(60) })],
  [
    'has too many names',
    schema({
      properties: Object.fromEntries(Array.from({ length: 300 }, (_, n) => [`p${n}`, {}])),
    }),
  ],
  ['is too long', within({ description: 'd'.repeat(40_000) })],
  ['can only be a task', { name: 'odd', inputSchema: {}, execution: { taskSupport: 'required' } }],
]

test('leaves out an unusable tool with a warning and keeps the others', async (t) => {
  for (const [what, tool] of useless) {
    const answer = await listed(t, [textTool('before'), tool, textTool('after')])
    assert.equal(answer.ok, true, `${what}: ${answer.message}`)
    assert.deepEqual(namesIn(answer), ['before', 'after'], what)
    assert.equal(answer.warnings.length, 1, what)
    assert.match(answer.warnings[0], /left out/, what)
    assert.ok(answer.warnings[0].length < 300, what)
  }
})

test('removes keywords that some models refuse from schemas', async (t) => {
  const given = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: 'x',
    type: 'object',
    anyOf: [{ required: ['a'] }],
    properties: {
      a: { type: 'string', pattern: '(a+)+$', minLength: 1, 'x-own': 1 },
      b: { $ref: '#/definitions/b' },
      c: { type: ['string', 'null'], enum: ['x', null], default: null },
      d: true,
    },
    definitions: { b: { type: 'object', properties: { b: { $ref: '#/definitions/b' } } } },
    required: ['a'],
    additionalProperties: false,
  }
  const { tools } = await listed(t, [schema(given), { name: 'none' }, schema(given)])
  assert.deepEqual(tools[0].parameters, {
    type: 'object',
    properties: {
      a: { type: 'string', minLength: 1 },
      b: { $ref: '#/$defs/b' },
      c: { type: ['string', 'null'], enum: ['x', null], default: null },
      d: {},
    },
    required: ['a'],
    additionalProperties: false,
    $defs: { b: { type: 'object', properties: { b: { $ref: '#/$defs/b' } } } },
  })
  assert.deepEqual(tools[1].parameters, { type: 'object', properties: {} })
  assert.equal(tools.length, 2)
})

test('replaces half a surrogate pair in texts and names of schemas', async (t) => {
  const half = 'cut \ud83d'
  const property = {
    type: 'string',
    title: '😀',
    description: half,
    enum: [half],
    default: { [half]: half },
  }
  const given = { type: 'object', properties: { a: property }, required: [half] }
  const { tools } = await listed(t, [schema(given)])
  const whole = 'cut \ufffd'
  assert.deepEqual(tools[0].parameters, {
    type: 'object',
    properties: {
      a: { ...property, description: whole, enum: [whole], default: { [whole]: whole } },
    },
    required: [whole],
  })
})

test('limits each description and their total', async (t) => {
  const long = await listed(t, [textTool('a', { description: 'd'.repeat(100_000) })])
  assert.equal(long.tools[0].description.length, 1_024)
  const big = { type: 'object', properties: { a: { description: 'd'.repeat(30_000) } } }
  const many = await listed(
    t,
    Array.from({ length: 20 }, (_, n) => ({ name: `t${n}`, inputSchema: big })),
  )
  assert.equal(many.tools.length, 8)
  assert.match(many.warnings[0], /the total size of tools is too large/)
})

test('tool names are valid for every vendor, unique and stable', async (t) => {
  const tools = ['a b', 'a_b', 'a.b', 'ключ', 'x'.repeat(100), `${'x'.repeat(99)}y`]
  const mcp = await startMcp(t, {
    'tools/list': ({ answer }) => answer({ tools: tools.map((name) => textTool(name)) }),
    'tools/call': ({ message, answer }) =>
      answer({ content: [{ type: 'text', text: message.params.name }] }),
  })
  const servers = []
  for (const [at, name] of ['my server', 'my_server', 'my.server'].entries()) {
    const added = await addMcpServer(server, mcp.url, { name: `mine ${at}` })
    // A server that was added before such names were refused.
    await runSql(
      server.databaseUrl,
      `update mcp_servers set name = '${name}' where id = '${added.id}'`,
    )
    await server.call('POST', `${added.path}/test`)
    servers.push(added)
  }
  const uses = servers.map(({ ref }) => ({ ref }))
  const agent = await createAgent(server, { capabilities: uses })
  const session = await createSession(server, { agent_id: agent.id })
  const look = async () => (await server.call('GET', `/v1/sessions/${session.id}/preview`)).body
  const preview = await look()
  const names: string[] = preview.tools.map(({ name }: { name: string }) => name)
  assert.equal(names.length, 18)
  assert.equal(new Set(names).size, 18)
  for (const name of names) assert.match(name, /^[a-zA-Z0-9_-]{1,64}$/)
  assert.equal(names[0], 'mcp_my_server__a_b')
  assert.equal(preview.warnings.length, 18 - 4)
  assert.match(
    preview.warnings[0],
    /A tool of the MCP server my server has the name mcp_my_server__a_b_[0-9a-f]{8}: its own name is taken\./,
  )
  assert.deepEqual((await look()).tools, preview.tools)
  const answers = await useTools(
    t,
    server,
    session.id,
    ...names.map((name): [string, object] => [name, {}]),
  )
  assert.deepEqual(
    answers.map(({ result }) => result),
    [...tools, ...tools, ...tools],
  )
})

test('a client tool keeps its name, and approval applies to the MCP tool', async (t) => {
  const mcp = await startMcp(t)
  const added = await addMcpServer(server, mcp.url, { name: 'clash' })
  const name = 'mcp_clash__say'
  const tools = [{ type: 'client_side', name, description: 'Says it itself.' }]
  const capabilities = [
    // The name at its server, which was not listed yet.
    { ref: added.ref, config: { requires_approval: ['say'] } },
    { ref: 'test_math' },
  ]
  const { status, body } = await server.call('POST', '/v1/agents/preview', { tools, capabilities })
  assert.equal(status, 200, JSON.stringify(body))
  const last: { name: string; type: string; policy: string }[] = body.tools.slice(-2)
  assert.deepEqual(
    last.map(({ type, policy }) => [type, policy]),
    [
      ['client_side', 'auto'],
      ['builtin', 'requires_approval'],
    ],
  )
  assert.equal(last[0]!.name, name)
  assert.match(last[1]!.name, /^mcp_clash__say_[0-9a-f]{8}$/)
  assert.match(body.warnings[0], /its own name is taken/)
  const wrong = [{ ref: added.ref, config: { requires_approval: ['sya'] } }]
  const refused = await server.call('POST', '/v1/agents/preview', { capabilities: wrong })
  assert.equal(refused.status, 400)
  assert.equal(refused.body.details[0].path, 'capabilities/0/config/requires_approval/0')
})
