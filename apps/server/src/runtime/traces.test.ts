import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { type TestContext, test } from 'node:test'
import { addBudget } from '../../test/budgets.ts'
import { addListedServer, sessionWithMcp, startMcp } from '../../test/remotes/mcp.ts'
import { startReceiver } from '../../test/remotes/otlp.ts'
import { addVendorModel, startVendor } from '../../test/remotes/vendor.ts'
import { startServer } from '../../test/server.ts'
import {
  converse,
  createAgent,
  createSession,
  dataOf,
  post,
  scripted,
  typesOf,
} from '../../test/session.ts'
import { follow } from '../../test/stream.ts'
import { eventually } from '../../test/waiting.ts'

type Setup = { env?: Record<string, string>; agent?: object; status?: number }

async function traced(t: TestContext, { env = {}, agent = {}, status = 200 }: Setup = {}) {
  const receiver = await startReceiver(t, status)
  const server = await startServer(t, {
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, ...env },
  })
  const { id } = await createAgent(server, { capabilities: [{ ref: 'test_math' }], ...agent })
  const session = await createSession(server, { agent_id: id, user: 'customer-1' })
  const path = `/v1/sessions/${session.id}`
  const say = (text: string) => converse(t, server, session.id, text)
  /** Sends a message with a trace context. */
  async function sayWithin(traceparent: string, text: string) {
    const stream = await follow(t, server.url, { sessionId: session.id })
    const message = { content: [{ type: 'text', text }] }
    const posted = await server.call('POST', `${path}/messages`, { message }, { traceparent })
    assert.equal(posted.status, 201)
    await stream.event('session.idled')
    return stream.events
  }
  return { receiver, server, session, path, say, sayWithin }
}

const turnOf = (events: Parameters<typeof dataOf>[0]) =>
  events.find(({ type }) => type === 'turn.started')!.context.turn_id!

const add = (a: number, b: number) => ({ name: 'add', arguments: { a, b } })
const namesOf = (spans: { name: string }[]) => spans.map(({ name }) => name).sort()

test('a turn is a trace: the agent, each model call, each tool, the wait for a node', async (t) => {
  const { receiver, session, say } = await traced(t)
  const events = await say(scripted({ tool_calls: [add(1, 2), add(3, 4)] }, { text: 'Done.' }))
  const turnId = turnOf(events)
  const spans = await receiver.trace(turnId)
  assert.deepEqual(namesOf(spans), [
    'chat llmsim-default',
    'chat llmsim-default',
    'execute_tool add',
    'execute_tool add',
    'invoke_agent Ada',
    'wait queue',
  ])
  const [root] = spans
  assert.equal(root!.traceId, turnId.slice('turn_'.length))
  assert.equal(root!.parentId, '')
  assert.equal(new Set(spans.map(({ spanId }) => spanId)).size, spans.length)
  for (const span of spans.slice(1)) {
    assert.equal(span.parentId, root!.spanId)
    assert.equal(span.attributes['gen_ai.conversation.id'], session.id)
    assert.ok(span.start >= root!.start && span.end <= root!.end && span.start <= span.end)
  }
  assert.equal(root!.attributes['gen_ai.operation.name'], 'invoke_agent')
  assert.equal(root!.attributes['user.id'], 'customer-1')
  assert.equal(root!.attributes['outlast.turn.outcome'], 'completed')
  assert.equal(root!.attributes['outlast.turn.model_calls'], 2)
  const { usage } = dataOf(events, 'turn.completed')!
  assert.equal(root!.attributes['gen_ai.usage.input_tokens'], usage!.input_tokens)
  assert.deepEqual(
    [root!.resource['service.name'], typeof root!.resource['service.instance.id']],
    ['outlast', 'string'],
  )
})

test('the span of a model call has usage, finish reason and time to first token', async (t) => {
  const { receiver, say } = await traced(t)
  const events = await say(scripted({ text: 'Hello there.', delay_ms: 20 }))
  const spans = await receiver.trace(turnOf(events))
  const chat = spans.find(({ name }) => name.startsWith('chat'))!
  const { metadata } = dataOf(events, 'llm.generation')!
  const clientKind = 3
  assert.equal(chat.kind, clientKind)
  const of = chat.attributes
  assert.equal(of['gen_ai.provider.name'], 'llmsim')
  assert.equal(of['gen_ai.request.model'], metadata.model)
  assert.equal(of['gen_ai.usage.output_tokens'], metadata.usage!.output_tokens)
  assert.deepEqual(of['gen_ai.response.finish_reasons'], ['stop'])
  const first = of['gen_ai.response.time_to_first_chunk']
  assert.equal(first, metadata.time_to_first_token_ms! / 1_000)
  assert.ok(chat.end - chat.start >= 20_000_000n)
})

test('spans have no content unless enabled', async (t) => {
  const words = scripted(
    { tool_calls: [{ name: 'add', arguments: { a: 1234567, b: 1 } }] },
    { text: 'secret words' },
  )
  const shut = await traced(t)
  const spans = await shut.receiver.trace(turnOf(await shut.say(words)))
  const shown = JSON.stringify(spans, (_, value) => (typeof value === 'bigint' ? 0 : value))
  assert.doesNotMatch(shown, /secret|1234567|1234568/)

  const open = await traced(t, { env: { OTEL_RECORD_CONTENT: 'true' } })
  const full = await open.receiver.trace(turnOf(await open.say(words)))
  const tool = full.find(({ name }) => name === 'execute_tool add')!.attributes
  assert.match(String(tool['gen_ai.tool.call.arguments']), /1234567/)
  assert.match(String(tool['gen_ai.tool.call.result']), /1234568/)
  const chats = full.filter(({ name }) => name.startsWith('chat'))
  assert.match(JSON.stringify(chats.map(({ attributes }) => attributes)), /secret words/)
  assert.match(String(full[0]!.attributes['gen_ai.input.messages']), /llmsim-script/)
})

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
const callerId = '00f067aa0ba902b7'

test('the turn joins the trace of the sender', async (t) => {
  const { receiver, sayWithin } = await traced(t)
  const events = await sayWithin(`00-${traceId}-${callerId}-01`, 'hello')
  const [input] = events.filter(({ type }) => type === 'input.message')
  assert.deepEqual(input!.context, { traceparent: `00-${traceId}-${callerId}-01` })
  const spans = await receiver.trace(turnOf(events))
  assert.equal(spans.length, 3)
  assert.deepEqual(
    [spans[0]!.traceId, spans[0]!.parentId, spans[0]!.name],
    [traceId, callerId, 'invoke_agent Ada'],
  )
})

test('does not sample the trace of a caller that is not sampled', async (t) => {
  const { receiver, say, sayWithin } = await traced(t)
  await sayWithin(`00-${traceId}-${callerId}-00`, 'hello')
  await receiver.trace(turnOf(await say('and now?')))
  assert.equal(
    receiver.spans.some((span) => span.traceId === traceId),
    false,
  )
  assert.equal(receiver.spans.filter(({ name }) => name.startsWith('invoke_agent')).length, 1)
})

test('an invalid header starts no trace', async (t) => {
  const { receiver, session, server } = await traced(t)
  const stream = await follow(t, server.url, { sessionId: session.id })
  const broken = [
    'nonsense',
    `00-${'0'.repeat(32)}-${callerId}-01`,
    `00-${traceId}-${'0'.repeat(16)}-01`,
    `ff-${traceId}-${callerId}-01`,
    `00-${traceId.toUpperCase()}-${callerId}-01`,
    `00-${traceId}-${callerId}-01-more`,
    `01-${traceId}-${callerId}-01-${'x'.repeat(300)}`,
  ]
  for (const [index, traceparent] of broken.entries()) {
    const message = { content: [{ type: 'text', text: 'hi' }] }
    const path = `/v1/sessions/${session.id}/messages`
    const posted = await server.call('POST', path, { message }, { traceparent })
    assert.equal(posted.status, 201)
    await stream.event('session.idled', index + 1)
  }
  const started = stream.events.filter(({ type }) => type === 'turn.started')
  for (const { context } of started) {
    const [root] = await receiver.trace(context.turn_id!)
    assert.equal(root!.traceId, context.turn_id!.slice('turn_'.length))
  }
  const inputs = stream.events.filter(({ type }) => type === 'input.message')
  for (const { context } of inputs) assert.deepEqual(context, {})
})

test('a retried model call is one span with a retry event', async (t) => {
  const { receiver, say } = await traced(t)
  const error = { message: 'overloaded', status: 529, fail_attempts: 1 }
  const events = await say(scripted({ text: 'At last.', error }))
  const spans = await receiver.trace(turnOf(events))
  const chats = spans.filter(({ name }) => name.startsWith('chat'))
  assert.equal(chats.length, 1)
  assert.deepEqual(
    chats[0]!.events.map(({ name, attributes }) => [name, attributes['outlast.attempt']]),
    [['retry', 2]],
  )
  assert.deepEqual(chats[0]!.attributes['outlast.retry.error_codes'], ['llm_overloaded'])
  assert.equal(chats[0]!.status, 0)
})

test('a failed turn and its failed call have error spans', async (t) => {
  const { receiver, say } = await traced(t, { env: { MODEL_ATTEMPTS_MAX: '1' } })
  const error = { message: 'You have no secret key.', status: 401 }
  const spans = await receiver.trace(turnOf(await say(scripted({ error }))))
  const failed = 2
  const chat = spans.find(({ name }) => name.startsWith('chat'))!
  for (const span of [spans[0]!, chat]) {
    assert.deepEqual([span.status, span.attributes['error.type']], [failed, 'llm_bad_key'])
  }
  assert.equal(spans[0]!.attributes['outlast.turn.outcome'], 'failed')
})

test('waits for the client and for a person are spans, and a denied call has no tool span', async (t) => {
  const agent = {
    tools: [
      { type: 'client_side', name: 'look', description: 'Looks.', parameters: { type: 'object' } },
    ],
    capabilities: [{ ref: 'test_math', config: { requires_approval: ['add'] } }],
  }
  const { receiver, server, session, path } = await traced(t, { agent })
  const stream = await follow(t, server.url, { sessionId: session.id })
  const calls = [
    { id: 'a', ...add(1, 2) },
    { id: 'b', ...add(3, 4) },
    { id: 'c', name: 'look', arguments: {} },
  ]
  await post(server, session.id, scripted({ tool_calls: calls }, { text: 'Done.' }))
  await eventually(async () => (await server.call('GET', path)).body.waiting_for)
  const tool_results = [{ tool_call_id: 'c', result: 'sunny' }]
  assert.equal((await server.call('POST', `${path}/tool-results`, { tool_results })).status, 200)
  await server.call('POST', `${path}/approvals/a`, { decision: 'approve' })
  await server.call('POST', `${path}/approvals/b`, { decision: 'deny' })
  await stream.event('session.idled')
  const spans = await receiver.trace(turnOf(stream.events))
  assert.deepEqual(namesOf(spans), [
    'chat llmsim-default',
    'chat llmsim-default',
    'execute_tool add',
    'execute_tool look',
    'invoke_agent Ada',
    'wait approval',
    'wait approval',
    'wait client',
    'wait queue',
  ])
  assert.equal(new Set(spans.map(({ spanId }) => spanId)).size, spans.length)
  const decisions = spans.flatMap(({ attributes }) => attributes['outlast.approval.decision'] ?? [])
  assert.deepEqual(decisions.sort(), ['approved', 'denied'])
  const look = spans.find(({ name }) => name === 'execute_tool look')!
  assert.equal(look.attributes['outlast.tool.runs_on'], 'client')
})

test('a cancelled turn is a complete trace', async (t) => {
  const { receiver, server, session, path } = await traced(t)
  const stream = await follow(t, server.url, { sessionId: session.id })
  await post(server, session.id, scripted({ text: 'x '.repeat(5_000), tokens_per_second: 5 }))
  await stream.event('output.message.delta')
  assert.equal((await server.call('POST', `${path}/cancel`)).body.status, 'cancelled')
  await stream.event('session.idled')
  const spans = await receiver.trace(turnOf(stream.events))
  assert.deepEqual(namesOf(spans), ['chat llmsim-default', 'invoke_agent Ada', 'wait queue'])
  assert.equal(spans[0]!.attributes['outlast.turn.outcome'], 'cancelled')
  const chat = spans.find(({ name }) => name.startsWith('chat'))!
  assert.equal(chat.attributes['error.type'], 'cancelled')
})

test('the summary of a long conversation is a separate model call', async (t) => {
  const env = { CONTEXT_TOKENS_UNKNOWN: '1500' }
  const { receiver, say } = await traced(t, { env })
  let events = await say(`Remember this: ${'word '.repeat(600)}`)
  for (let n = 0; n < 6 && !typesOf(events).includes('context.compacting'); n += 1) {
    events = await say(`And this: ${'more '.repeat(300)}`)
  }
  assert.ok(typesOf(events).includes('context.compacting'))
  const spans = await receiver.trace(turnOf(events))
  const summaries = spans.filter(({ attributes }) => attributes['outlast.purpose'] === 'summary')
  const made = typesOf(events).filter((type) => type === 'context.compacting')
  assert.equal(summaries.length, made.length)
  assert.match(summaries[0]!.name, /^chat llmsim/)
})

test('a step that is open at the end of a failed turn has its error, and a final refusal is no wait', async (t) => {
  const usage = { prompt_tokens: 100, completion_tokens: 10 }
  const vendor = await startVendor(t, ({ body: { messages } }) =>
    String(messages[0]?.content).startsWith('You keep the memory')
      ? { status: 401, body: '{}' }
      : { text: 'Yes.', usage },
  )
  const env = { CONTEXT_TOKENS_UNKNOWN: '2000' }
  const { receiver, server, say } = await traced(t, { env })
  await addVendorModel(server, vendor)
  const long = 'word '.repeat(500)
  for (let n = 0; n < 2; n += 1) await say(long)
  const failed = await receiver.trace(turnOf(await say(long)))
  const summary = failed.find(({ attributes }) => attributes['outlast.purpose'] === 'summary')
  assert.equal(summary!.attributes['error.type'], 'llm_bad_key')
  await addBudget(server, { limit: 10, on_exhausted: 'fail' })
  const events = await say('hi')
  assert.equal(dataOf(events, 'turn.failed').error_code, 'budget_exhausted')
  const refused = await receiver.trace(turnOf(events))
  assert.ok(!namesOf(refused).includes('wait budget'))
})

test('the trace of a retried turn begins with the retry, and has no wait for a node', async (t) => {
  let fails = true
  const vendor = await startVendor(t, () =>
    fails ? { status: 401, body: '{}' } : { text: 'Hello.' },
  )
  const { receiver, server, session, path, say } = await traced(t)
  await addVendorModel(server, vendor)
  const failed = await say('hi')
  assert.ok(namesOf(await receiver.trace(turnOf(failed))).includes('wait queue'))
  fails = false
  const after = failed.at(-1)!.sequence
  const stream = await follow(t, server.url, {
    sessionId: session.id,
    query: `?after_sequence=${after}`,
  })
  assert.equal((await server.call('POST', `${path}/retry`)).status, 201)
  await stream.event('session.idled')
  const retried = await receiver.trace(turnOf(stream.events))
  assert.deepEqual(namesOf(retried), ['chat a-model', 'invoke_agent Ada'])
  const firstMs = Date.parse(stream.events.find(({ context }) => context.turn_id)!.ts)
  assert.equal(Number(retried[0]!.start / 1_000_000n), firstMs)
})

test('vendors get a trace header only when enabled', async (t) => {
  const answer = () => ({ text: 'Hello.' })
  for (const [to, isTraced] of [
    ['', false],
    ['models', true],
  ] as const) {
    const vendor = await startVendor(t, answer)
    const { receiver, server, session, say } = await traced(t, { env: { OTEL_PROPAGATE_TO: to } })
    await addVendorModel(server, vendor)
    const events = await say('hi')
    const spans = await receiver.trace(turnOf(events))
    const chat = spans.find(({ name }) => name.startsWith('chat'))!
    const { traceparent } = vendor.requests[0]!.headers
    const expected = `00-${chat.traceId}-${chat.spanId}-01`
    assert.equal(traceparent, isTraced ? expected : undefined, session.id)
  }
})

test('an MCP server gets the trace context of its call', async (t) => {
  const env = { PRIVATE_HOSTS_ALLOWED: '127.0.0.1' }
  for (const [more, isTraced] of [
    [{}, true],
    [{ OTEL_PROPAGATE_TO: 'none' }, false],
  ] as const) {
    const { receiver, server } = await traced(t, { env: { ...env, ...more } })
    const mcp = await startMcp(t)
    const { ref } = await addListedServer(server, mcp.url, { name: 'far' })
    const session = await sessionWithMcp(server, ref)
    const call = { name: 'mcp_far__say', arguments: { word: 'a' } }
    const script = scripted({ tool_calls: [call] }, { text: 'Done.' })
    const spans = await receiver.trace(turnOf(await converse(t, server, session.id, script)))
    const span = spans.find(({ name }) => name === 'execute_tool mcp_far__say')!
    const { traceparent } = mcp.heard('tools/call')[0]!.message.params._meta
    assert.equal(traceparent, isTraced ? `00-${span.traceId}-${span.spanId}-01` : undefined)
  }
})

test('the receiver gets its headers, and a refused export does not fail a turn', async (t) => {
  const { receiver, server, say } = await traced(t, {
    env: { OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20abc, x-team=one' },
    status: 400,
  })
  await say('hello')
  const { authorization, 'x-team': team } = await receiver.until(() => receiver.headers[0])
  assert.deepEqual([authorization, team], ['Bearer abc', 'one'])
  const refused = async () => /outlast_spans_total\{outcome="failed"\} 3/.test(await metrics())
  const metrics = async () => String((await server.call('GET', '/metrics')).body)
  await eventually(refused)
})

test('a receiver that never responds does not block a turn or a stop', async (t) => {
  const silent = createServer(() => {}).listen(0, '127.0.0.1')
  await once(silent, 'listening')
  const asked = once(silent, 'connection')
  t.after(() => silent.close())
  const { port } = silent.address() as AddressInfo
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` }
  const server = await startServer(t, { env })
  const session = await createSession(server)
  const events = await converse(t, server, session.id, 'hello')
  assert.ok(dataOf(events, 'turn.completed'))
  const [socket] = await asked
  await converse(t, server, session.id, 'hello again')
  await server.stop()
  socket.destroy()
})
