import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { addEvent, createOutlast, emptyTranscript, isOutlastError, itemsOf } from '@outlast/sdk'
import { addVendorModel, startVendor } from '../../../test/remotes/vendor.ts'
import { startServer } from '../../../test/server.ts'
import { converse, createAgent, eventsOf, typesOf } from '../../../test/session.ts'

const text = (value: string) => ({ type: 'text', text: value })
const call = (id: string) => ({ type: 'tool_call', id, name: 'find_order', arguments: { id } })
const result = (id: string) => ({ type: 'tool_result', tool_call_id: id, result: { id } })

const history = [
  { role: 'user', content: [text('Where is order 7?')] },
  { role: 'agent', content: [text('I will look.'), call('a'), call('b')] },
  { role: 'tool_result', content: [result('b')] },
  { role: 'tool_result', content: [{ type: 'tool_result', tool_call_id: 'a', error: 'Unknown.' }] },
  { role: 'agent', content: [text('It is on its way.')] },
]

async function start(t: TestContext) {
  const vendor = await startVendor(t, () => ({ text: 'Yes.' }))
  const server = await startServer(t)
  await addVendorModel(server, vendor)
  const agent = await createAgent(server)
  const create = (messages: unknown, fields: object = {}) =>
    server.call('POST', '/v1/sessions', { agent_id: agent.id, messages, ...fields })
  return { vendor, server, create }
}

test('a session begins with earlier messages, which start no turn and are in the next prompt', async (t) => {
  const { vendor, server, create } = await start(t)
  const { status, body } = await create(history)
  assert.equal(status, 201)
  assert.deepEqual(
    [body.status, body.preview, body.output_preview, body.started_at, body.last_turn],
    ['started', 'Where is order 7?', 'It is on its way.', null, null],
  )
  const events = await eventsOf(server, body.id)
  assert.deepEqual(typesOf(events), [
    'session.started',
    'input.message',
    'output.message.completed',
    'tool.completed',
    'tool.completed',
    'output.message.completed',
  ])
  assert.ok(events.slice(1).every(({ data }) => 'imported' in data && data.imported))
  const { data } = (await server.call('GET', `/v1/sessions/${body.id}/messages`)).body
  assert.deepEqual(
    data.map(({ role }: { role: string }) => role),
    ['user', 'agent', 'tool_result', 'tool_result', 'agent'],
  )
  await converse(t, server, body.id, 'Are you sure?')
  assert.equal(vendor.requests.length, 1)
  const [, ...prompt] = vendor.requests[0]!.body.messages
  assert.deepEqual(
    prompt.map(({ role, content, tool_calls, tool_call_id }) => [
      role,
      tool_call_id ?? tool_calls?.map(({ id }) => id) ?? content,
    ]),
    [
      ['user', 'Where is order 7?'],
      ['assistant', ['a', 'b']],
      ['tool', 'a'],
      ['tool', 'b'],
      ['assistant', 'It is on its way.'],
      ['user', 'Are you sure?'],
    ],
  )
  await converse(t, server, body.id, 'Thanks.')
  assert.equal(vendor.requests[1]!.body.messages.length, 9)
})

test('refuses earlier messages that no conversation can have, and stores nothing', async (t) => {
  const { server, create } = await start(t)
  const user = { role: 'user', content: [text('Hi')] }
  const asks = { role: 'agent', content: [call('a')] }
  const answers = { role: 'tool_result', content: [result('a')] }
  const cases: [unknown[], number, string][] = [
    [[asks], 400, 'tool_call_unpaired'],
    [[asks, user, answers], 400, 'tool_call_unpaired'],
    [[asks, answers, answers], 400, 'tool_call_unpaired'],
    [[answers], 400, 'tool_call_unpaired'],
    [[user, asks, answers, asks, answers], 400, 'tool_call_unpaired'],
    [[{ role: 'agent', content: [call('a'), call('a')] }, answers], 400, 'tool_call_unpaired'],
    [[{ role: 'user', content: [call('a')] }], 400, 'invalid_request'],
    [[{ role: 'user', content: [result('a')] }], 400, 'invalid_request'],
    [[asks, { role: 'agent', content: [result('a')] }], 400, 'invalid_request'],
    [[{ role: 'agent', content: [{ ...call('a'), arguments: 'x' }] }], 400, 'invalid_request'],
    [[{ role: 'system', content: [text('Obey.')] }], 400, 'invalid_request'],
    [[{ role: 'user', content: [] }], 400, 'invalid_request'],
    [Array(201).fill(user), 400, 'invalid_request'],
    [[{ role: 'user', content: [text('x'.repeat(1024 * 1024))] }], 413, 'history_too_large'],
  ]
  for (const [messages, status, code] of cases) {
    const { status: got, body } = await create(messages)
    assert.deepEqual([got, body.code], [status, code], JSON.stringify(messages).slice(0, 200))
  }
  assert.equal((await server.call('GET', '/v1/sessions')).body.total, 0)
  assert.equal((await create(Array(200).fill(user))).status, 201)
})

test('only the call that creates the session of a key stores its messages', async (t) => {
  const { server, create } = await start(t)
  const answers = await Promise.all(
    Array.from({ length: 6 }, () => create(history, { key: 'chat' })),
  )
  assert.deepEqual(answers.map(({ status }) => status).sort(), [...Array(5).fill(200), 201])
  const { id } = answers[0]!.body
  assert.equal((await create(history.slice(0, 1), { key: 'chat' })).body.id, id)
  assert.equal((await eventsOf(server, id)).length, 1 + history.length)
})

test('a session with earlier messages can be forked and retaken before its first turn', async (t) => {
  const { vendor, server, create } = await start(t)
  const { body } = await create(history)
  const fork = (await server.call('POST', `/v1/sessions/${body.id}/fork`, {})).body
  assert.deepEqual([fork.status, fork.last_turn, fork.preview], ['started', null, body.preview])
  assert.equal((await eventsOf(server, fork.id)).length, 1 + history.length)
  await converse(t, server, fork.id, 'Go on.')
  assert.equal(vendor.requests[0]!.body.messages.length, 7)
  const first = (await eventsOf(server, body.id)).find((event) => event.type === 'input.message')!
  const retaken = await server.call('POST', `/v1/sessions/${body.id}/retake`, {
    message_id: first.data.message.id,
  })
  assert.equal(retaken.status, 201)
})

test('a fork between an earlier call and its result has an outcome for the call', async (t) => {
  const { server, create } = await start(t)
  const { body } = await create(history)
  const fork = { at_sequence: 4 }
  const forked = (await server.call('POST', `/v1/sessions/${body.id}/fork`, fork)).body
  const outcomes = (await eventsOf(server, forked.id)).flatMap((event) =>
    event.type === 'tool.completed' ? [event.data] : [],
  )
  assert.deepEqual(
    outcomes.map(({ tool_call_id, status, imported }) => [tool_call_id, status, imported]),
    [
      ['b', 'success', true],
      ['a', 'cancelled', true],
    ],
  )
  assert.equal(forked.status, 'started')
})

test('clients show earlier messages, and find no turn to resume', async (t) => {
  const { server, create } = await start(t)
  const { body } = await create(history)
  const transcript = (await eventsOf(server, body.id)).reduce(addEvent, emptyTranscript)
  assert.equal(transcript.status, 'idle')
  assert.deepEqual(
    [...itemsOf(transcript)].map((item) =>
      item.kind === 'tool_call' ? [item.id, item.status, item.arguments] : item.kind,
    ),
    [
      'user_message',
      'agent_message',
      ['a', 'failed', { id: 'a' }],
      ['b', 'done', { id: 'b' }],
      'agent_message',
    ],
  )
  const outlast = createOutlast({ url: server.url })
  await assert.rejects(
    async () => await outlast.session(body.id).resume(),
    (error) => isOutlastError(error, 'no_turn'),
  )
})
