import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { beforeAll } from '../../../test/hooks.ts'
import {
  addListedServer,
  type Exchange,
  sessionWithMcp,
  startMcp,
  startWithMcp,
  textResult,
} from '../../../test/remotes/mcp.ts'
import { converse, scripted } from '../../../test/session.ts'
import { useTools } from '../../../test/tool-session.ts'

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
  const added = await addListedServer(node, mcp.url, { name: `r${count}`, ...fields })
  return { mcp, added, say: `mcp_r${count}__say` }
}

/** Calls the server's tool in a turn; returns the result. */
async function called(t: TestContext, handlers: Handlers, node = server) {
  const { added, say } = await add(t, handlers, {}, node)
  const session = await sessionWithMcp(node, added.ref)
  const [answer] = await useTools(t, node, session.id, [say, {}])
  return { answer }
}

test('records progress at a limited rate when it floods, shrinks or is not a number', async (t) => {
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
  const begun = performance.now()
  const events = await converse(t, server, session.id, script)
  const seconds = Math.ceil((performance.now() - begun) / 1_000)
  const told = events.flatMap((event) => (event.type === 'tool.progress' ? [event.data] : []))
  assert.ok(told.length >= 1 && told.length <= seconds + 2, `${told.length} in ${seconds} s`)
  assert.deepEqual([told[0]!.progress, told[0]!.message!.length], [1, 500])
})

const png = Buffer.from('89504e470d0a1a0a', 'hex')

test('limits results: long texts, large and invalid images, unknown content', async (t) => {
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
          // With a regular expression that tries all divisions of the blanks, this takes hours.
          { type: 'image', mimeType: 'image/png', data: `${' '.repeat(2_000_000)}!` },
          { type: 'audio', mimeType: 'audio/wav', data: 'UklG\nRg=\n=\n' },
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
    'It is not base64.',
    'kept as wav',
    'This type of content is not supported.',
    'This type of content is not supported.',
    'This type of content is not supported.',
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

test("an error of a server fails the call with the server's text", async (t) => {
  const cases: [object, RegExp][] = [
    [{ isError: true, ...textResult('No such word.') }, /^No such word\.$/],
    [{ isError: true, content: [] }, /failed without an error message/],
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

test('removes a key that a server repeats', async (t) => {
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

test('endless progress does not extend the time limit of a call', async (t) => {
  const hasty = await startWithMcp(t, { TOOL_TIMEOUT_MS: '3000' })
  const endless = ({ message, stream, response }: Exchange) => {
    const send = stream()
    let progress = 0
    const timer = setInterval(() => {
      progress += 1
      const params = { progressToken: message.params._meta.progressToken, progress }
      send({ method: 'notifications/progress', params })
    }, 20)
    response.on('close', () => clearInterval(timer))
  }
  const { answer } = await called(t, { 'tools/call': endless }, hasty)
  assert.equal(answer, 'The tool did not finish within 3000 ms.')
})
