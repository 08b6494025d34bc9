import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  addListedServer,
  type Exchange,
  sessionWithMcp,
  startMcp,
  textResult,
  textTool,
} from '../../apps/server/test/remotes/mcp.ts'
import { dataOf, eventsOf, post, replyOf, scripted } from '../../apps/server/test/session.ts'
import { follow } from '../../apps/server/test/stream.ts'
import { dataFolder, startProcess } from '../process.ts'

type Server = Awaited<ReturnType<typeof startProcess>>

test('kill -9 in calls of an MCP server: repeats safe calls in a new session with the same key, and reports unsafe ones', async (t) => {
  const { DATA_DIR, before } = await dataFolder(t)
  const calls: Exchange[] = []
  let both = () => {}
  const underWay = new Promise<void>((resolve) => {
    both = resolve
  })
  let isUp = false
  const mcp = await startMcp(t, {
    'tools/list': ({ answer }) =>
      answer({
        tools: [
          textTool('look', { annotations: { readOnlyHint: true } }),
          textTool('put', { annotations: { idempotentHint: true } }),
          textTool('pay', { annotations: { destructiveHint: false } }),
          textTool('send'),
        ],
      }),
    'tools/call': (exchange) => {
      calls.push(exchange)
      if (isUp) return exchange.answer(textResult('done'))
      if (calls.length === 4) both()
    },
  })
  const env = { DATA_DIR, PRIVATE_HOSTS_ALLOWED: '127.0.0.1' }
  const one = await startProcess(env)
  before(one.crash)
  const added = await addListedServer(one, mcp.url)
  const session = await sessionWithMcp(one, added.ref)
  const tools = ['look', 'put', 'pay', 'send']
  const asked = tools.map((tool) => ({ name: `mcp_tools__${tool}`, arguments: {} }))
  await post(one, session.id, scripted({ tool_calls: asked }, { text: 'over' }))
  await underWay
  await one.crash()
  isUp = true
  const two = await startProcess(env)
  before(() => two.stop())
  const stream = await follow(t, two.url, { sessionId: session.id })
  await stream.event('session.idled')
  const events = await eventsOf(two, session.id)
  assert.equal(replyOf(events), 'over')
  const outcomes = events.flatMap((event) => (event.type === 'tool.completed' ? [event.data] : []))
  const outcomeOf = (tool: string) =>
    outcomes.find(({ tool_name }) => tool_name === `mcp_tools__${tool}`)!
  assert.deepEqual(
    tools.map((tool) => outcomeOf(tool).success),
    [true, true, false, false],
  )
  assert.match(outcomeOf('pay').error!, /interrupted\. It is unknown whether it had an effect/)
  const keysOf = (tool: string) =>
    calls
      .filter(({ message }) => message.params.name === tool)
      .map(({ message }) => message.params._meta['outlast/idempotency-key'])
  for (const tool of ['look', 'put']) {
    const [first, second, ...more] = keysOf(tool)
    assert.equal(first, second)
    assert.deepEqual(more, [])
  }
  assert.deepEqual([keysOf('pay').length, keysOf('send').length], [1, 1])
  assert.equal(new Set(calls.map(({ request }) => request.headers['mcp-session-id'])).size, 2)
})

/** Removes the tool of a running call from its agent. */
const removals: Record<
  string,
  (server: Server, agentId: string, path: string) => Promise<unknown>
> = {
  'the capability is removed from the agent': ({ call }, id) =>
    call('PATCH', `/v1/agents/${id}`, { capabilities: [] }),
  'the server is disabled': ({ call }, _, path) => call('PATCH', path, { status: 'disabled' }),
  'the server is deleted': ({ call }, _, path) => call('DELETE', path),
}

for (const [change, remove] of Object.entries(removals)) {
  test(`kill -9 in a call, and ${change}: the model reads that its effect is unknown`, async (t) => {
    const { DATA_DIR, before } = await dataFolder(t)
    let called = () => {}
    const underWay = new Promise<void>((resolve) => {
      called = resolve
    })
    const mcp = await startMcp(t, { 'tools/call': () => called() })
    const env = { DATA_DIR, PRIVATE_HOSTS_ALLOWED: '127.0.0.1' }
    const one = await startProcess(env)
    before(one.crash)
    const { ref, path } = await addListedServer(one, mcp.url)
    const { id, agent_id } = await sessionWithMcp(one, ref)
    const pay = { name: 'mcp_tools__say', arguments: {} }
    await post(one, id, scripted({ tool_calls: [pay] }, { text: 'over' }))
    await underWay
    assert.ok((await remove(one, agent_id, path)) !== undefined)
    await one.crash()
    const two = await startProcess(env)
    before(() => two.stop())
    await (await follow(t, two.url, { sessionId: id })).event('session.idled')
    const events = await eventsOf(two, id)
    assert.equal(dataOf(events, 'tool.started').replay, 'unsafe')
    const { success, error } = dataOf(events, 'tool.completed')
    assert.deepEqual(
      [success, error],
      [false, 'The call was interrupted. It is unknown whether it had an effect.'],
    )
    assert.equal(mcp.heard('tools/call').length, 1)
  })
}

test('kill -9 in a call: whether it runs again was decided when it began', async (t) => {
  const { DATA_DIR, before } = await dataFolder(t)
  let called = () => {}
  const underWay = new Promise<void>((resolve) => {
    called = resolve
  })
  let annotations = {}
  const mcp = await startMcp(t, {
    'tools/list': ({ answer }) => answer({ tools: [textTool('say', { annotations })] }),
    'tools/call': () => called(),
  })
  const env = { DATA_DIR, PRIVATE_HOSTS_ALLOWED: '127.0.0.1' }
  const one = await startProcess(env)
  before(one.crash)
  const { ref, path } = await addListedServer(one, mcp.url)
  const { id } = await sessionWithMcp(one, ref)
  const pay = { name: 'mcp_tools__say', arguments: {} }
  await post(one, id, scripted({ tool_calls: [pay] }, { text: 'over' }))
  await underWay
  annotations = { idempotentHint: true }
  const { body } = await one.call('POST', `${path}/test`)
  assert.equal(body.ok, true)
  await one.crash()
  const two = await startProcess(env)
  before(() => two.stop())
  await (await follow(t, two.url, { sessionId: id })).event('session.idled')
  const { error } = dataOf(await eventsOf(two, id), 'tool.completed')
  assert.match(error!, /unknown whether it had an effect/)
  assert.equal(mcp.heard('tools/call').length, 1)
})
