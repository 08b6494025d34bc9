import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import type { Event } from '@outlast/contract'
import { expectStatus } from '../../../test/access.ts'
import { beforeAll } from '../../../test/hooks.ts'
import {
  addMcpServer,
  type Exchange,
  sessionWithMcp,
  startMcp,
  startWithMcp,
  textResult,
} from '../../../test/remotes/mcp.ts'
import { startServer } from '../../../test/server.ts'
import { converse } from '../../../test/session.ts'
import { useTools } from '../../../test/tool-session.ts'
import { eventually } from '../../../test/waiting.ts'

type Server = Awaited<ReturnType<typeof startWithMcp>>
type Handlers = Parameters<typeof startMcp>[1]

let server: Server
let count = 0

beforeAll(async (t) => {
  server = await startWithMcp(t as TestContext)
})

async function add(t: TestContext, handlers: Handlers, fields: object = {}, node = server) {
  const mcp = await startMcp(t, handlers)
  count += 1
  const added = await addMcpServer(node, mcp.url, { name: `h${count}`, ...fields })
  return { mcp, added, say: `mcp_h${count}__say` }
}

/** Tests the server; returns the result. */
async function tested(t: TestContext, handlers: Handlers, fields: object = {}) {
  const { added, mcp } = await add(t, handlers, fields)
  const { status, body } = await server.call('POST', `${added.path}/test`)
  assert.equal(status, 200)
  return { ...body, name: added.name, mcp }
}

/** Calls the server's tool in a turn and continues the conversation; returns the result. */
async function called(t: TestContext, handlers: Handlers, node = server) {
  const { added, say, mcp } = await add(t, handlers, {}, node)
  // A turn waits 5 s at most for the first list.
  expectStatus(await node.call('POST', `${added.path}/test`), 200)
  const session = await sessionWithMcp(node, added.ref)
  const [answer] = await useTools(t, node, session.id, [say, {}])
  const events = await converse(t, node, session.id, 'Still there?')
  assert.equal(events.at(-1)!.type, 'session.idled')
  return { answer, name: added.name, mcp }
}

const startHasty = (t: TestContext) => startWithMcp(t, { TOOL_TIMEOUT_MS: '5000' })

const big = 'x'.repeat(100 * 1024 * 1024)
const packed = gzipSync(`"${big}"`)

test('does not follow a redirect to another server, and sends nothing there', async (t) => {
  const inside = await startMcp(t, {}, '127.0.0.2')
  const other = await startMcp(t)
  for (const [target, statuses] of [
    [inside.url, [301, 302, 303, 307, 308]],
    [other.url, [302, 307, 308]],
    ['http://169.254.169.254/latest/meta-data/', [307]],
    ['file:///etc/passwd', [307]],
  ] as const) {
    for (const status of statuses) {
      const lead = ({ response }: Exchange) =>
        response.writeHead(status, { location: target }).end()
      const { ok, message, name } = await tested(t, { initialize: lead }, { api_key: 'secret' })
      assert.equal(ok, false)
      assert.match(
        message,
        new RegExp(`^${name} (redirects to another server|responds with HTTP 3|cannot|could)`),
      )
      const during = await called(t, { 'tools/call': lead })
      assert.match(during.answer, /redirects to another server|responds with HTTP 3/)
    }
  }
  assert.deepEqual([inside.asked.length, other.asked.length], [0, 0])
})

test('follows a redirect within the server', async (t) => {
  const { ok } = await tested(t, {
    initialize: ({ message, request, response, answer }) =>
      request.url === '/mcp'
        ? response.writeHead(307, { location: '/other' }).end()
        : answer({
            protocolVersion: message.params.protocolVersion,
            capabilities: { tools: {} },
            serverInfo: { name: 'x', version: '1' },
          }),
  })
  assert.equal(ok, true)
})

test('does not connect to an address that is no longer allowed', async (t) => {
  const { added, mcp } = await add(t, {})
  const { databaseUrl } = server
  const env = { PRIVATE_HOSTS_ALLOWED: '127.0.0.9' }
  const guarded = await startServer(t, { databaseUrl, env })
  const { body } = await guarded.call('POST', `${added.path}/test`)
  await guarded.stop()
  assert.equal(body.message, `${added.name} is not on the public internet and is not allowed.`)
  assert.equal(mcp.asked.length, 0)
})

const answers: [string, (exchange: Exchange) => unknown, RegExp][] = [
  [
    '401',
    ({ response }) => response.writeHead(401).end('Who are you?'),
    /rejects the API key or headers \(HTTP 401\): Who are you\?/,
  ],
  [
    '403',
    ({ response }) => response.writeHead(403).end(),
    /rejects the API key or headers \(HTTP 403\)/,
  ],
  [
    '403 that wants more scope',
    ({ response }) =>
      response.writeHead(403, { 'www-authenticate': 'Bearer error="insufficient_scope"' }).end(),
    /h\d+ /,
  ],
  [
    '500 with a novel',
    ({ response }) => response.writeHead(500).end('x'.repeat(50_000)),
    /responds with HTTP 500: x{100}/,
  ],
  [
    'JSON that is none',
    ({ response }) => response.writeHead(200, { 'content-type': 'application/json' }).end('{"a":'),
    /sent a response that is not MCP/,
  ],
  ['JSON of another kind', ({ send }) => send([1, 2]), /sent a response that is not MCP/],
  [
    'a page',
    ({ response }) => response.writeHead(200, { 'content-type': 'text/html' }).end('<p>'),
    /sent a response that is not MCP/,
  ],
  [
    'an empty stream',
    ({ stream, response }) => {
      stream()
      response.end()
    },
    /closed the connection before the end of its response/,
  ],
  [
    'a stream of rubbish',
    ({ response }) =>
      response.writeHead(200, { 'content-type': 'text/event-stream' }).end('data: {{{\n\n'),
    /closed the connection before the end of its response/,
  ],
  [
    'an answer to something else',
    ({ stream, response }) => {
      stream()({ id: 4_711, result: {} })
      response.end()
    },
    /closed the connection before the end of its response/,
  ],
  [
    'a result that is none',
    ({ message, send }) => send({ jsonrpc: '2.0', id: message.id, result: 'x' }),
    /h\d+ /,
  ],
  [
    'an error',
    ({ message, send }) =>
      send({ jsonrpc: '2.0', id: message.id, error: { code: -32_000, message: 'Not\ntoday.' } }),
    /refuses: Not today \(MCP error -32000\)/,
  ],
  [
    'a broken connection',
    ({ response }) => response.destroy(),
    /closed the connection without a response/,
  ],
  [
    '100 MB of JSON',
    ({ response }) =>
      response.writeHead(200, { 'content-type': 'application/json' }).end(`"${big}"`),
    /sent more than 16777216 bytes in one response/,
  ],
  [
    '100 MB of a stream',
    ({ response }) =>
      response.writeHead(200, { 'content-type': 'text/event-stream' }).end(`data: ${big}\n\n`),
    /sent more than 16777216 bytes in one response/,
  ],
  [
    '100 MB that came packed',
    ({ response }) =>
      response
        .writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' })
        .end(packed),
    /sent more than 16777216 bytes in one response/,
  ],
]

for (const [what, answer, said] of answers) {
  test(`reports a server that answers with ${what} and fails only its calls`, async (t) => {
    for (const method of ['initialize', 'tools/list']) {
      const { ok, message } = await tested(t, { [method]: answer })
      assert.equal(ok, false)
      assert.match(message, said, method)
      assert.ok(message.length < 700)
    }
    const call = await called(t, { 'tools/call': answer })
    assert.match(call.answer, said)
    assert.match(call.answer, /^The MCP server h\d+ /)
  })
}

test('uses the first of two responses', async (t) => {
  const twice = ({ message, stream, response }: Exchange) => {
    const send = stream()
    send({ id: message.id, result: textResult('first') })
    send({ id: message.id, result: textResult('second') })
    send({ id: message.id, error: { code: 1, message: 'third' } })
    response.end()
  }
  const { answer } = await called(t, { 'tools/call': twice })
  assert.deepEqual(answer, { result: 'first' })
})

test('waits for the whole time limit when a server responds to an unknown id in JSON', async (t) => {
  const unknown = ({ send }: Exchange) =>
    send({ jsonrpc: '2.0', id: 4_711, result: textResult('x') })
  const { answer } = await called(t, { 'tools/call': unknown }, await startHasty(t))
  assert.match(answer, /did not finish within 5000 ms|did not respond in time/)
})

/** The time before a turn started, in ms. */
function waitOf(events: Event[]): number {
  const at = (type: string) => Date.parse(events.find((event) => event.type === type)!.ts)
  return at('turn.started') - at('input.message')
}

test('a server that never responds blocks neither this turn nor the next one', async (t) => {
  const hang = () => {}
  const { answer } = await called(t, { 'tools/call': hang }, await startHasty(t))
  assert.match(answer, /did not finish within 5000 ms|did not respond in time/)
  const { added } = await add(t, { initialize: hang })
  const session = await sessionWithMcp(server, added.ref)
  const events = await converse(t, server, session.id, 'Hello')
  const told = events.find(({ type }) => type === 'mcp.unavailable')
  assert.match(JSON.stringify(told), /does not respond\./)
  // It is not waited for twice: only a loaded machine takes as long again.
  const again = async () => waitOf(await converse(t, server, session.id, 'Hello again'))
  await eventually(async () => (await again()) < waitOf(events))
})

test('refuses requests from the server, and the call succeeds', async (t) => {
  const { answer, mcp } = await called(t, {
    'tools/call': ({ message, stream, response }) => {
      const send = stream()
      send({ id: 'a', method: 'sampling/createMessage', params: { messages: [], maxTokens: 1 } })
      send({ id: 'b', method: 'elicitation/create', params: { message: 'Password?' } })
      send({ id: 'c', method: 'roots/list' })
      send({ id: 'd', method: 'ping' })
      send({ id: message.id, result: textResult('done') })
      response.end()
    },
  })
  assert.deepEqual(answer, { result: 'done' })
  const replyTo = (id: string) =>
    (mcp.asked.map(({ message }) => message) as unknown as Record<string, unknown>[]).find(
      (reply) => reply.id === id,
    )
  await eventually(async () => ['a', 'b', 'c', 'd'].every(replyTo))
  for (const id of ['a', 'b', 'c']) assert.match(JSON.stringify(replyTo(id)), /-32601/)
  assert.deepEqual(replyTo('d')!.result, {})
})

test('a server that never accepts answers gets 16 at a time, and the call succeeds', async (t) => {
  const sent: Exchange[] = []
  const { answer } = await called(t, {
    // The method of a response.
    undefined: (exchange) => sent.push(exchange),
    'tools/call': async ({ message, stream, response }) => {
      const send = stream()
      for (let n = 0; n < 500; n += 1) send({ id: `ping-${n}`, method: 'ping' })
      await eventually(async () => sent.length >= 16)
      send({ id: message.id, result: textResult('done') })
      response.end()
    },
  })
  assert.deepEqual(answer, { result: 'done' })
  assert.equal(sent.length, 16)
})

test('open streams whose bytes were read take no room from other fetches', async (t) => {
  const comments = `: ${'x'.repeat(1022)}\n`.repeat(1_024)
  let opened = 0
  const { added, say } = await add(t, {
    GET: async ({ response }) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      for (let pieces = 0; pieces < 15; pieces += 1) {
        if (!response.write(comments)) await once(response, 'drain')
      }
      opened += 1
    },
    'tools/call': ({ answer }) => answer(textResult('said')),
  })
  expectStatus(await server.call('POST', `${added.path}/test`), 200)
  // Together more than the 192 MiB of an organization.
  for (let sessions = 0; sessions < 14; sessions += 1) {
    const session = await sessionWithMcp(server, added.ref)
    const [answer] = await useTools(t, server, session.id, [say, {}])
    assert.deepEqual(answer, { result: 'said' })
    await eventually(async () => opened > sessions)
  }
})
