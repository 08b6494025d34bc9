import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { MCPMock } from '@copilotkit/aimock'
import type { Event } from '@outlast/contract'
import { beforeAll } from '../../test/hooks.ts'
import {
  addListedServer,
  sessionWithMcp,
  startEverything,
  startMcp,
  startWithMcp,
} from '../../test/remotes/mcp.ts'
import {
  converse,
  createAgent,
  createSession,
  dataOf,
  eventsOf,
  post,
  scripted,
  typesOf,
} from '../../test/session.ts'
import { follow } from '../../test/stream.ts'
import { useTools, useToolsAtOnce } from '../../test/tool-session.ts'
import { eventually } from '../../test/waiting.ts'

type Server = Awaited<ReturnType<typeof startWithMcp>>

let server: Server
let everything: Awaited<ReturnType<typeof addListedServer>>

beforeAll(async (t) => {
  server = await startWithMcp(t as TestContext)
  const { url } = await startEverything(t as TestContext)
  everything = await addListedServer(server, url, { name: 'everything' })
})

const name = (tool: string) => `mcp_everything__${tool}`

test('a model uses the tools of the reference server in a turn', async (t) => {
  const session = await sessionWithMcp(server, everything.ref)
  const answers = await useTools(
    t,
    server,
    session.id,
    [name('echo'), { message: 'hello' }],
    [name('get-sum'), { a: 2, b: 3 }],
    [name('get-structured-content'), { location: 'Chicago' }],
    [name('get-sum'), { a: 'two' }],
  )
  assert.deepEqual(answers[0], { result: 'Echo: hello' })
  assert.match(answers[1].result, /2 and 3 is 5/)
  assert.equal(JSON.parse(answers[2].result).temperature, 36)
  assert.match(answers[3], /Invalid arguments|invalid/i)
})

test('concurrent calls get their own results', async (t) => {
  const session = await sessionWithMcp(server, everything.ref)
  const words = Array.from({ length: 20 }, (_, n) => `word ${n}`)
  const answers = await useToolsAtOnce(
    t,
    server,
    session.id,
    ...words.map((message): [string, object] => [name('echo'), { message }]),
  )
  assert.deepEqual(
    answers,
    words.map((word) => ({ result: `Echo: ${word}` })),
  )
})

/** The parts of the result of the turn's only call. */
async function partsOf(t: TestContext, ref: string, tool: string, input: object) {
  const session = await sessionWithMcp(server, ref)
  const script = scripted({ tool_calls: [{ name: tool, arguments: input }] }, { text: 'done' })
  const events = await converse(t, server, session.id, script)
  const { result, error } = dataOf(events, 'tool.completed') as Event<'tool.completed'>['data']
  assert.ok(result, error ?? '')
  const [text, ...more] = result
  assert.equal(text!.type, 'text')
  return { session, said: JSON.parse((text as { text: string }).text), more, events }
}

test('an image follows the text of a result and is announced to the model', async (t) => {
  const { said, more } = await partsOf(t, everything.ref, name('get-tiny-image'), {})
  assert.deepEqual(
    said.content.map(({ type }: { type: string }) => type),
    ['text', 'image', 'text'],
  )
  assert.equal(said.content[1].media_type, 'image/png')
  assert.equal(more.length, 1)
  const [image] = more as { type: string; media_type: string; base64: string }[]
  assert.deepEqual([image!.type, image!.media_type], ['image', 'image/png'])
  assert.equal(Buffer.from(image!.base64, 'base64').length, said.content[1].size_bytes)
})

test('a resource becomes text or a session file, and a link is reported', async (t) => {
  const reference = name('get-resource-reference')
  const text = await partsOf(t, everything.ref, reference, { resourceType: 'Text', resourceId: 1 })
  const resource = text.said.content[1]
  assert.equal(resource.type, 'resource')
  assert.match(resource.text, /Resource 1/)
  const blob = await partsOf(t, everything.ref, reference, { resourceType: 'Blob', resourceId: 2 })
  const { path, size_bytes } = blob.said.content[1]
  assert.match(path, /^\/mcp\/everything\/[0-9a-f]{12}-2\.(txt|bin)$/)
  const file = await server.call('GET', `/v1/sessions/${blob.session.id}/fs${path}`)
  assert.equal(file.body.size_bytes, size_bytes)
  assert.match(String(file.body.content), /Resource 2/)
  const links = await partsOf(t, everything.ref, name('get-resource-links'), { count: 2 })
  const [, link] = links.said.content
  assert.equal(link.type, 'resource_link')
  assert.ok(link.uri && link.name && link.description)
})

test('logs progress while the call runs, and progress restarts the idle timeout', async (t) => {
  const config = { timeout_ms: 4_000 }
  const slow = name('trigger-long-running-operation')
  const calls = [{ name: slow, arguments: { duration: 5, steps: 10 } }]
  const attempt = async () => {
    const session = await sessionWithMcp(server, everything.ref, config)
    const begun = performance.now()
    const script = scripted({ tool_calls: calls }, { text: 'x' })
    const events = await converse(t, server, session.id, script)
    const seconds = Math.ceil((performance.now() - begun) / 1_000)
    // A loaded machine can make no progress for as long.
    const { error } = dataOf(events, 'tool.completed') as Event<'tool.completed'>['data']
    const isLate = error === 'The MCP server everything did not respond in time.'
    return isLate ? undefined : { session, events, seconds }
  }
  const { session, events, seconds } = await eventually(attempt)
  const told = events.flatMap((event) => (event.type === 'tool.progress' ? [event.data] : []))
  const { tool_call_id, success } = dataOf(
    events,
    'tool.completed',
  ) as Event<'tool.completed'>['data']
  assert.equal(success, true)
  assert.ok(told.length >= 2 && told.length <= seconds + 2, JSON.stringify(told))
  assert.deepEqual(told[0], { tool_call_id, tool_name: slow, progress: 1, total: 10 })
  const types = typesOf(events)
  assert.ok(types.indexOf('tool.started') < types.indexOf('tool.progress'))
  assert.ok(types.lastIndexOf('tool.progress') < types.indexOf('tool.completed'))
  assert.deepEqual(
    (await eventsOf(server, session.id)).filter(({ type }) => type === 'tool.progress').length,
    told.length,
  )
})

test('a server that exceeds its idle timeout fails the call, and the turn continues', async (t) => {
  const session = await sessionWithMcp(server, everything.ref, { timeout_ms: 300 })
  const slow = name('trigger-long-running-operation')
  const [answer] = await useTools(t, server, session.id, [slow, { duration: 60, steps: 1 }])
  assert.equal(answer, 'The MCP server everything did not respond in time.')
})

test('config selects the tools of an agent', async (t) => {
  const preview = async (config: object) => {
    const uses = [{ ref: 'test_math' }, { ref: everything.ref, config }, { ref: 'current_time' }]
    const { status, body } = await server.call('POST', '/v1/agents/preview', { capabilities: uses })
    assert.equal(status, 200)
    return body.tools.map((tool: { name: string }) => tool.name)
  }
  const all: string[] = await preview({})
  const own = ['add', 'subtract', 'multiply', 'divide', 'get_current_time']
  assert.deepEqual(all.slice(0, 5), own)
  assert.ok(all.length > 10 && all.slice(5).every((tool) => tool.startsWith('mcp_everything__')))
  assert.deepEqual(
    await preview({ tools: ['echo', 'get-sum', 'none'], exclude_tools: ['get-sum'] }),
    [...own, name('echo')],
  )
  const session = await sessionWithMcp(server, everything.ref, { exclude_tools: ['echo'] })
  const [answer] = await useTools(t, server, session.id, [name('echo'), { message: 'x' }])
  assert.equal(answer, 'Tool definition not found: mcp_everything__echo')
})

test('uses a server of the agent and a server of the session', async (t) => {
  const other = await startMcp(t)
  const added = await addListedServer(server, other.url, { name: 'of the session' })
  const agent = await createAgent(server, { capabilities: [{ ref: everything.ref }] })
  const session = await createSession(server, {
    agent_id: agent.id,
    capabilities: [{ ref: added.ref }],
  })
  const answers = await useTools(
    t,
    server,
    session.id,
    [name('echo'), { message: 'a' }],
    ['mcp_of_the_session__say', { word: 'b' }],
  )
  assert.deepEqual(answers, [{ result: 'Echo: a' }, { result: 'said b' }])
})

test("aimock's MCP server works like the reference server", async (t) => {
  const mock = new MCPMock()
  mock.addTool({
    name: 'weather',
    description: 'Tells.',
    inputSchema: { type: 'object', properties: {} },
  })
  mock.onToolCall('weather', () => 'Sunny.')
  const url = await mock.start()
  t.after(() => mock.stop())
  const added = await addListedServer(server, url, { name: 'aimock' })
  const session = await sessionWithMcp(server, added.ref)
  const answers = await useTools(t, server, session.id, ['mcp_aimock__weather', {}])
  assert.deepEqual(answers, [{ result: 'Sunny.' }])
})

test('a cancelled turn cancels the request at the server', async (t) => {
  let hanging = () => {}
  const called = new Promise<void>((resolve) => {
    hanging = resolve
  })
  const mcp = await startMcp(t, {
    'tools/call': ({ stream }) => {
      stream()({ method: 'notifications/message', params: { level: 'info', data: 'working' } })
      hanging()
    },
  })
  const added = await addListedServer(server, mcp.url, { name: 'hanging' })
  const session = await sessionWithMcp(server, added.ref)
  const stream = await follow(t, server.url, { sessionId: session.id })
  const script = scripted({ tool_calls: [{ name: 'mcp_hanging__say', arguments: {} }] })
  await post(server, session.id, script)
  await called
  const closed = new Promise((resolve) => mcp.heard('tools/call')[0]!.response.on('close', resolve))
  await server.call('POST', `/v1/sessions/${session.id}/cancel`)
  await stream.event('session.idled')
  const { status } = dataOf(stream.events, 'tool.completed') as Event<'tool.completed'>['data']
  assert.equal(status, 'cancelled')
  await closed
  const [call] = mcp.heard('tools/call')
  while (mcp.heard('notifications/cancelled').length === 0) {
    await new Promise((resolve) => setImmediate(resolve))
  }
  const [told] = mcp.heard('notifications/cancelled')
  assert.equal(told!.message.params.requestId, call!.message.id)
})
