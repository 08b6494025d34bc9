import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { type TestContext, test } from 'node:test'
import type { Event } from '@outlast/contract'
import {
  addVendorModel,
  beginStream,
  sendDelta,
  startVendor,
  type VendorRequest,
} from '../../test/remotes/vendor.ts'
import { startServer } from '../../test/server.ts'
import {
  createAgent,
  createSession,
  dataOf,
  eventsOf,
  post,
  type ScriptStep,
  scripted,
  typesOf,
} from '../../test/session.ts'
import { follow } from '../../test/stream.ts'

const invoice = {
  type: 'object',
  properties: { total: { type: 'number' }, currency: { enum: ['EUR', 'USD'] } },
  required: ['total', 'currency'],
  additionalProperties: false,
} as const
const valid = { total: 12.5, currency: 'EUR' }
const wanted = { controls: { output_schema: invoice } }

type Server = Awaited<ReturnType<typeof startServer>>

async function answered(
  t: TestContext,
  server: Server,
  sessionId: string,
  { steps, fields = {} }: { steps: ScriptStep[]; fields?: object },
): Promise<Event[]> {
  const before = (await eventsOf(server, sessionId)).at(-1)!.sequence
  const stream = await follow(t, server.url, { sessionId, query: `?after_sequence=${before}` })
  const { status, body } = await post(server, sessionId, scripted(...steps), fields)
  assert.equal(status, 201, JSON.stringify(body))
  await stream.event('session.idled')
  stream.close()
  return eventsOf(server, sessionId, `?after_sequence=${before}`)
}

test('an answer that matches the schema is the output of its turn', async (t) => {
  const server = await startServer(t)
  const { id } = await createSession(server)
  const events = await answered(t, server, id, { steps: [{ output: valid }], fields: wanted })
  assert.deepEqual(dataOf(events, 'turn.completed').output, valid)
  assert.equal(dataOf(events, 'turn.completed').iterations, 1)
  assert.match(dataOf(events, 'turn.started').output_schema_hash!, /^[0-9a-f]{64}$/)
  const plain = await answered(t, server, id, { steps: [{ text: 'Hello.' }] })
  assert.ok(!('output' in dataOf(plain, 'turn.completed')), 'the schema holds for one turn')
  assert.ok(!('output_schema_hash' in dataOf(plain, 'turn.started')))
})

test('an answer in a code block counts as JSON', async (t) => {
  const server = await startServer(t)
  const { id } = await createSession(server)
  const text = `\`\`\`json\n${JSON.stringify(valid)}\n\`\`\``
  const events = await answered(t, server, id, { steps: [{ text }], fields: wanted })
  assert.deepEqual(dataOf(events, 'turn.completed').output, valid)
})

test('tools run before the answer, which alone is held against the schema', async (t) => {
  const server = await startServer(t)
  const agent = await createAgent(server, { capabilities: [{ ref: 'test_math' }] })
  const { id } = await createSession(server, { agent_id: agent.id })
  const call = { name: 'add', arguments: { a: 1, b: 2 } }
  const steps = [{ text: 'Adding.', tool_calls: [call] }, { output: valid }]
  const events = await answered(t, server, id, { steps, fields: wanted })
  assert.deepEqual(dataOf(events, 'turn.completed').output, valid)
  assert.equal(dataOf(events, 'tool.completed').status, 'success')
  assert.ok(!('output_errors' in dataOf(events, 'output.message.completed')))
})

test('the model corrects an invalid answer once, and the log has both answers', async (t) => {
  const server = await startServer(t)
  const { id } = await createSession(server)
  const steps = [{ output: { total: 'a lot', currency: 'EUR' } }, { output: valid }]
  const events = await answered(t, server, id, { steps, fields: wanted })
  const [first, second] = events.filter((event) => event.type === 'output.message.completed')
  assert.deepEqual(first!.data.output_errors, [{ path: '/total', message: 'must be a number' }])
  assert.ok(!('output_errors' in second!.data))
  assert.deepEqual(dataOf(events, 'turn.completed').output, valid)
  assert.equal(dataOf(events, 'turn.completed').iterations, 2)
  const seen = JSON.stringify(dataOf(events, 'llm.generation', 2).messages)
  assert.match(seen, /does not match the required JSON Schema.*total must be a number/)
  const { body } = await server.call('GET', `/v1/sessions/${id}/messages`)
  assert.equal(body.data.length, 3, 'the correction is no message of the conversation')
})

test('a second invalid answer fails the turn with its violations', async (t) => {
  const server = await startServer(t)
  const { id } = await createSession(server)
  const steps = [{ text: 'Twelve.' }, { output: { total: 1, currency: 'GBP', more: 1 } }]
  const events = await answered(t, server, id, { steps, fields: wanted })
  const failed = dataOf(events, 'turn.failed')
  assert.equal(failed.error_code, 'output_invalid')
  assert.deepEqual(failed.output_errors!.map(({ path }) => path).sort(), ['', '/currency'])
  const answers = events.filter((event) => event.type === 'output.message.completed')
  assert.equal(answers.length, 2, 'one correction and no more')
  assert.equal(typesOf(events).at(-1), 'session.idled')
  const { body } = await server.call('GET', `/v1/sessions/${id}/why`)
  assert.deepEqual([body.state, body.error_code], ['failed', 'output_invalid'])
  const next = await answered(t, server, id, { steps: [{ output: valid }], fields: wanted })
  assert.deepEqual(dataOf(next, 'turn.completed').output, valid, 'the session continues')
})

test('violations have no characters that PostgreSQL refuses', async (t) => {
  const server = await startServer(t)
  const { id } = await createSession(server)
  const output = { ...valid, '\u0000 \ud800': 1 }
  const events = await answered(t, server, id, { steps: [{ output }, { output }], fields: wanted })
  const { output_errors } = dataOf(events, 'turn.failed')
  assert.doesNotMatch(JSON.stringify(output_errors), /\\u0000|\\ud800/)
  assert.match(JSON.stringify(output_errors), /\ufffd \ufffd/)
})

test("the agent's schema holds where the message has none", async (t) => {
  const server = await startServer(t)
  const agent = await createAgent(server, { output_schema: invoice })
  assert.deepEqual(agent.output_schema, invoice)
  const { id } = await createSession(server, { agent_id: agent.id })
  const events = await answered(t, server, id, { steps: [{ output: valid }] })
  assert.deepEqual(dataOf(events, 'turn.completed').output, valid)
  const text = { controls: { output_schema: {} } }
  const plain = await answered(t, server, id, { steps: [{ text: 'Hi.' }], fields: text })
  assert.ok(!('output' in dataOf(plain, 'turn.completed')), 'an empty schema means text')
  const other = { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] }
  const fields = { controls: { output_schema: other } }
  const own = await answered(t, server, id, { steps: [{ output: { a: 'b' } }], fields })
  assert.deepEqual(dataOf(own, 'turn.completed').output, { a: 'b' })
  const path = `/v1/agents/${agent.id}`
  const removed = await server.call('PATCH', path, { output_schema: {} })
  assert.ok(removed.status === 200 && !('output_schema' in removed.body))
  const after = await answered(t, server, id, { steps: [{ text: 'Hi.' }] })
  assert.ok(!('output' in dataOf(after, 'turn.completed')))
})

test('a simulated model without a script answers with an example', async (t) => {
  const server = await startServer(t)
  const { id } = await createSession(server)
  const stream = await follow(t, server.url, { sessionId: id })
  await post(server, id, 'What does it cost?', wanted)
  const { data } = await stream.event('turn.completed')
  assert.deepEqual(Object.keys((data as { output: object }).output), ['total', 'currency'])
})

test('a pattern that takes too long ends the turn, and the server goes on', async (t) => {
  const server = await startServer(t)
  const { id } = await createSession(server)
  const pattern = '^(a+)+$'
  const schema = { type: 'object', properties: { a: { type: 'string', pattern } } }
  const step = { output: { a: `${'a'.repeat(60)}b` } }
  const fields = { controls: { output_schema: schema } }
  const events = await answered(t, server, id, { steps: [step, step], fields })
  const { error_code, output_errors } = dataOf(events, 'turn.failed')
  assert.equal(error_code, 'output_invalid')
  assert.match(output_errors![0]!.message, /patterns of the schema are too slow/)
})

/** Together longer than a reply may be. */
const fillers = 41
const filler = 'x'.repeat(100_000)

const outputOf = (events: Event[]) => dataOf(events, 'turn.completed').output

/** A session on a server of Chat Completions, whose models are unknown to the catalogue. */
async function vendorSession(
  t: TestContext,
  reply: (request: VendorRequest) => object,
  fields: object = {},
) {
  const vendor = await startVendor(t, (request) => reply(request) as never)
  const server = await startServer(t, { env: { PRIVATE_HOSTS_ALLOWED: '127.0.0.1' } })
  await addVendorModel(server, vendor)
  const agent = await createAgent(server, fields)
  const session = await createSession(server, { agent_id: agent.id })
  return { vendor, server, session }
}

// biome-ignore lint/suspicious/noExplicitAny: requests of every shape
const bodiesOf = ({ requests }: { requests: VendorRequest[] }): any[] =>
  requests.map(({ body }) => body)

for (const [what, delta] of [
  ['an answer by a tool', { tool_calls: [{ index: 0, function: { arguments: filler } }] }],
  ['text beside the tool', { content: filler }],
] as const) {
  test(`${what} that does not end fails the turn`, async (t) => {
    const endless = (response: ServerResponse) => {
      beginStream(response)
      const name = 'final_answer'
      const call = { index: 0, id: 'call_0', type: 'function', function: { name, arguments: '' } }
      sendDelta(response, { tool_calls: [call] })
      for (let n = 0; n < fillers; n += 1) sendDelta(response, delta)
    }
    const { vendor, server, session } = await vendorSession(t, () => endless, {
      capabilities: [{ ref: 'test_math' }],
    })
    const stream = await follow(t, server.url, { sessionId: session.id })
    await post(server, session.id, 'What does it cost?', wanted)
    const { data } = await stream.event('turn.failed')
    assert.equal((data as { error_code: string }).error_code, 'llm_bad_response')
    assert.equal(vendor.requests.length, 1)
  })
}

test('a model without response formats answers by a required tool', async (t) => {
  const replies = [
    { calls: [{ name: 'add', arguments: { a: 1, b: 2 } }] },
    { text: 'Here it is:', calls: [{ name: 'final_answer', arguments: { total: 'x' } }] },
    { calls: [{ name: 'final_answer', arguments: valid }] },
  ]
  const tools = { capabilities: [{ ref: 'test_math' }] }
  const { vendor, server, session } = await vendorSession(
    t,
    ({ number }) => replies[number - 1]!,
    tools,
  )
  const events = await answered(t, server, session.id, { steps: [], fields: wanted })
  assert.deepEqual(outputOf(events), valid)
  const answer = events.findLast((event) => event.type === 'output.message.completed')!
  assert.deepEqual(answer.data.message.content, [{ type: 'text', text: JSON.stringify(valid) }])
  const [first, , third] = bodiesOf(vendor)
  assert.equal(first.tool_choice, 'required')
  assert.ok(!('response_format' in first))
  const tool = first.tools.at(-1).function
  assert.deepEqual([tool.name, tool.parameters], ['final_answer', invoice])
  const said = third.messages.map(({ role, content }: { role: string; content: unknown }) => [
    role,
    content,
  ])
  assert.deepEqual(said.at(-2), ['assistant', '{"total":"x"}'], 'without the text beside the call')
  assert.match(said.at(-1)[1], /does not match the required JSON Schema/)
})

test('a model that ignores the required tool may answer in text', async (t) => {
  const reply = () => ({ text: JSON.stringify(valid) })
  const tools = { capabilities: [{ ref: 'test_math' }] }
  const { server, session } = await vendorSession(t, reply, tools)
  assert.deepEqual(
    outputOf(await answered(t, server, session.id, { steps: [], fields: wanted })),
    valid,
  )
})

test('a turn without a schema sends no schema, no tool and no choice', async (t) => {
  const { vendor, server, session } = await vendorSession(t, () => ({ text: 'Hi.' }))
  await answered(t, server, session.id, { steps: [] })
  const [body] = bodiesOf(vendor)
  for (const field of ['response_format', 'tools', 'tool_choice']) assert.ok(!(field in body))
})

test('a turn keeps the schema of its start when its agent is edited', async (t) => {
  const server = await startServer(t)
  const tools = [{ type: 'client_side', name: 'look', description: 'Looks.' }]
  const agent = await createAgent(server, { output_schema: invoice, tools })
  const { id } = await createSession(server, { agent_id: agent.id })
  const stream = await follow(t, server.url, { sessionId: id })
  const call = { id: 'call_1', name: 'look', arguments: {} }
  await post(server, id, scripted({ tool_calls: [call] }, { output: { a: 1 } }, { output: valid }))
  await stream.event('tool.call_requested')
  const other = { type: 'object', properties: { a: { type: 'number' } }, required: ['a'] }
  for (const output_schema of [other, {}]) {
    const changed = await server.call('PATCH', `/v1/agents/${agent.id}`, { output_schema })
    assert.equal(changed.status, 200)
  }
  const results = { tool_results: [{ tool_call_id: 'call_1', result: 1 }] }
  await server.call('POST', `/v1/sessions/${id}/tool-results`, results)
  await stream.event('session.idled')
  assert.deepEqual(outputOf(await eventsOf(server, id)), valid)
})
