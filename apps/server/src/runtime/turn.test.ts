import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import type { Event, EventType } from '@outlast/contract'
import { startServer } from '../../test/server.ts'
import {
  converse,
  createAgent,
  createSession,
  eventsOf,
  post,
  replyOf,
  scripted,
  typesOf,
} from '../../test/session.ts'
import { follow } from '../../test/stream.ts'

const dashed = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

async function mathSession(t: TestContext) {
  const server = await startServer(t)
  const agent = await createAgent(server, { capabilities: [{ ref: 'test_math' }] })
  return { server, agent, session: await createSession(server, { agent_id: agent.id }) }
}

const dataOf = <T extends EventType>(events: Event[], type: T, n = 1) =>
  events.filter((event) => event.type === type)[n - 1]?.data as Event<T>['data']

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
  assert.equal(deltas.length >= 2, true)
  for (const delta of deltas) assert.equal('sequence' in delta, false)
  const live = streamed.filter(({ type }) => type !== 'output.message.delta')
  assert.deepEqual(
    live.map(({ id }) => id),
    events.slice(1).map(({ id }) => id),
  )
})

test('llm.generation tells what is new, and with expand everything', async (t) => {
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

test('parallel calls start together and end in the order in which they end', async (t) => {
  const { server, session } = await mathSession(t)
  const calls = [1, 2, 3].map((a) => ({ name: 'multiply', arguments: { a, b: 2 } }))
  const events = await converse(
    t,
    server,
    session.id,
    scripted({ tool_calls: calls }, { text: 'ok' }),
  )
  const acting = typesOf(events).filter((type) => /^(act|tool)/.test(type))
  assert.deepEqual(acting, [
    'act.started',
    ...calls.map(() => 'tool.started'),
    ...calls.map(() => 'tool.completed'),
    'act.completed',
  ])
  assert.equal(dataOf(events, 'act.completed').success_count, 3)
})

test('tools that fail, are unknown or get bad arguments are told to the model', async (t) => {
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
  assert.match(errors.add!, /a must be number/)
  assert.equal(dataOf(events, 'act.completed').error_count, 3)
  const messages = await server.call('GET', `/v1/sessions/${session.id}/messages`)
  const results = messages.body.data.filter((m: { role: string }) => m.role === 'tool_result')
  assert.equal(results[0].content[0].error, 'Cannot divide by zero')
})

test('a model that fails for good ends the turn with llm_error, and the next message works', async (t) => {
  const { server, session } = await mathSession(t)
  const error = { message: 'bad key', status: 401 }
  const events = await converse(t, server, session.id, scripted({ error }))
  assert.deepEqual(typesOf(events).slice(-7), [
    'reason.started',
    'output.message.started',
    'llm.generation',
    'output.message.completed',
    'reason.completed',
    'turn.failed',
    'session.idled',
  ])
  const generation = dataOf(events, 'llm.generation')
  assert.equal(generation.metadata.success, false)
  assert.deepEqual(generation.metadata.finish_reasons, ['error'])
  assert.match(generation.metadata.error!, /bad key/)
  assert.equal(dataOf(events, 'reason.completed').success, false)
  assert.equal(dataOf(events, 'turn.failed').error_code, 'llm_error')
  assert.doesNotMatch(dataOf(events, 'turn.failed').error, /bad key/)
  assert.match(replyOf(await converse(t, server, session.id, 'hello')), /simulated/i)
})

test('a call that breaks is asked again as the same message, and only its last text counts', async (t) => {
  const { server, session } = await mathSession(t)
  const error = { message: 'overloaded', status: 529, after_characters: 6, fail_attempts: 1 }
  const events = await converse(t, server, session.id, scripted({ text: 'Hello there', error }))
  const started = events.filter((event) => event.type === 'output.message.started')
  assert.equal(started.length, 2)
  assert.equal(started[0]!.data.message_id, started[1]!.data.message_id)
  assert.equal(started[1]!.data.attempt, 2)
  assert.equal(replyOf(events), 'Hello there')
  assert.equal(dataOf(events, 'output.message.completed').message.id, started[0]!.data.message_id)
  assert.equal(dataOf(events, 'llm.generation').metadata.retry?.attempts, 1)
  const after = events.slice(events.indexOf(started[1]!))
  const text = after
    .filter((event) => event.type === 'output.message.delta')
    .map(({ data }) => data.delta)
    .join('')
  assert.equal(text, 'Hello there')
})

test('when retries are used up the partial text is kept', async (t) => {
  const server = await startServer(t, { env: { MODEL_ATTEMPTS_MAX: '2' } })
  const session = await createSession(server)
  const error = { message: 'cut', status: 500, after_characters: 6 }
  const events = await converse(t, server, session.id, scripted({ text: 'Hello there', error }))
  assert.equal(replyOf(events), 'Hello ')
  assert.deepEqual(dataOf(events, 'llm.generation').metadata.finish_reasons, ['error'])
  assert.equal(dataOf(events, 'turn.failed').error_code, 'llm_error')
})

test('a turn that goes on and on ends with max_iterations', async (t) => {
  const server = await startServer(t, { env: { TURN_ITERATIONS_MAX: '2' } })
  const agent = await createAgent(server, { capabilities: [{ ref: 'test_math' }] })
  const session = await createSession(server, { agent_id: agent.id })
  const step = { tool_calls: [{ name: 'add', arguments: { a: 1, b: 1 } }] }
  const events = await converse(t, server, session.id, scripted(step, step, step))
  assert.equal(dataOf(events, 'turn.failed').error_code, 'max_iterations')
  assert.equal(events.filter(({ type }) => type === 'reason.started').length, 2)
  assert.equal(typesOf(events).at(-1), 'session.idled')
})

test('a message during a turn is seen at the next model call', async (t) => {
  const { server, session } = await mathSession(t)
  const stream = await follow(t, server.url, { sessionId: session.id })
  await post(
    server,
    session.id,
    scripted(
      { delay_ms: 300, tool_calls: [{ name: 'add', arguments: { a: 1, b: 1 } }] },
      { text: 'done' },
    ),
  )
  await stream.event('output.message.started')
  assert.equal((await post(server, session.id, 'and hurry')).status, 201)
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

test('a message too late for the last model call gets a turn of its own', async (t) => {
  const { server, session } = await mathSession(t)
  const stream = await follow(t, server.url, { sessionId: session.id })
  await post(server, session.id, scripted({ delay_ms: 300, text: 'first' }))
  await stream.event('output.message.started')
  await post(server, session.id, 'second question')
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

test('thinking is streamed, stored once and kept out of the list of messages', async (t) => {
  const { server, session } = await mathSession(t)
  const script = scripted({ thinking: 'Let me think about it.', text: 'Yes.' })
  const events = await converse(t, server, session.id, script)
  const thought = events
    .filter((event) => event.type === 'reason.thinking.delta')
    .map(({ data }) => data.delta)
    .join('')
  assert.equal(thought, 'Let me think about it.')
  assert.equal(dataOf(events, 'reason.thinking.completed').thinking, thought)
  assert.equal(dataOf(events, 'output.message.completed').message.thinking, thought)
  const { body } = await server.call('GET', `/v1/sessions/${session.id}/messages`)
  assert.doesNotMatch(JSON.stringify(body.data.at(-1)), /think/)
})

test('an effort asks for thinking and is told', async (t) => {
  const { server, session } = await mathSession(t)
  const stream = await follow(t, server.url, { sessionId: session.id })
  await post(server, session.id, 'hi', { controls: { reasoning: { effort: 'high' } } })
  await stream.event('session.idled')
  assert.ok(await stream.event('reason.thinking.started'))
  const { message } = dataOf(stream.events, 'output.message.completed')
  assert.equal(message.metadata?.reasoning_effort, 'high')
})

test('ids of calls tell them apart in the whole session', async (t) => {
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

test('the model chain: controls, session, agent, system default', async (t) => {
  const server = await startServer(t)
  const echo = await server.call(
    'POST',
    '/v1/llm-providers/provider_01933b5a000070008000000000000003/models',
    { model_id: 'llmsim-echo', display_name: 'Echo' },
  )
  assert.equal(echo.status, 201, JSON.stringify(echo.body))
  const latency = 'model_01933b5a000070008000000000000402'
  const agent = await createAgent(server, { default_model_id: latency })
  const modelIn = async (sessionId: string, fields: object) => {
    const stream = await follow(t, server.url, { sessionId })
    await post(server, sessionId, 'hi', fields)
    return dataOf([await stream.event('reason.started')], 'reason.started').metadata?.model
  }
  const plain = await createSession(server)
  assert.equal(await modelIn(plain.id, {}), 'llmsim-default')
  const ofAgent = await createSession(server, { agent_id: agent.id })
  assert.equal(ofAgent.model_id, latency)
  assert.equal(await modelIn(ofAgent.id, {}), 'llmsim-latency')
  const own = await createSession(server, { agent_id: agent.id, model_id: echo.body.id })
  assert.equal(await modelIn(own.id, {}), 'llmsim-echo')
  const steered = await createSession(server, { agent_id: agent.id })
  assert.equal(await modelIn(steered.id, { controls: { model_id: echo.body.id } }), 'llmsim-echo')
  const gone = await createSession(server, { agent_id: agent.id, model_id: echo.body.id })
  await server.call('PATCH', `/v1/llm-models/${echo.body.id}`, { status: 'disabled' })
  assert.equal(await modelIn(gone.id, {}), 'llmsim-latency')
})

test('without any model the turn says so and the session stays usable', async (t) => {
  const server = await startServer(t)
  const session = await createSession(server)
  const simulated = 'provider_01933b5a000070008000000000000003'
  await server.call('PATCH', `/v1/llm-providers/${simulated}`, { status: 'disabled' })
  const events = await converse(t, server, session.id, 'hi')
  assert.match(dataOf(events, 'llm.generation').metadata.error!, /^No model configured/)
  assert.equal(dataOf(events, 'turn.failed').error_code, 'llm_error')
  await server.call('PATCH', `/v1/llm-providers/${simulated}`, { status: 'active' })
  assert.match(replyOf(await converse(t, server, session.id, 'hi')), /simulated/i)
})

test("a session's config is merged over the agent's and changes what tools do", async (t) => {
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
