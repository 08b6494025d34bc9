import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import OpenAI from 'openai'
import type { Response, ResponseStreamEvent } from 'openai/resources/responses/responses'
import { addBudget, changeBudget } from '../../../../test/budgets.ts'
import { beforeAll } from '../../../../test/hooks.ts'
import { startServer } from '../../../../test/server.ts'
import {
  createAgent,
  eventsOf,
  replyOf,
  type ScriptStep,
  scripted,
  sessionOf,
} from '../../../../test/session.ts'
import { eventually } from '../../../../test/waiting.ts'

let server: Awaited<ReturnType<typeof startServer>>
let openai: OpenAI
beforeAll(async (t) => {
  server = await startServer(t)
  openai = new OpenAI({ baseURL: `${server.url}/openai/v1`, apiKey: 'none', maxRetries: 0 })
  const files = { ref: 'session_file_system', config: { requires_approval: ['write_file'] } }
  const capabilities = [files, { ref: 'test_math' }, { ref: 'ask_user' }]
  await createAgent(server, { name: 'ada', capabilities })
})

const model = 'agent:ada'
const ask = (...steps: ScriptStep[]) => ({ model, input: scripted(...steps) })
const call = (name: string, args: object, id = 'call_1') => ({ id, name, arguments: args })

const weather = {
  type: 'function' as const,
  name: 'get_weather',
  description: 'Tells the weather.',
  parameters: { type: 'object', properties: { city: { type: 'string' } } },
  strict: false,
}
const rain = call('get_weather', { city: 'Rome' })

async function chunksOf(stream: AsyncIterable<ResponseStreamEvent>) {
  const chunks: ResponseStreamEvent[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return chunks
}

const invalid = (param: string) => ({ status: 400, code: 'invalid_request', param })

const typesOf = (items: { type: string }[]) => items.map(({ type }) => type)

/** The part of a stream after a number: each kind of text, and the other chunks. */
function contentAfter(chunks: ResponseStreamEvent[], number: number) {
  const texts: Record<string, string> = {}
  const rest = chunks.filter((chunk) => {
    const left = chunk.sequence_number - number
    if (left <= 0 || !chunk.type.endsWith('_text.delta')) return left > 0
    const { delta, item_id } = chunk as { delta: string; item_id: string }
    const name = `${chunk.type} ${item_id}`
    texts[name] = (texts[name] ?? '') + delta.slice(-Math.min(delta.length, left))
    return false
  })
  return { texts, rest }
}

async function assertRejects(work: Promise<unknown>, expected: object) {
  await assert.rejects(work, (error: InstanceType<typeof OpenAI.APIError>) => {
    const { status, code, param } = error
    assert.deepEqual({ status, code, param }, { param: null, ...expected }, error.message)
    return true
  })
}

test('answers in one piece and as a stream, and continues an earlier response', async () => {
  const first = await openai.responses.create({
    ...ask({ text: 'Hello there.' }),
    metadata: { order: '7' },
    instructions: 'Be brief.',
  })
  assert.equal(first.status, 'completed')
  assert.equal(first.output_text, 'Hello there.')
  assert.deepEqual(first.metadata, { order: '7' })
  assert.equal(first.instructions, 'Be brief.')
  assert.ok(first.usage!.total_tokens > 0)
  const runner = openai.responses.stream({
    ...ask({ thinking: 'Let me think.', text: 'Streamed words.', chunk: 2 }),
    reasoning: { effort: 'low' },
    previous_response_id: first.id,
  })
  const second = await runner.finalResponse()
  assert.equal(second.output_text, 'Streamed words.')
  assert.equal(second.previous_response_id, first.id)
  assert.equal(sessionOf(second as never), sessionOf(first))
  assert.equal(replyOf(await eventsOf(server, sessionOf(first))), 'Streamed words.')
  const stored = await openai.responses.retrieve(second.id)
  assert.deepEqual(stored.output, JSON.parse(JSON.stringify(second.output, dropParsed)))
  const { data: inputs } = await openai.responses.inputItems.list(second.id)
  assert.deepEqual(typesOf(inputs as never), ['message'])
})

/** The helper of the client adds fields of its own. */
const dropParsed = (name: string, value: unknown) =>
  name === 'parsed' || name === 'parsed_arguments' ? undefined : value

test('continues a stream after every number that it had', async () => {
  const steps = [
    { thinking: 'Well, now.', text: 'I look it up. ', tool_calls: [call('add', { a: 1, b: 2 })] },
    { text: 'It is 3, as expected.', chunk: 2, tokens_per_second: 200 },
  ]
  const request = { ...ask(...steps), reasoning: { effort: 'low' as const } }
  const live = await chunksOf(await openai.responses.create({ ...request, stream: true }))
  const last = live.at(-1)!
  assert.equal(last.type, 'response.completed')
  const { id } = (live[0] as { response: Response }).response
  const numbers = live.map(({ sequence_number }) => sequence_number)
  assert.deepEqual(
    numbers,
    numbers.toSorted((a, b) => a - b),
  )
  assert.equal(new Set(numbers).size, numbers.length)
  const inside = numbers.map((number) => number - 1)
  for (const number of new Set([...numbers, ...inside])) {
    const stream = await openai.responses.retrieve(id, { stream: true, starting_after: number })
    const again = contentAfter(await chunksOf(stream), number)
    const expected = contentAfter(live, number)
    assert.ok(isDeepStrictEqual(again, expected), `after ${number}`)
  }
  for (const starting_after of ['', '1e3', '0x1', '2.5'] as unknown as number[]) {
    const retrieved = openai.responses.retrieve(id, { stream: true, starting_after })
    await assertRejects(retrieved, invalid('starting_after'))
  }
  const types = typesOf((last as { response: Response }).response.output)
  assert.deepEqual(types, ['reasoning', 'message', 'mcp_call', 'reasoning', 'message'])
})

test('shows tools of the server as calls of an MCP server, also failed ones', async () => {
  const steps = [
    { tool_calls: [call('add', { a: 1, b: 2 }), call('divide', { a: 1, b: 0 }, 'call_2')] },
    { text: 'Done.' },
  ]
  const { output } = await openai.responses.create(ask(...steps))
  assert.deepEqual(typesOf(output), ['mcp_call', 'mcp_call', 'message'])
  const [sum, ratio] = output as unknown as Record<string, string>[]
  assert.deepEqual([sum!.name, sum!.server_label, sum!.status], ['add', 'outlast', 'completed'])
  assert.deepEqual(JSON.parse(sum!.arguments!), { a: 1, b: 2 })
  assert.match(sum!.output!, /3/)
  assert.equal(ratio!.status, 'failed')
  assert.ok(ratio!.error)
})

test('gives the client its functions to call, and continues with their outputs', async () => {
  const input = scripted(
    { tool_calls: [rain, call('get_weather', { city: 'Oslo' }, 'call_2')] },
    { text: 'Rain.' },
  )
  const asked = await openai.responses.create({ model, input, tools: [weather] })
  assert.equal(asked.status, 'completed')
  const calls = asked.output.filter((item) => item.type === 'function_call')
  assert.deepEqual(
    calls.map(({ arguments: args }) => JSON.parse(args).city),
    ['Rome', 'Oslo'],
  )
  const outputs = calls.map(({ call_id }) => ({
    type: 'function_call_output' as const,
    call_id,
    output: 'rain',
  }))
  const previous_response_id = asked.id
  await assertRejects(
    openai.responses.create({ model, previous_response_id, input: outputs.slice(1) }),
    invalid('input'),
  )
  const answered = await openai.responses.create({ model, previous_response_id, input: outputs })
  assert.equal(answered.output_text, 'Rain.')
  const { data } = await openai.responses.inputItems.list(answered.id, { order: 'asc' })
  assert.deepEqual(typesOf(data as never), ['function_call_output', 'function_call_output'])
  await assertRejects(openai.responses.create({ model, previous_response_id, input: outputs }), {
    status: 400,
    code: 'invalid_request',
    param: 'input[0]',
  })
  const repeated = await openai.responses.create(
    { model, previous_response_id, input: outputs },
    { headers: { 'x-stainless-retry-count': '1' } },
  )
  assert.equal(repeated.id, answered.id)
})

test('finds the session of a call when the client repeats the whole conversation', async () => {
  const text = scripted({ tool_calls: [rain] }, { text: 'Rain.' })
  const user = { role: 'user' as const, content: text }
  const asked = await openai.responses.create({ model, input: [user], tools: [weather] })
  const [item] = asked.output.filter(({ type }) => type === 'function_call')
  const answered = await openai.responses.create({
    model,
    tools: [weather],
    input: [
      user,
      item as never,
      { type: 'function_call_output', call_id: (item as { call_id: string }).call_id, output: '1' },
    ],
  })
  assert.equal(answered.output_text, 'Rain.')
  assert.equal(sessionOf(answered), sessionOf(asked))
})

test('asks for an approval, and takes the decision', async () => {
  const write = call('write_file', { path: '/a.txt', content: 'x' })
  for (const approve of [true, false]) {
    const asked = await openai.responses.create(ask({ tool_calls: [write] }, { text: 'Over.' }))
    const [request] = asked.output
    assert.equal(request!.type, 'mcp_approval_request')
    const answer = { approval_request_id: request!.id!, approve, reason: 'because' }
    const decided = await openai.responses.create({
      model,
      previous_response_id: asked.id,
      input: [{ type: 'mcp_approval_response', ...answer }],
    })
    assert.deepEqual(typesOf(decided.output), approve ? ['mcp_call', 'message'] : ['message'])
    assert.equal(decided.output_text, 'Over.')
  }
})

test('asks questions as a message, and takes their answers or another message', async () => {
  const options = [{ label: 'Red' }, { label: 'Blue' }]
  const questions = [{ question: 'Which color?', header: 'Color', options }]
  const request = ask({ tool_calls: [call('ask_user', { questions })] }, { text: 'Thanks.' })
  const asked = await openai.responses.create(request)
  assert.equal(asked.output_text, 'Which color?\n- Red\n- Blue')
  const { outlast } = asked as unknown as {
    outlast: { waiting_for: { type: string; call_id: string; questions: { id: string }[] }[] }
  }
  const [wait] = outlast.waiting_for
  assert.equal(wait!.type, 'input')
  const output = JSON.stringify({ answers: [{ id: wait!.questions[0]!.id, selected: ['Red'] }] })
  const answered = await openai.responses.create({
    model,
    previous_response_id: asked.id,
    input: [{ type: 'function_call_output', call_id: wait!.call_id, output }],
  })
  assert.equal(answered.output_text, 'Thanks.')
  const other = await openai.responses.create(request)
  const { output_text } = await openai.responses.create({
    ...ask({ text: 'Never mind then.' }),
    previous_response_id: other.id,
  })
  assert.equal(output_text, 'Never mind then.')
})

test('parses structured output, without the answer that did not match', async () => {
  const schema = {
    type: 'object',
    properties: { total: { type: 'number' } },
    required: ['total'],
    additionalProperties: false,
  }
  const response = await openai.responses.parse({
    ...ask({ output: { total: 'many' } }, { output: { total: 7 } }),
    text: { format: { type: 'json_schema', name: 'total', schema, strict: true } },
  })
  assert.deepEqual(response.output_parsed, { total: 7 })
  assert.equal((response.text!.format as { name: string }).name, 'total')
})

test('runs in the background until it is cancelled', async () => {
  const words = 'one two three four five six seven eight nine ten '.repeat(20)
  const request = { ...ask({ text: words, tokens_per_second: 1 }), background: true }
  const begun = await openai.responses.create(request)
  assert.ok(begun.status === 'in_progress' && begun.background)
  const stream = await openai.responses.retrieve(begun.id, { stream: true })
  const chunks = []
  for await (const chunk of stream) {
    chunks.push(chunk)
    if (chunk.type === 'response.output_text.delta' && chunks.length < 6) {
      await openai.responses.cancel(begun.id)
    }
  }
  const cancelled = (chunks.at(-1) as { response: Response }).response
  assert.equal(cancelled.status, 'cancelled')
  assert.deepEqual((await openai.responses.retrieve(begun.id)).output, cancelled.output)
  assert.ok(words.startsWith(replyOf(await eventsOf(server, sessionOf(begun)))))
})

test('continues an older response in a fork, which leaves the later ones', async () => {
  const first = await openai.responses.create(ask({ text: 'One.' }))
  const next = (text: string) =>
    openai.responses.create({ ...ask({ text }), previous_response_id: first.id })
  const [second, edited] = [await next('Two.'), await next('Other.')]
  assert.equal(sessionOf(second), sessionOf(first))
  assert.notEqual(sessionOf(edited), sessionOf(first))
  assert.equal(edited.output_text, 'Other.')
  const events = await eventsOf(server, sessionOf(edited))
  assert.equal(events.filter(({ type }) => type === 'input.message').length, 2)
  assert.equal((await openai.responses.retrieve(second.id)).output_text, 'Two.')
  const both = await Promise.all([
    openai.responses.create({
      ...ask({ text: 'Left.', delay_ms: 500 }),
      previous_response_id: second.id,
    }),
    eventually(async () => {
      const inputs = await eventsOf(server, sessionOf(second), '?types=input.message')
      return inputs.length === 3
    }).then(() =>
      openai.responses.create({ ...ask({ text: 'Right.' }), previous_response_id: second.id }),
    ),
  ])
  assert.equal(new Set(both.map(sessionOf)).size, 2)
})

test('shows an attempt that broke off as an incomplete item', async () => {
  const error = { message: 'gone', after_characters: 12, fail_attempts: 1 }
  const request = ask({ text: 'The whole answer, at last.', chunk: 4, error })
  const live = await chunksOf(await openai.responses.create({ ...request, stream: true }))
  const { response } = live.at(-1) as { response: Response }
  const statuses = response.output.map((item) => (item as { status: string }).status)
  assert.deepEqual(statuses, ['incomplete', 'completed'])
  const stored = await openai.responses.retrieve(response.id)
  assert.equal(stored.output_text, 'The whole answer, at last.')
  assert.deepEqual(stored.output, response.output)
  const helper = openai.responses.stream({ response_id: response.id })
  assert.equal((await helper.finalResponse()).output_text, stored.output_text)
})

test('ends a failed turn with its code', async () => {
  const response = await openai.responses.create(ask({ error: { message: 'x', status: 401 } }))
  assert.equal(response.status, 'failed')
  assert.equal(response.error!.code as string, 'llm_bad_key')
})

test('finds the response of a request that the client repeats', async () => {
  const again = { headers: { 'x-stainless-retry-count': '1' } }
  const request = ask({ text: 'Only once.', delay_ms: 300 })
  const latest = async () => (await server.call('GET', '/v1/sessions?limit=1')).body
  const { total } = await latest()
  const [first, second] = await Promise.all([
    openai.responses.create(request),
    eventually(async () => {
      const body = await latest()
      return body.total > total && body.data[0].status !== 'started'
    }).then(() => openai.responses.create(request, again)),
  ])
  assert.equal(second.id, first.id)
  const next = { ...ask({ text: 'Twice?' }), previous_response_id: first.id }
  const key = { headers: { 'idempotency-key': 'key-1' } }
  const third = await openai.responses.create(next, key)
  assert.equal((await openai.responses.create(next, key)).id, third.id)
  assert.notEqual((await openai.responses.create(request)).id, first.id)
})

test('deletes the session of a response that is not stored', async () => {
  const response = await openai.responses.create({ ...ask({ text: 'Gone.' }), store: false })
  assert.equal(response.output_text, 'Gone.')
  await assertRejects(openai.responses.retrieve(response.id), { status: 404, code: 'not_found' })
  const stream = await openai.responses.create({
    ...ask({ text: 'Gone.' }),
    store: false,
    stream: true,
  })
  const [created] = await chunksOf(stream)
  const { id } = (created as { response: Response }).response
  await eventually(() =>
    openai.responses.retrieve(id).then(
      () => undefined,
      ({ status }) => status === 404,
    ),
  )
})

test('deletes a response with its conversation only if it is the only one', async () => {
  const first = await openai.responses.create(ask({ text: 'One.' }))
  const second = await openai.responses.create({
    ...ask({ text: 'Two.' }),
    previous_response_id: first.id,
  })
  await assertRejects(openai.responses.delete(second.id), invalid('response_id'))
  const only = await openai.responses.create(ask({ text: 'One.' }))
  await openai.responses.delete(only.id)
  await assertRejects(openai.responses.retrieve(only.id), { status: 404, code: 'not_found' })
})

test('stays in progress while its turn waits for a budget, and continues after that', async () => {
  const agent = (await server.call('GET', '/v1/agents?search=ada')).body.data[0]
  const budget = await addBudget(server, { limit: 1, subject: ['agent', agent.id] })
  const eager = openai.withOptions({ maxRetries: 3 })
  const before = (await server.call('GET', '/v1/sessions?limit=1')).body.total
  await assert.rejects(eager.responses.create(ask({ text: 'Paid.' })), { code: 'budget_wait' })
  const { body } = await server.call('GET', '/v1/sessions?limit=1')
  assert.equal(body.total, before + 1, 'the client does not repeat it')
  const stream = await openai.responses.create({ ...ask({ text: 'Streamed.' }), stream: true })
  const chunks = chunksOf(stream)
  await eventually(async () => {
    const { counts } = (await server.call('GET', '/v1/waiting?type=budget')).body
    return counts.budget === 2 || undefined
  })
  await changeBudget(server, budget, 'limit_amount = 1e9')
  const { response } = (await chunks).at(-1) as { response: Response }
  assert.deepEqual([response.status, response.output_text], ['completed', undefined])
})
