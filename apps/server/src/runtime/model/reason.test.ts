import assert from 'node:assert/strict'
import test from 'node:test'
import type { Event } from '@outlast/contract'
import { startServer } from '../../../test/server.ts'
import {
  converse,
  createAgent,
  createSession,
  dataOf,
  mathSession,
  post,
  replyOf,
  scripted,
  typesOf,
} from '../../../test/session.ts'
import { follow } from '../../../test/stream.ts'

test('a permanent failure ends the turn with its kind, and the next message works', async (t) => {
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
  assert.equal(generation.metadata.error_code, 'llm_bad_key')
  assert.equal(dataOf(events, 'reason.completed').success, false)
  assert.equal(dataOf(events, 'turn.failed').error_code, 'llm_bad_key')
  const others = events.filter(({ type }) => !['input.message', 'llm.generation'].includes(type))
  const told = JSON.stringify(others.map(({ type, data }) => (type === 'turn.started' ? {} : data)))
  assert.doesNotMatch(told, /bad key/, 'what the vendor said stands in llm.generation only')
  assert.match(replyOf(await converse(t, server, session.id, 'hello')), /simulated/i)
})

test('retries a broken call as the same message, and keeps only the last text', async (t) => {
  const { server, session } = await mathSession(t)
  const error = { message: 'overloaded', status: 529, after_characters: 6, fail_attempts: 1 }
  const script = scripted({ text: 'Hello there', error })
  const isDelta = (event: Event) => event.type === 'output.message.delta'
  const events = await streamed(
    () => converse(t, server, session.id, script),
    (all) => all.slice(all.findLastIndex(isStart)).some(isDelta),
  )
  const started = events.filter(isStart)
  assert.equal(started.length, 2)
  assert.equal(started[0]!.data.message_id, started[1]!.data.message_id)
  assert.equal(started[1]!.data.attempt, 2)
  assert.equal(replyOf(events), 'Hello there')
  assert.equal(dataOf(events, 'output.message.completed').message.id, started[0]!.data.message_id)
  assert.equal(dataOf(events, 'llm.generation').metadata.retry?.attempts, 1)
  const after = events.slice(events.indexOf(started[1]!))
  const text = after
    .filter(isDelta)
    .map(({ data }) => data.delta)
    .join('')
  assert.equal(text, 'Hello there')
})

const isStart = (event: Event) => event.type === 'output.message.started'

/** Repeats a turn whose reply ended before its stream had the start: then it sends no deltas. */
async function streamed(turn: () => Promise<Event[]>, isStreamed: (events: Event[]) => boolean) {
  for (;;) {
    const events = await turn()
    if (isStreamed(events)) return events
  }
}

test('keeps the partial text after the last retry', async (t) => {
  const server = await startServer(t, { env: { MODEL_ATTEMPTS_MAX: '2' } })
  const session = await createSession(server)
  const error = { message: 'cut', status: 500, after_characters: 6 }
  const events = await converse(t, server, session.id, scripted({ text: 'Hello there', error }))
  assert.equal(replyOf(events), 'Hello ')
  const { finish_reasons, retry } = dataOf(events, 'llm.generation').metadata
  assert.deepEqual([finish_reasons, retry?.error_codes], [['error'], ['llm_overloaded']])
  assert.equal(dataOf(events, 'turn.failed').error_code, 'llm_overloaded')
})

test('streams thinking, stores it once and omits it from the list of messages', async (t) => {
  const { server, session } = await mathSession(t)
  const slow = { tokens_per_second: 8 }
  const script = scripted({ thinking: 'Let me think about it.', text: 'Yes.', ...slow })
  const events = await streamed(
    () => converse(t, server, session.id, script),
    (all) => all.some(({ type }) => type === 'reason.thinking.delta'),
  )
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

test('an effort requests thinking and is reported', async (t) => {
  const { server, session } = await mathSession(t)
  const stream = await follow(t, server.url, { sessionId: session.id })
  await post(server, session.id, 'hi', { controls: { reasoning: { effort: 'high' } } })
  await stream.event('session.idled')
  assert.ok(await stream.event('reason.thinking.started'))
  const { message } = dataOf(stream.events, 'output.message.completed')
  assert.equal(message.metadata?.reasoning_effort, 'high')
})

test('chooses the model by message, session, agent and system default, in this order', async (t) => {
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

test('without a model the turn fails with a reason and the session stays usable', async (t) => {
  const server = await startServer(t)
  const session = await createSession(server)
  const simulated = 'provider_01933b5a000070008000000000000003'
  await server.call('PATCH', `/v1/llm-providers/${simulated}`, { status: 'disabled' })
  const events = await converse(t, server, session.id, 'hi')
  assert.match(dataOf(events, 'llm.generation').metadata.error!, /^No model is configured/)
  assert.equal(dataOf(events, 'turn.failed').error_code, 'llm_not_configured')
  await server.call('PATCH', `/v1/llm-providers/${simulated}`, { status: 'active' })
  assert.match(replyOf(await converse(t, server, session.id, 'hi')), /simulated/i)
})
