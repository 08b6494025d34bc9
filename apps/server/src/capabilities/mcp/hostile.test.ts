import assert from 'node:assert/strict'
import { before, type TestContext, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import type { Event } from '@outlast/contract'
import {
  addMcpServer,
  type Exchange,
  sessionWithMcp,
  startMcp,
  startWithMcp,
  textResult,
} from '../../../test/mcp.ts'
import { converse, scripted } from '../../../test/session.ts'
import { useTools } from '../../../test/tool-session.ts'

type Server = Awaited<ReturnType<typeof startWithMcp>>
type Handlers = Parameters<typeof startMcp>[1]

let server: Server
let count = 0

before(async (t) => {
  server = await startWithMcp(t as TestContext, { TOOL_TIMEOUT_MS: '5000' })
})

async function add(t: TestContext, handlers: Handlers, fields: object = {}) {
  const mcp = await startMcp(t, handlers)
  count += 1
  const added = await addMcpServer(server, mcp.url, { name: `h${count}`, ...fields })
  return { mcp, added, say: `mcp_h${count}__say` }
}

/** What a test of the server says. */
async function tested(t: TestContext, handlers: Handlers, fields: object = {}) {
  const { added, mcp } = await add(t, handlers, fields)
  const { status, body } = await server.call('POST', `${added.path}/test`)
  assert.equal(status, 200)
  return { ...body, name: added.name, mcp }
}

/** What a call of its tool comes to in a turn, after which the conversation goes on. */
async function called(t: TestContext, handlers: Handlers, input: object = {}) {
  const { added, say, mcp } = await add(t, handlers)
  const session = await sessionWithMcp(server, added.ref)
  const [answer] = await useTools(t, server, session.id, [say, input])
  const events = await converse(t, server, session.id, 'Still there?')
  assert.equal(events.at(-1)!.type, 'session.idled')
  return { answer, name: added.name, mcp }
}

const big = 'x'.repeat(100 * 1024 * 1024)
const packed = gzipSync(`"${big}"`)

test('a server that leads elsewhere is not followed, and nothing is sent there', async (t) => {
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
        new RegExp(`^${name} (leads elsewhere|answers with HTTP 3|cannot|could)`),
      )
      const during = await called(t, { 'tools/call': lead })
      assert.match(during.answer, /leads elsewhere|answers with HTTP 3/)
    }
  }
  assert.deepEqual([inside.asked.length, other.asked.length], [0, 0])
})

test('a redirect within the server is followed', async (t) => {
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

test('an address that is allowed no more is not reached any more', async (t) => {
  const { added, say } = await add(t, {})
  const guarded = await startWithMcp(t, { PRIVATE_HOSTS_ALLOWED: '127.0.0.9' })
  void say
  const copy = await import('pg').then(({ default: pg }) => new pg.Client(guarded.databaseUrl))
  await copy.connect()
  const { body } = await guarded.call('POST', '/v1/mcp-servers', {
    name: 'moved',
    url: 'https://mcp.example.com/',
  })
  await copy.query('update mcp_servers set url = $1 where id = $2', [added.url, body.id])
  await copy.end()
  const told = await guarded.call('POST', `/v1/mcp-servers/${body.id}/test`)
  assert.equal(told.body.message, 'moved is not on the public internet, and may not be fetched.')
})

const answers: [string, (exchange: Exchange) => unknown, RegExp][] = [
  [
    '401',
    ({ response }) => response.writeHead(401).end('Who are you?'),
    /refuses our key or headers \(HTTP 401\): Who are you\?/,
  ],
  [
    '403',
    ({ response }) => response.writeHead(403).end(),
    /refuses our key or headers \(HTTP 403\)/,
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
    /answers with HTTP 500: x{100}/,
  ],
  [
    'JSON that is none',
    ({ response }) => response.writeHead(200, { 'content-type': 'application/json' }).end('{"a":'),
    /gives an answer that is not MCP/,
  ],
  ['JSON of another kind', ({ send }) => send([1, 2]), /gives an answer that is not MCP/],
  [
    'a page',
    ({ response }) => response.writeHead(200, { 'content-type': 'text/html' }).end('<p>'),
    /gives an answer that is not MCP/,
  ],
  [
    'an empty stream',
    ({ stream, response }) => {
      stream()
      response.end()
    },
    /ended its answer before it was whole/,
  ],
  [
    'a stream of rubbish',
    ({ response }) =>
      response.writeHead(200, { 'content-type': 'text/event-stream' }).end('data: {{{\n\n'),
    /ended its answer before it was whole/,
  ],
  [
    'an answer to something else',
    ({ stream, response }) => {
      stream()({ id: 4_711, result: {} })
      response.end()
    },
    /ended its answer before it was whole/,
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
    /closed the connection without an answer/,
  ],
  [
    '100 MB of JSON',
    ({ response }) =>
      response.writeHead(200, { 'content-type': 'application/json' }).end(`"${big}"`),
    /sends more than 16777216 bytes in one answer/,
  ],
  [
    '100 MB of a stream',
    ({ response }) =>
      response.writeHead(200, { 'content-type': 'text/event-stream' }).end(`data: ${big}\n\n`),
    /sends more than 16777216 bytes in one answer/,
  ],
  [
    '100 MB that came packed',
    ({ response }) =>
      response
        .writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' })
        .end(packed),
    /sends more than 16777216 bytes in one answer/,
  ],
]

for (const [what, answer, said] of answers) {
  test(`a server that answers with ${what} is told of, and fails its calls alone`, async (t) => {
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

test('a server that answers twice is heard once', async (t) => {
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

test('a server that answers an id that was not asked, in JSON, is waited for as long as a call may last', async (t) => {
  const { answer } = await called(t, {
    'tools/call': ({ send }) => send({ jsonrpc: '2.0', id: 4_711, result: textResult('x') }),
  })
  assert.match(answer, /did not end within 5000 ms|did not answer in time/)
})

/** How long a turn took to begin. */
function waitOf(events: Event[]): number {
  const at = (type: string) => Date.parse(events.find((event) => event.type === type)!.ts)
  return at('turn.started') - at('input.message')
}

test('a server that never answers ends neither the turn nor the next one', async (t) => {
  const hang = () => {}
  const { answer } = await called(t, { 'tools/call': hang })
  assert.match(answer, /did not end within 5000 ms|did not answer in time/)
  const { added } = await add(t, { initialize: hang })
  const session = await sessionWithMcp(server, added.ref)
  const events = await converse(t, server, session.id, 'Hello')
  const told = events.find(({ type }) => type === 'mcp.unavailable')
  assert.match(JSON.stringify(told), /does not answer\./)
  const again = await converse(t, server, session.id, 'Hello again')
  assert.ok(waitOf(again) < waitOf(events), 'it is not waited for twice')
})

test('a server that asks for things itself is refused, and gets its call done', async (t) => {
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
  const replies = mcp.asked.map(({ message }) => message as unknown as Record<string, unknown>)
  const replyTo = (id: string) => replies.find((reply) => reply.id === id)
  for (const id of ['a', 'b', 'c']) assert.match(JSON.stringify(replyTo(id)), /-32601/)
  assert.deepEqual(replyTo('d')!.result, {})
})

test('progress that floods, shrinks or is no number is recorded in measure', async (t) => {
  const { added, say } = await add(t, {
    'tools/call': ({ message, stream, response }) => {
      const send = stream()
      const { progressToken } = message.params._meta
      const tell = (progress: unknown, more: object = {}) =>
        send({ method: 'notifications/progress', params: { progressToken, progress, ...more } })
      tell(1, { message: 'm'.repeat(10_000), total: 5 })
      for (let n = 2; n < 3_000; n++) tell(n)
      tell(-5)
      tell('x')
      send({ id: message.id, result: textResult('done') })
      tell(9_999)
      response.end()
    },
  })
  const session = await sessionWithMcp(server, added.ref)
  const script = scripted({ tool_calls: [{ name: say, arguments: {} }] }, { text: 'x' })
  const events = await converse(t, server, session.id, script)
  const told = events.flatMap((event) => (event.type === 'tool.progress' ? [event.data] : []))
  assert.ok(told.length >= 1 && told.length <= 3, String(told.length))
  assert.deepEqual([told[0]!.progress, told[0]!.message!.length], [1, 500])
})

const png = Buffer.from('89504e470d0a1a0a', 'hex')

test('results are bounded: long texts, large and false images, things that nobody knows', async (t) => {
  const image = (bytes: Buffer) => ({
    type: 'image',
    mimeType: 'image/png',
    data: bytes.toString('base64'),
  })
  const large = Buffer.concat([png, Buffer.alloc(6 * 1024 * 1024)])
  const { answer } = await called(t, {
    'tools/call': ({ answer }) =>
      answer({
        content: [
          image(large),
          image(Buffer.from('<svg/>')),
          { type: 'image', mimeType: 'image/png', data: '%%%' },
          { type: 'hologram', x: 1 },
          { type: 'text' },
          5,
          { type: 'resource', resource: { uri: 'x:1' } },
          { type: 'audio', mimeType: 'audio/wav', data: 'UklGRg==' },
        ],
      }),
  })
  const kinds = answer.content.map((item: Record<string, unknown>) =>
    'path' in item
      ? `kept as ${String(item.path).split('.').at(-1)}`
      : (item.not_given ?? item.type),
  )
  assert.deepEqual(kinds, [
    'kept as png',
    'kept as png',
    'It is not base64.',
    'This kind of content is not known.',
    'This kind of content is not known.',
    'This kind of content is not known.',
    'It has no content.',
    'kept as wav',
  ])
  const four = Buffer.concat([png, Buffer.alloc(4 * 1024 * 1024 - 100)])
  const many = await called(t, {
    'tools/call': ({ answer }) => answer({ content: [image(four), image(four), image(png)] }),
  })
  const sizes = many.answer.content.map((item: { path?: string }) => item.path === undefined)
  assert.deepEqual(sizes, [true, true, true])
  const more = await called(t, {
    'tools/call': ({ answer }) =>
      answer({ content: [image(four), image(four), image(large.subarray(0, 1_000))] }),
  })
  assert.match(more.answer.content[2].path, /-3\.png$/)
  const long = await called(t, {
    'tools/call': ({ answer }) => answer(textResult('y'.repeat(1_000_000))),
  })
  assert.equal(long.answer.truncated, true)
  assert.match(long.answer.full_output, /^\/_tool_outputs\//)
})

test("what a server calls an error fails the call in the server's words", async (t) => {
  const cases: [object, RegExp][] = [
    [{ isError: true, ...textResult('No such word.') }, /^No such word\.$/],
    [{ isError: true, content: [] }, /does not say why/],
    [{ isError: true, content: [], structuredContent: { why: 'no' } }, /"why":"no"/],
  ]
  for (const [result, said] of cases) {
    const { answer } = await called(t, { 'tools/call': ({ answer: give }) => give(result) })
    assert.match(answer, said)
  }
  const empty = await called(t, {
    'tools/call': ({ answer }) => answer({ content: [], structuredContent: { a: 1 } }),
  })
  assert.deepEqual(empty.answer, { result: { a: 1 } })
})

test('a server that repeats what it was told gives nobody its key', async (t) => {
  const secret = 'a-secret-key-of-a-server'
  const told = ({ request }: Exchange) =>
    `${request.headers.authorization} ${request.headers['x-own']}`
  const { added, say, mcp } = await add(
    t,
    {
      'tools/list': (exchange) =>
        exchange.answer({ tools: [{ name: 'say', description: told(exchange), inputSchema: {} }] }),
      'tools/call': (exchange) => {
        const { message, stream, response, send } = exchange
        const { word } = message.params.arguments
        if (word === 'status') return response.writeHead(401).end(told(exchange))
        if (word === 'error') {
          return send({
            id: message.id,
            jsonrpc: '2.0',
            error: { code: 1, message: told(exchange) },
          })
        }
        if (word === 'failed')
          return exchange.answer({ isError: true, ...textResult(told(exchange)) })
        const tell = stream()
        const { progressToken } = message.params._meta
        const progress = { progressToken, progress: 1, message: told(exchange) }
        tell({ method: 'notifications/progress', params: progress })
        tell({ id: message.id, result: textResult(`${told(exchange)} ${told(exchange)}`) })
        response.end()
      },
    },
    { api_key: secret, headers: { 'x-own': `other-${secret}` } },
  )
  const session = await sessionWithMcp(server, added.ref)
  const words = ['status', 'error', 'failed', 'result']
  const uses = words.map((word): [string, object] => [say, { word }])
  const answers = await useTools(t, server, session.id, ...uses)
  assert.equal(answers[3].result, Array(2).fill('[secret] [secret]').join(' '))
  const tested = await server.call('POST', `${added.path}/test`)
  const events = await server.call('GET', `/v1/sessions/${session.id}/events?expand=messages`)
  for (const heard of [answers, tested.body, events.body]) {
    assert.doesNotMatch(JSON.stringify(heard), /a-secret-key/)
  }
  assert.match(JSON.stringify(mcp.heard('tools/call')[0]!.request.headers), /a-secret-key/)
})
