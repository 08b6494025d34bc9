import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import type { Event, EventType } from '@outlast/contract'
import { addVendorModel, startVendor, type VendorAnswer } from '../../test/remotes/vendor.ts'
import { startServer } from '../../test/server.ts'
import {
  converse,
  createAgent,
  createSession,
  dataOf,
  eventsOf,
  mathSession,
  post,
  scripted,
  typesOf,
} from '../../test/session.ts'
import { follow } from '../../test/stream.ts'

const dashed = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

test('one message, one tool call: every event, in order, with its data and context', async (t) => {
  const { server, agent, session } = await mathSession(t)
  const question = scripted(
    { text: 'Let me add.', tool_calls: [{ name: 'add', arguments: { a: 2, b: 3 } }] },
    { text: '2 + 3 = 5' },
  )
  const streamed = await converse(t, server, session.id, question)
  const events = await eventsOf(server, session.id)

  assert.deepEqual(typesOf(events), [
    'session.started',
    'input.message',
    'session.activated',
    'turn.started',
    'reason.started',
    'output.message.started',
    'llm.generation',
    'output.message.completed',
    'reason.completed',
    'act.started',
    'tool.started',
    'tool.completed',
    'act.completed',
    'reason.started',
    'output.message.started',
    'llm.generation',
    'output.message.completed',
    'reason.completed',
    'turn.completed',
    'session.idled',
  ])
  assert.deepEqual(
    events.map(({ sequence }) => sequence),
    events.map((_, index) => index + 1),
  )

  const input = dataOf(events, 'input.message')
  const inputId = input.message.id
  const turnId = dataOf(events, 'turn.started').turn_id
  assert.deepEqual(events[1]!.context, {})
  assert.equal(dataOf(events, 'turn.started').input_content, question)
  for (const event of events.slice(2)) {
    assert.equal(event.context.turn_id, turnId, event.type)
    assert.equal(event.context.input_message_id, inputId, event.type)
    assert.equal(event.context.trace_id, turnId, event.type)
  }

  const of = (type: EventType, n = 1) =>
    events.filter((event) => event.type === type)[n - 1]!.context
  assert.equal(of('turn.started').span_id, turnId)
  assert.equal(of('session.activated').exec_id, undefined)
  assert.equal(of('reason.started').span_id, of('reason.completed').span_id)
  assert.equal(of('reason.started').parent_span_id, turnId)
  assert.match(of('reason.started').span_id!, dashed)
  assert.equal(of('llm.generation').parent_span_id, of('reason.started').span_id)
  assert.equal(of('output.message.completed').exec_id, of('reason.started').exec_id)
  assert.notEqual(of('reason.started', 2).exec_id, of('reason.started').exec_id)
  assert.equal(of('act.started').span_id, of('act.completed').span_id)
  assert.equal(of('act.started').parent_span_id, turnId)
  assert.equal(of('tool.started').parent_span_id, of('act.started').span_id)
  assert.equal(of('tool.started').span_id, of('tool.completed').span_id)

  assert.equal(dataOf(events, 'reason.started').agent_id, agent.id)
  const reply = dataOf(events, 'output.message.completed')
  const call = reply.message.content[1]!
  assert.ok(call.type === 'tool_call')
  assert.deepEqual([call.name, call.arguments], ['add', { a: 2, b: 3 }])
  assert.equal(reply.message.content[0]!.type, 'text')
  assert.equal(reply.message.metadata?.model, 'llmsim-default')
  assert.deepEqual(dataOf(events, 'llm.generation').metadata.finish_reasons, ['tool_calls'])
  assert.equal(dataOf(events, 'llm.generation').output.tool_calls?.[0]?.name, 'add')
  const reasoned = dataOf(events, 'reason.completed')
  assert.deepEqual(
    [reasoned.success, reasoned.has_tool_calls, reasoned.tool_call_count, reasoned.text_preview],
    [true, true, 1, 'Let me add.'],
  )
  assert.deepEqual(dataOf(events, 'act.started').tool_calls, [{ id: call.id, name: 'add' }])
  assert.deepEqual(dataOf(events, 'tool.started').tool_call, {
    id: call.id,
    name: 'add',
    arguments: { a: 2, b: 3 },
  })
  const ran = dataOf(events, 'tool.completed')
  assert.deepEqual(
    [ran.tool_call_id, ran.tool_name, ran.success, ran.status],
    [call.id, 'add', true, 'success'],
  )
  assert.deepEqual(ran.result, [
    { type: 'text', text: '{"a":2,"b":3,"operation":"add","result":5}' },
  ])
  const { completed, success_count, error_count } = dataOf(events, 'act.completed')
  assert.deepEqual([completed, success_count, error_count], [true, 1, 0])
  assert.deepEqual(dataOf(events, 'llm.generation', 2).metadata.finish_reasons, ['stop'])
  assert.equal(dataOf(events, 'reason.completed', 2).has_tool_calls, false)

  const first = dataOf(events, 'llm.generation').metadata.usage!
  const second = dataOf(events, 'llm.generation', 2).metadata.usage!
  const sum = {
    input_tokens: first.input_tokens + second.input_tokens,
    output_tokens: first.output_tokens + second.output_tokens,
  }
  assert.deepEqual(dataOf(events, 'turn.completed').usage, sum)
  assert.equal(dataOf(events, 'turn.completed').iterations, 2)
  assert.deepEqual(dataOf(events, 'session.idled').usage, sum)

  const deltas = streamed.filter(({ type }) => type === 'output.message.delta')
  for (const delta of deltas) assert.equal('sequence' in delta, false)
  const live = streamed.filter(({ type }) => !type.endsWith('.delta'))
  assert.deepEqual(
    live.map(({ id }) => id),
    events.slice(1).map(({ id }) => id),
  )
})

test('stores quotes, backslashes and braces of prompts, messages and replies unchanged', async (t) => {
  const server = await startServer(t)
  const odd = '{"a": "\\\\", \\"b\\": [NULL, \\u0000]} \0\n\u2028'
  const prompt = odd.replace('\0', '')
  const agent = await createAgent(server, { system_prompt: prompt })
  const session = await createSession(server, { agent_id: agent.id })
  await converse(t, server, session.id, scripted({ text: odd }))
  await converse(t, server, session.id, odd)
  const [first, second] = (await eventsOf(server, session.id)).filter(
    (event) => event.type === 'llm.generation',
  )
  assert.ok(JSON.stringify(first!.data.messages).includes(JSON.stringify(prompt)))
  assert.equal(first!.data.output.text, odd)
  assert.ok(JSON.stringify(second!.data.messages).includes(JSON.stringify(odd)))
})

test('llm.generation has new messages only, and all of them with expand', async (t) => {
  const { server, session } = await mathSession(t)
  const script = scripted(
    { tool_calls: [{ name: 'add', arguments: { a: 2, b: 3 } }] },
    { text: 'Five.' },
  )
  const streamed = await converse(t, server, session.id, script)
  const later = await converse(t, server, session.id, 'Thank you')
  const roles = (events: Event[], n: number) =>
    dataOf(events, 'llm.generation', n).messages.map(({ role }) => role)
  const stored = await eventsOf(server, session.id)
  assert.deepEqual(roles(stored, 1), ['system', 'user'])
  assert.deepEqual(roles(stored, 2), ['agent', 'tool_result'])
  assert.deepEqual(roles(stored, 3), ['agent', 'user'])
  assert.deepEqual(roles(streamed, 1), roles(stored, 1))
  assert.deepEqual(roles(streamed, 2), roles(stored, 2))
  assert.deepEqual(roles(later, 1), roles(stored, 3))
  const whole = await eventsOf(server, session.id, '?expand=messages')
  assert.deepEqual(roles(whole, 3), ['system', 'user', 'agent', 'tool_result', 'agent', 'user'])
  assert.match(JSON.stringify(dataOf(whole, 'llm.generation', 3).messages[0]), /You are Ada/)
  assert.deepEqual(
    dataOf(stored, 'llm.generation').tools?.map(({ name }) => name),
    ['add', 'subtract', 'multiply', 'divide'],
  )
})

test('parallel calls start together and end in order of completion', async (t) => {
  const { server, session } = await mathSession(t)
  const calls = [1, 2, 3].map((a) => ({ name: 'multiply', arguments: { a, b: 2 } }))
  const events = await converse(
    t,
    server,
    session.id,
    scripted({ tool_calls: calls }, { text: 'ok' }),
  )
  const acting = typesOf(events).filter((type) => /^(act|tool)\.(?!input)/.test(type))
  assert.deepEqual(acting, [
    'act.started',
    ...calls.map(() => 'tool.started'),
    ...calls.map(() => 'tool.completed'),
    'act.completed',
  ])
  assert.equal(dataOf(events, 'act.completed').success_count, 3)
})

test('the model reads errors of failed tools, unknown tools and invalid arguments', async (t) => {
  const { server, session } = await mathSession(t)
  const events = await converse(
    t,
    server,
    session.id,
    scripted(
      {
        tool_calls: [
          { name: 'divide', arguments: { a: 1, b: 0 } },
          { name: 'levitate', arguments: {} },
          { name: 'add', arguments: { a: 'two' } },
        ],
      },
      { text: 'I could not.' },
    ),
  )
  const outcomes = events.filter((event) => event.type === 'tool.completed').map(({ data }) => data)
  for (const { success, status } of outcomes) assert.deepEqual([success, status], [false, 'error'])
  const errors = Object.fromEntries(outcomes.map(({ tool_name, error }) => [tool_name, error]))
  assert.equal(errors.divide, 'Cannot divide by zero')
  assert.equal(errors.levitate, 'Tool definition not found: levitate')
  assert.match(errors.add!, /a must be a number/)
  assert.equal(dataOf(events, 'act.completed').error_count, 3)
  const messages = await server.call('GET', `/v1/sessions/${session.id}/messages`)
  const results = messages.body.data.filter((m: { role: string }) => m.role === 'tool_result')
  // The outcomes of calls that cannot run come first.
  assert.equal(results.at(-1).content[0].error, 'Cannot divide by zero')
})

test('a turn that exceeds its model calls fails with max_iterations', async (t) => {
  const server = await startServer(t, { env: { TURN_ITERATIONS_MAX: '2' } })
  const agent = await createAgent(server, { capabilities: [{ ref: 'test_math' }] })
  const session = await createSession(server, { agent_id: agent.id })
  const step = { tool_calls: [{ name: 'add', arguments: { a: 1, b: 1 } }] }
  const events = await converse(t, server, session.id, scripted(step, step, step))
  assert.equal(dataOf(events, 'turn.failed').error_code, 'max_iterations')
  assert.equal(events.filter(({ type }) => type === 'reason.started').length, 2)
  assert.equal(typesOf(events).at(-1), 'session.idled')
})

/** A session that calculates, whose model gives its first answer after `reply`. */
async function held(t: TestContext, first: VendorAnswer) {
  const { promise: replies, resolve: reply } = Promise.withResolvers<void>()
  const vendor = await startVendor(t, ({ number }) =>
    number === 1 ? replies.then(() => first) : { text: 'done' },
  )
  const { server, session } = await mathSession(t)
  await addVendorModel(server, vendor)
  return {
    server,
    session,
    stream: await follow(t, server.url, { sessionId: session.id }),
    reply,
  }
}

test('the next model call includes a message sent during the turn', async (t) => {
  const add = { name: 'add', arguments: { a: 1, b: 1 } }
  const { server, session, stream, reply } = await held(t, { calls: [add] })
  await post(server, session.id, 'Add.')
  await stream.event('output.message.started')
  assert.equal((await post(server, session.id, 'and hurry')).status, 201)
  reply()
  await stream.event('session.idled')
  const types = typesOf(stream.events)
  assert.equal(types.filter((type) => type === 'turn.started').length, 1)
  const seen = dataOf(stream.events, 'llm.generation', 2).messages
  assert.deepEqual(
    seen.map(({ role }) => role),
    ['agent', 'tool_result', 'user'],
  )
  assert.match(JSON.stringify(seen.at(-1)), /and hurry/)
  const stored = dataOf(await eventsOf(server, session.id), 'llm.generation', 2)
  assert.deepEqual(stored.messages, seen)
})

test('a message after the last model call gets its own turn', async (t) => {
  const { server, session, stream, reply } = await held(t, { text: 'first' })
  await post(server, session.id, 'first question')
  await stream.event('output.message.started')
  await post(server, session.id, 'second question')
  reply()
  await stream.event('session.idled')
  const stored = (await eventsOf(server, session.id)).slice(1)
  const types = typesOf(stored)
  const from = types.indexOf('turn.completed')
  assert.deepEqual(types.slice(from, from + 3), [
    'turn.completed',
    'session.activated',
    'turn.started',
  ])
  assert.equal(types.filter((type) => type === 'session.idled').length, 1)
  assert.equal(dataOf(stored, 'turn.started', 2).input_content, 'second question')
  assert.notEqual(dataOf(stored, 'turn.started', 2).turn_id, dataOf(stored, 'turn.started').turn_id)
})

test('call ids are unique in a session', async (t) => {
  const { server, session } = await mathSession(t)
  const step = { tool_calls: [{ id: 'same', name: 'add', arguments: { a: 1, b: 1 } }] }
  await converse(t, server, session.id, scripted(step, { text: 'one' }))
  await converse(t, server, session.id, scripted(step, { text: 'two' }))
  const events = await eventsOf(server, session.id)
  const ids = events
    .filter((event) => event.type === 'tool.started')
    .map(({ data }) => data.tool_call.id)
  assert.equal(ids[0], 'same')
  assert.notEqual(ids[1], 'same')
  assert.equal(ids.length, 2)
})

test("a session's config is merged over the agent's and changes the tools", async (t) => {
  const server = await startServer(t)
  const agent = await createAgent(server, {
    capabilities: [{ ref: 'current_time', config: { timezone: 'Asia/Tokyo' } }],
  })
  const step = { tool_calls: [{ name: 'get_current_time', arguments: {} }] }
  const zoneIn = async (capabilities: object[]) => {
    const session = await createSession(server, { agent_id: agent.id, capabilities })
    const events = await converse(t, server, session.id, scripted(step, { text: 'ok' }))
    return JSON.stringify(dataOf(events, 'tool.completed').result)
  }
  assert.match(await zoneIn([]), /Asia\/Tokyo/)
  assert.match(
    await zoneIn([{ ref: 'current_time', config: { timezone: 'Europe/Kyiv' } }]),
    /Europe\/Kyiv/,
  )
})
