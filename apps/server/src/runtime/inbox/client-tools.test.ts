import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { ClientTool, Event } from '@outlast/contract'
import { runSql } from '../../../test/database.ts'
import { startServer } from '../../../test/server.ts'
import {
  createAgent,
  createSession,
  dataOf,
  eventsOf,
  post,
  replyOf,
  type ScriptStep,
  scripted,
  typesOf,
} from '../../../test/session.ts'
import { follow } from '../../../test/stream.ts'
import { eventually } from '../../../test/waiting.ts'

const weather: ClientTool = {
  type: 'client_side',
  name: 'look_outside',
  description: 'Looks out of the window.',
  parameters: { type: 'object', properties: { side: { type: 'string' } } },
}

const calls = (...sides: string[]) => ({
  tool_calls: sides.map((side) => ({
    id: `call_${side}`,
    name: 'look_outside',
    arguments: { side },
  })),
})

type Setup = { env?: Record<string, string>; agent?: object; script?: ScriptStep[] }

/** Starts a session whose turn waits for its client. */
async function waiting(t: TestContext, { env = {}, agent = {}, script }: Setup = {}) {
  const server = await startServer(t, { env })
  const { id } = await createAgent(server, { tools: [weather], ...agent })
  const session = await createSession(server, { agent_id: id })
  const stream = await follow(t, server.url, { sessionId: session.id })
  const steps = script ?? [calls('north'), { text: 'It is sunny.' }]
  assert.equal((await post(server, session.id, scripted(...steps))).status, 201)
  await stream.event('tool.call_requested')
  const path = `/v1/sessions/${session.id}`
  const isParked = async () => (await server.call('GET', path)).body.waiting_for
  return { server, session, stream, path, waitingFor: () => eventually(isParked) }
}

const result = (id: string, value: unknown) => ({ tool_call_id: id, result: value })

test('a turn waits for a client tool and continues with its result', async (t) => {
  const { server, stream, path, session, waitingFor } = await waiting(t)
  const requested = dataOf(stream.events, 'tool.call_requested')!
  assert.deepEqual(requested.tool_calls, [
    { id: 'call_north', name: 'look_outside', arguments: { side: 'north' } },
  ])
  const waits = await waitingFor()
  assert.equal(waits.type, 'tool_results')
  assert.deepEqual(waits.tool_call_ids, ['call_north'])
  assert.deepEqual(waits.calls, [
    {
      tool_call_id: 'call_north',
      tool_name: 'look_outside',
      type: 'tool_results',
      sequence: 11,
      expires_at: requested.expires_at,
    },
  ])
  const shown = (await server.call('GET', path)).body
  assert.equal(shown.status, 'active')
  const active = await server.call('GET', '/v1/sessions?status=active')
  assert.deepEqual(
    active.body.data.map(({ id }: { id: string }) => id),
    [session.id],
  )

  const answer = await server.call('POST', `${path}/tool-results`, {
    tool_results: [result('call_north', { sky: 'blue' })],
  })
  assert.deepEqual(answer, { ...answer, status: 200 })
  assert.deepEqual(answer.body, { accepted: 1, status: 'active', waiting_for: null })
  await stream.event('session.idled')
  const completed = dataOf(stream.events, 'tool.completed')!
  assert.equal(completed.success, true)
  assert.deepEqual(completed.result, [{ type: 'text', text: '{"sky":"blue"}' }])
  assert.equal(replyOf(stream.events), 'It is sunny.')
  assert.deepEqual(
    typesOf(stream.events).filter((type) => /^(tool|act)\.(?!input)/.test(type)),
    ['act.started', 'tool.call_requested', 'tool.completed', 'act.completed'],
  )
  const idle = (await server.call('GET', path)).body
  assert.equal(idle.status, 'idle')
  assert.equal(idle.waiting_for, null)
  const messages = (await server.call('GET', `${path}/messages`)).body.data
  assert.equal(messages[2].role, 'tool_result')
})

test('server tools run during the wait, and their results are kept', async (t) => {
  const steps = [
    {
      tool_calls: [
        ...calls('north').tool_calls,
        { id: 'call_sum', name: 'add', arguments: { a: 2, b: 3 } },
      ],
    },
    { text: 'Both.' },
  ]
  const { server, stream, path, waitingFor } = await waiting(t, {
    agent: { capabilities: [{ ref: 'test_math' }] },
    script: steps,
  })
  await waitingFor()
  const { data: sum } = await stream.event('tool.completed')
  assert.equal(sum.tool_call_id, 'call_sum')
  await server.call('POST', `${path}/tool-results`, {
    tool_results: [result('call_north', 'blue')],
  })
  await stream.event('session.idled')
  const acts = dataOf(stream.events, 'act.completed')!
  assert.equal(acts.success_count, 2)
  assert.equal(replyOf(stream.events), 'Both.')
})

test('results can arrive one by one, each for its call', async (t) => {
  const { server, stream, path, waitingFor } = await waiting(t, {
    script: [calls('north', 'south'), { text: 'Done.' }],
  })
  await waitingFor()
  const first = await server.call('POST', `${path}/tool-results`, {
    tool_results: [result('call_south', 1)],
  })
  assert.equal(first.status, 200)
  assert.deepEqual(first.body.waiting_for.tool_call_ids, ['call_north'])
  const again = await server.call('POST', `${path}/tool-results`, {
    tool_results: [result('call_north', 2), result('call_south', 3)],
  })
  assert.equal(again.status, 409)
  assert.equal(again.body.code, 'tool_call_not_waiting')
  const second = await server.call('POST', `${path}/tool-results`, {
    tool_results: [{ tool_call_id: 'call_north', error: 'The window is shut.' }],
  })
  assert.equal(second.status, 200)
  await stream.event('session.idled')
  const outcomes = stream.events.filter((event) => event.type === 'tool.completed')
  assert.deepEqual(
    outcomes.map(({ data }) => [data.tool_call_id, data.success, data.error]),
    [
      ['call_south', true, undefined],
      ['call_north', false, 'The window is shut.'],
    ],
  )
})

test('of two clients that answer one call, the second gets 409', async (t) => {
  const { server, stream, path, waitingFor } = await waiting(t)
  await waitingFor()
  const answers = await Promise.all(
    [1, 2, 3, 4, 5].map((value) =>
      server.call('POST', `${path}/tool-results`, { tool_results: [result('call_north', value)] }),
    ),
  )
  assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 409, 409, 409, 409])
  await stream.event('session.idled')
  assert.equal(typesOf(stream.events).filter((type) => type === 'tool.completed').length, 1)
})

test('a message ends the wait for the client, and a late result is refused', async (t) => {
  const { server, stream, path, session, waitingFor } = await waiting(t)
  await waitingFor()
  await post(server, session.id, 'Never mind.')
  await stream.event('session.idled')
  const outcome = dataOf(stream.events, 'tool.completed')!
  assert.equal(outcome.status, 'cancelled')
  assert.match(outcome.error!, /Another message arrived/)
  const late = await server.call('POST', `${path}/tool-results`, {
    tool_results: [result('call_north', 1)],
  })
  assert.equal(late.status, 409)
  const turns = typesOf(stream.events).filter((type) => type === 'turn.started')
  assert.equal(turns.length, 1, 'the message is answered in the turn that waited')
})

test('a queued message does not end the wait', async (t) => {
  const { server, stream, path, session, waitingFor } = await waiting(t)
  await waitingFor()
  await post(server, session.id, 'Later.', { on_busy: 'queue' })
  assert.ok((await server.call('GET', path)).body.waiting_for)
  const refused = await post(server, session.id, 'Now?', { on_busy: 'reject' })
  assert.equal(refused.status, 409)
  const tool_results = [result('call_north', 1)]
  assert.equal((await server.call('POST', `${path}/tool-results`, { tool_results })).status, 200)
  await stream.event('session.idled')
  assert.equal(dataOf(stream.events, 'tool.completed')!.success, true)
  assert.equal(typesOf(stream.events).filter((type) => type === 'turn.completed').length, 2)
})

for (const how of ['cancel', 'interrupt'] as const) {
  test(`${how} ends a waiting turn`, async (t) => {
    const { server, stream, path, session, waitingFor } = await waiting(t)
    await waitingFor()
    if (how === 'cancel') assert.equal((await server.call('POST', `${path}/cancel`)).status, 200)
    else await post(server, session.id, 'Stop that.', { on_busy: 'interrupt' })
    await stream.event('session.idled')
    const outcome = dataOf(stream.events, 'tool.completed')!
    assert.deepEqual([outcome.tool_call_id, outcome.status], ['call_north', 'cancelled'])
    const after = (await server.call('GET', path)).body
    assert.deepEqual([after.status, after.waiting_for], ['idle', null])
    const cancelled = typesOf(stream.events).filter((type) => type === 'turn.cancelled')
    assert.equal(cancelled.length, 1)
  })
}

test('after the timeout of a client tool the model reads an error and the turn continues', async (t) => {
  const { stream } = await waiting(t, {
    agent: { tools: [{ ...weather, timeout_seconds: 1 }] },
  })
  await stream.event('session.idled')
  const outcome = dataOf(stream.events, 'tool.completed')!
  assert.deepEqual([outcome.status, outcome.success], ['timeout', false])
  assert.match(outcome.error!, /did not answer in time/)
  assert.equal(replyOf(stream.events), 'It is sunny.')
})

/** A turn that has waited for its client for longer than the time limit of a turn. */
async function waitingForHours(t: TestContext) {
  const { server, session, path, waitingFor } = await waiting(t)
  await waitingFor()
  const later = await startServer(t, { databaseUrl: server.databaseUrl })
  await server.stop()
  const age = `update events set ts = ts - interval '5 hours' where session_id = '${session.id}'`
  await runSql(server.databaseUrl, age)
  const stream = await follow(t, later.url, { sessionId: session.id })
  return { server: later, stream, path, session }
}

test('a wait does not count towards the time limit of the turn', async (t) => {
  const { server, stream, path } = await waitingForHours(t)
  const tool_results = [result('call_north', 1)]
  await server.call('POST', `${path}/tool-results`, { tool_results })
  await stream.event('session.idled')
  assert.equal(replyOf(stream.events), 'It is sunny.')
  assert.ok(dataOf(stream.events, 'turn.completed')!.duration_ms! >= 5 * 3_600_000)
})

test('answers a message after a long wait', async (t) => {
  const { server, stream, session } = await waitingForHours(t)
  await post(server, session.id, 'Never mind.')
  await stream.event('session.idled')
  assert.equal(dataOf(stream.events, 'tool.completed')!.status, 'cancelled')
  assert.equal(dataOf(stream.events, 'turn.failed'), undefined)
  assert.match(replyOf(stream.events), /Another message arrived/)
})

test('accepts a message of the role tool_result, as published clients send it', async (t) => {
  const { server, stream, path, waitingFor } = await waiting(t, {
    script: [calls('north', 'south'), { text: 'Done.' }],
  })
  await waitingFor()
  const parts = ['north', 'south'].map((side) => ({
    type: 'tool_result',
    ...result(`call_${side}`, { side }),
  }))
  const message = { role: 'tool_result', content: parts }
  const sent = await server.call('POST', `${path}/messages`, { message })
  assert.equal(sent.status, 201, JSON.stringify(sent.body))
  assert.equal(sent.body.role, 'tool_result')
  assert.equal(sent.body.content.length, 2)
  await stream.event('session.idled')
  const listed = (await server.call('GET', `${path}/messages`)).body.data
  assert.equal(listed[2].id, sent.body.id)
  const twice = await server.call('POST', `${path}/messages`, { message })
  assert.deepEqual([twice.status, twice.body.code], [409, 'tool_call_not_waiting'])
  const mixed = await server.call('POST', `${path}/messages`, {
    message: { role: 'tool_result', content: [...parts, { type: 'text', text: 'x' }] },
  })
  assert.equal(mixed.status, 400)
  const disguised = await server.call('POST', `${path}/messages`, {
    message: { role: 'user', content: parts },
  })
  assert.equal(disguised.status, 400)
})

test('stores a result that is too long for the model whole in a file', async (t) => {
  const { server, stream, path, waitingFor } = await waiting(t, {
    env: { TOOL_OUTPUT_KB: '1' },
  })
  await waitingFor()
  const long = 'x'.repeat(5_000)
  const tool_results = [result('call_north', { long })]
  assert.equal((await server.call('POST', `${path}/tool-results`, { tool_results })).status, 200)
  await stream.event('session.idled')
  const [part] = dataOf(stream.events, 'tool.completed')!.result as { text: string }[]
  const cut = JSON.parse(part!.text)
  assert.equal(cut.truncated, true)
  const kept = await server.call('GET', `${path}/fs${cut.full_output}`)
  assert.equal(kept.body.content, JSON.stringify({ long }))
})

test('refused results change nothing', async (t) => {
  const { server, path, session, waitingFor } = await waiting(t)
  await waitingFor()
  const before = await eventsOf(server, session.id)
  const url = `${path}/tool-results`
  const refused = async (body: unknown, status: number, code: string, to = url) => {
    const answer = await server.call('POST', to, body)
    assert.deepEqual([answer.status, answer.body.code], [status, code], JSON.stringify(answer.body))
  }
  await refused({ tool_results: [result('call_east', 1)] }, 409, 'tool_call_not_waiting')
  await refused({ tool_results: [] }, 400, 'invalid_request')
  await refused({ tool_results: [{ result: 1 }] }, 400, 'invalid_request')
  const one = result('call_north', 1)
  await refused({ tool_results: [one, one] }, 400, 'invalid_request')
  await refused({ tool_results: [one, result('call_east', 1)] }, 409, 'tool_call_not_waiting')
  const huge = { tool_results: [result('call_north', 'x'.repeat(9 * 1024 * 1024))] }
  await refused(huge, 413, 'body_too_large')
  const nobody = `/v1/sessions/session_${'0'.repeat(32)}/tool-results`
  await refused({ tool_results: [one] }, 404, 'not_found', nobody)
  await refused({ tool_results: [one] }, 400, 'invalid_id', '/v1/sessions/x/tool-results')
  assert.deepEqual(await eventsOf(server, session.id), before)
})

test('names of client tools are unique', async (t) => {
  const server = await startServer(t)
  const create = (fields: object) =>
    server.call('POST', '/v1/agents', { name: 'A', system_prompt: 'x', ...fields })
  const refused = async (fields: object, path: string) => {
    const { status, body } = await create(fields)
    assert.equal(status, 400, JSON.stringify(body))
    assert.equal(body.details[0].path, path)
  }
  await refused({ tools: [weather, weather] }, 'tools/1/name')
  await refused({ tools: [{ ...weather, name: 'two words' }] }, 'tools/0/name')
  await refused({ tools: [{ ...weather, type: 'builtin' }] }, 'tools/0/type')
  const clash = { ...weather, name: 'add' }
  const math = [{ ref: 'test_math' }]
  await refused({ tools: [clash], capabilities: math }, 'tools')
  const fat = { type: 'object' as const, description: 'x'.repeat(70_000) }
  await refused({ tools: [{ ...weather, parameters: fat }] }, 'tools/0/parameters')
  const agent = (await create({ tools: [clash] })).body
  assert.deepEqual(agent.tools, [clash])
  const later = await server.call('PATCH', `/v1/agents/${agent.id}`, { capabilities: math })
  assert.equal(later.status, 400)
  const session = await server.call('POST', '/v1/sessions', {
    agent_id: agent.id,
    capabilities: math,
  })
  assert.equal(session.status, 400)
  const gone = await server.call('PATCH', `/v1/agents/${agent.id}`, { tools: [] })
  assert.equal(gone.body.tools, undefined)
})

test("a session's tool replaces the agent's tool of the same name, also in the preview", async (t) => {
  const server = await startServer(t)
  const agent = await createAgent(server, { tools: [weather] })
  const mine = { ...weather, description: 'Looks at a camera.' }
  const session = await createSession(server, { agent_id: agent.id, tools: [mine] })
  assert.deepEqual(session.tools, [mine])
  const preview = (await server.call('GET', `/v1/sessions/${session.id}/preview`)).body
  assert.deepEqual(preview.tools, [
    {
      type: 'client_side',
      name: 'look_outside',
      description: 'Looks at a camera.',
      parameters: weather.parameters,
      policy: 'auto',
    },
  ])
})

const stored = (events: Event[]) => events.filter(({ sequence }) => sequence !== undefined)

test('the stream and the list report the same events of a turn that waited', async (t) => {
  const { server, stream, path, session, waitingFor } = await waiting(t)
  await waitingFor()
  await server.call('POST', `${path}/tool-results`, { tool_results: [result('call_north', 1)] })
  await stream.event('session.idled')
  const listed = await eventsOf(server, session.id)
  assert.deepEqual(
    stored(stream.events).map(({ id, type }) => [id, type]),
    listed.map(({ id, type }) => [id, type]),
  )
})
