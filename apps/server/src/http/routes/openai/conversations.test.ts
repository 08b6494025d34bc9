import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Event } from '@outlast/contract'
import OpenAI from 'openai'
import { createKey, registerPerson, startGuarded } from '../../../../test/access.ts'
import { beforeAll } from '../../../../test/hooks.ts'
import { startServer } from '../../../../test/server.ts'
import { createAgent, eventsOf, scripted } from '../../../../test/session.ts'

let server: Awaited<ReturnType<typeof startServer>>
let openai: OpenAI
beforeAll(async (t) => {
  server = await startServer(t)
  openai = new OpenAI({ baseURL: `${server.url}/openai/v1`, apiKey: 'none', maxRetries: 0 })
  await createAgent(server, { name: 'ada', capabilities: [{ ref: 'test_math' }] })
  await createAgent(server, { name: 'bob' })
})

const model = 'agent:ada'
const typesOf = (items: { type: string }[]) => items.map(({ type }) => type)

const ask = (text: string) => ({ model, input: scripted({ text }) })

test('passes the limit of tokens to the model calls, and shows it', async () => {
  const response = await openai.responses.create({
    ...ask('Short.'),
    max_output_tokens: 40,
  })
  assert.equal(response.max_output_tokens, 40)
  assert.equal((await openai.responses.retrieve(response.id)).max_output_tokens, 40)
  const { session_id } = (response as unknown as { outlast: { session_id: string } }).outlast
  const [input] = await eventsOf(server, session_id, '?types=input.message')
  assert.equal(
    input!.type === 'input.message' && input.data.message.controls?.max_output_tokens,
    40,
  )
  const unlimited = await openai.responses.create(ask('Long.'))
  assert.equal(unlimited.max_output_tokens, null)
  for (const wrong of [-1, 1.5, '40', true]) {
    const asked = { ...ask('No.'), max_output_tokens: wrong as number }
    const expected = { status: 400, code: 'invalid_request', param: 'max_output_tokens' }
    await assert.rejects(openai.responses.create(asked), expected)
  }
})

test('passes the limit and the effort with a message beside answers', async () => {
  const parameters = { type: 'object', properties: {} }
  const look = { type: 'function' as const, name: 'look', parameters, strict: false }
  const steps = [{ tool_calls: [{ name: 'look', arguments: {} }] }, { text: 'Seen.' }]
  const asked = await openai.responses.create({ model, input: scripted(...steps), tools: [look] })
  const [item] = asked.output
  assert.equal(item!.type, 'function_call')
  const schema = { type: 'object', properties: {}, additionalProperties: false }
  const answered = await openai.responses.create({
    previous_response_id: asked.id,
    input: [
      { type: 'function_call_output', call_id: (item as { call_id: string }).call_id, output: '1' },
      { role: 'user', content: 'And now?' },
    ],
    max_output_tokens: 50,
    reasoning: { effort: 'low' },
    instructions: 'Be brief.',
    text: { format: { type: 'json_schema', name: 'nothing', schema } },
  })
  const { session_id } = (answered as unknown as { outlast: { session_id: string } }).outlast
  const [, steering] = await eventsOf(server, session_id, '?types=input.message')
  const { message } = (steering as Event<'input.message'>).data
  assert.deepEqual(message.controls, { max_output_tokens: 50, reasoning: { effort: 'low' } })
  assert.equal(message.instructions, undefined, 'a turn keeps those of its message')
})

test('an id of another event than a message continues nothing', async () => {
  const { id } = await openai.responses.create(ask('Hi.'))
  for (const place of ['00000001', '00000003', '7fffffff']) {
    const forged = id.slice(0, -16) + place + place
    assert.notEqual(forged, id)
    const asked = { ...ask('No.'), previous_response_id: forged }
    await assert.rejects(openai.responses.create(asked), { status: 404, code: 'not_found' })
  }
})

test('lists agents as models', async () => {
  const { data } = await openai.models.list()
  const names = data.map(({ id }) => id)
  assert.ok(names.includes('agent:ada') && names.includes('agent:bob'))
  const found = await openai.models.retrieve('agent:bob')
  assert.deepEqual([found.id, found.owned_by], ['agent:bob', 'outlast'])
  await assert.rejects(openai.models.retrieve('agent:nobody'), { status: 404, code: 'not_found' })
})

test('continues a conversation, which has the items of all its responses', async () => {
  const conversation = await openai.conversations.create({
    metadata: { topic: 'sums' },
    items: [{ type: 'message', role: 'user', content: 'I like sums.' }],
  })
  assert.deepEqual(conversation.metadata, { topic: 'sums' })
  const add = { name: 'add', arguments: { a: 1, b: 2 } }
  for (const text of ['It is 3.', 'Again 3.']) {
    const input = scripted({ tool_calls: [add] }, { text })
    const response = await openai.responses.create({ model, conversation: conversation.id, input })
    assert.equal(response.output_text, text)
    assert.equal(response.conversation!.id, conversation.id)
  }
  const { id } = conversation
  const items = await openai.conversations.items.list(id, { order: 'asc', limit: 100 })
  const turn = ['message', 'mcp_call', 'message']
  assert.deepEqual(typesOf(items.data), ['message', ...turn, ...turn])
  const few = await openai.conversations.items.list(id, { limit: 2 })
  const all = []
  for await (const item of few) all.push(item)
  assert.deepEqual(all.toReversed(), items.data)
  assert.deepEqual(await openai.conversations.retrieve(id), conversation)
  await openai.conversations.delete(id)
  await assert.rejects(openai.conversations.retrieve(id), { status: 404, code: 'not_found' })
})

test('pages of the items after a call of a server tool equal the whole list', async () => {
  const { id } = await openai.conversations.create()
  const sum = (call: string) => ({ id: call, name: 'add', arguments: { a: 1, b: 2 } })
  for (const text of ['Both are 3.', 'Again.']) {
    const input = scripted({ tool_calls: [sum('one'), sum('two')] }, { text })
    await openai.responses.create({ model, conversation: id, input })
  }
  const order = 'asc' as const
  const { data: all } = await openai.conversations.items.list(id, { order, limit: 100 })
  const turn = ['message', 'mcp_call', 'mcp_call', 'message']
  assert.deepEqual(typesOf(all), [...turn, ...turn])
  for (const limit of [1, 2, 3]) {
    const paged = []
    for await (const item of openai.conversations.items.list(id, { order, limit })) paged.push(item)
    assert.deepEqual(paged, all, `pages of ${limit}`)
    const latest = []
    for await (const item of openai.conversations.items.list(id, { limit })) latest.push(item)
    assert.deepEqual(latest.toReversed(), all, `pages of ${limit} from the end`)
  }
})

test('lists the items that a response began with in pages', async () => {
  const parameters = { type: 'object', properties: {} }
  const look = { type: 'function' as const, name: 'look', parameters, strict: false }
  const calls = ['one', 'two'].map((id) => ({ id, name: 'look', arguments: {} }))
  const input = scripted({ tool_calls: calls }, { text: 'Seen.' })
  const asked = await openai.responses.create({ model, input, tools: [look] })
  const answers = asked.output.flatMap((item) =>
    item.type === 'function_call'
      ? [{ type: 'function_call_output' as const, call_id: item.call_id, output: '1' }]
      : [],
  )
  const answered = await openai.responses.create({
    model,
    previous_response_id: asked.id,
    input: answers,
  })
  for (const order of ['asc', 'desc'] as const) {
    const { data: all } = await openai.responses.inputItems.list(answered.id, { order })
    assert.equal(all.length, 2)
    const paged = []
    for await (const item of openai.responses.inputItems.list(answered.id, { order, limit: 1 })) {
      paged.push(item)
      assert.ok(paged.length <= all.length, 'pages repeat')
    }
    assert.deepEqual(paged, all)
  }
})

test('refuses to list items after an unknown one, or in an unknown order', async () => {
  const input = scripted({ text: 'Hello.' })
  const { id } = await openai.conversations.create()
  const response = await openai.responses.create({ model, conversation: id, input })
  const queries = [
    ['after', { order: 'asc', after: 'msg_unknown' }],
    ['after', { order: 'desc', after: 'msg_unknown' }],
    ['order', { order: 'x' as 'asc' }],
  ] as const
  for (const [param, query] of queries) {
    const refused = { status: 400, param }
    await assert.rejects(openai.conversations.items.list(id, query), refused)
    await assert.rejects(openai.responses.inputItems.list(response.id, query), refused)
  }
})

test('takes a key of the client as a conversation', async () => {
  const say = (text: string, who = model) =>
    openai.responses.create({ model: who, conversation: 'chat-7', input: scripted({ text }) })
  await say('One.')
  const { conversation } = await say('Two.')
  assert.equal(conversation!.id, 'chat-7')
  const { data } = await openai.conversations.items.list('chat-7')
  assert.equal(data.length, 4)
  for (const key of ['x'.repeat(201), 'a\u0000b']) {
    const request = openai.responses.create({ model, conversation: key, input: 'x' })
    await assert.rejects(request, { status: 400, param: 'conversation' })
  }
  const look = { type: 'function' as const, name: 'look', parameters: null, strict: false }
  const asks = scripted({ tool_calls: [{ name: 'look', arguments: {} }] })
  const about = { model, conversation: 'chat-7' }
  await openai.responses.create({ ...about, input: asks, tools: [look] })
  assert.equal((await say('Never mind.')).output_text, 'Never mind.')
  const known = '0'.repeat(32)
  const missing = openai.responses.create({ model, conversation: `conv_${known}`, input: 'x' })
  await assert.rejects(missing, { status: 404, code: 'not_found' })
})

test('hides responses and calls from another organization and another end user', async (t) => {
  const guarded = await startGuarded(t)
  const [ada, eve] = [await registerPerson(guarded), await registerPerson(guarded)]
  const clientOf = (apiKey: string) =>
    new OpenAI({ baseURL: `${guarded.url}/openai/v1`, apiKey, maxRetries: 0 })
  const tool = { type: 'client_side', name: 'look', description: 'Looks.' }
  const mine = { url: guarded.url, call: ada.call }
  const agent = await createAgent(mine, { name: 'ada', tools: [tool] })
  const tokenOf = async (user: string) => {
    const grants = { access: 'write', tool_results: ['look'] }
    const { body } = await ada.call('POST', '/v1/tokens', { user, ...grants })
    return body.token as string
  }
  const owner = clientOf((await createKey(guarded, ada)).key)
  const [user, other] = [clientOf(await tokenOf('u1')), clientOf(await tokenOf('u2'))]
  const strangers = [clientOf((await createKey(guarded, eve)).key), other]
  const steps = [{ tool_calls: [{ name: 'look', arguments: {} }] }, { text: 'Seen.' }]
  const script = scripted(...steps)
  const asked = await owner.responses.create({ model, input: script, user: 'u1' })
  const [item] = asked.output
  assert.equal(item!.type, 'function_call')
  const { call_id } = item as { call_id: string }
  const input = [{ type: 'function_call_output' as const, call_id, output: 'yes' }]
  const conversation = `conv_${asked.id.slice('resp_'.length, 'resp_'.length + 32)}`
  const missing = { status: 404, code: 'not_found' }
  for (const stranger of strangers) {
    const previous_response_id = asked.id
    const attempts = [
      () => stranger.responses.retrieve(asked.id),
      () => stranger.responses.retrieve(asked.id, { stream: true }),
      () => stranger.responses.cancel(asked.id),
      () => stranger.responses.delete(asked.id),
      () => stranger.responses.inputItems.list(asked.id),
      () => stranger.responses.create({ model, previous_response_id, input: 'x' }),
      () => stranger.responses.create({ model: agent.id, input }),
      () => stranger.responses.create({ model: agent.id, previous_response_id, input }),
      () => stranger.responses.create({ conversation, model: agent.id, input: 'x' }),
      () => stranger.conversations.retrieve(conversation),
      () => stranger.conversations.items.list(conversation),
      () => stranger.conversations.delete(conversation),
      () =>
        stranger.chat.completions.create({
          model: agent.id,
          messages: [{ role: 'tool', tool_call_id: call_id, content: 'x' }],
        }),
    ]
    for (const attempt of attempts) await assert.rejects(attempt, missing, `${attempt}`)
  }
  const denied = { status: 403, code: 'not_granted', type: 'permission_error' }
  const thinking = {
    previous_response_id: asked.id,
    input: [...input, { role: 'user' as const, content: 'Think.' }],
    reasoning: { effort: 'high' as const },
  }
  await assert.rejects(user.responses.create(thinking), denied)
  assert.equal((await owner.responses.retrieve(asked.id)).output_text, '')
  const answered = await user.responses.create({ previous_response_id: asked.id, input })
  assert.equal(answered.output_text, 'Seen.')
  await assert.rejects(other.responses.create({ model, input: 'x' }), denied)
  const said = await other.responses.create({ model: agent.id, input: 'Hello' })
  assert.equal(said.status, 'completed')
  const instructed = { model: agent.id, input: 'x', instructions: 'Obey.' }
  await assert.rejects(other.responses.create(instructed), denied)
  await assert.rejects(
    other.responses.create({ model: agent.id, input: 'x', store: false }),
    denied,
  )
  const unknown = { status: 401, code: 'invalid_token', type: 'authentication_error' }
  await assert.rejects(clientOf('wrong').responses.create({ model, input: 'x' }), unknown)
})

test('finds conversations and chats of the end user that a key names, and of no other', async (t) => {
  const guarded = await startGuarded(t)
  const ada = await registerPerson(guarded)
  const agent = await createAgent({ url: guarded.url, call: ada.call }, { name: 'ada' })
  const { body } = await ada.call('POST', '/v1/tokens', { user: 'eve', access: 'write' })
  const { key } = await createKey(guarded, ada)
  const clientOf = (apiKey: string) =>
    new OpenAI({ baseURL: `${guarded.url}/openai/v1`, apiKey, maxRetries: 0 })
  const [owner, eve] = [clientOf(key), clientOf(body.token)]
  const { id } = await owner.conversations.create({ items: [{ role: 'user', content: 'Mine.' }] })
  const about = { conversation: 'main', model: agent.id }
  await owner.responses.create({ ...about, input: 'Mine.' })
  for (const conversation of ['main', id]) {
    const input = [{ type: 'message' as const, role: 'user' as const, content: 'Of Eve.' }]
    const path = `${guarded.url}/v1/sessions`
    const headers = { authorization: `Bearer ${body.token}`, 'content-type': 'application/json' }
    const json = JSON.stringify({ agent_id: agent.id, key: conversation })
    assert.equal((await fetch(path, { method: 'POST', headers, body: json })).status, 201)
    if (conversation === 'main') await eve.responses.create({ ...about, conversation, input })
  }
  const textOf = async (conversation: string, user?: string) =>
    JSON.stringify(
      (await owner.conversations.items.list(conversation, (user ? { user } : {}) as never)).data,
    )
  assert.match(await textOf('main'), /Mine/)
  assert.match(await textOf(id), /Mine/)
  assert.doesNotMatch(await textOf('main'), /Of Eve/)
  assert.match(await textOf('main', 'eve'), /Of Eve/)
  await owner.responses.create({ ...about, conversation: id, input: 'Secret.' })
  assert.match(await textOf(id), /Secret.*Mine/)
  const eveSees = JSON.stringify((await eve.conversations.items.list(id)).data)
  assert.equal(eveSees, '[]')
  assert.doesNotMatch(await textOf(id, 'eve'), /Secret/)
})

test('finds no conversation of a key or a user that no session can have', async () => {
  for (const path of ['a%00b', 'chat?user=%00', 'chat?user=a&user=b']) {
    const { status, body } = await server.call('GET', `/openai/v1/conversations/${path}`)
    assert.equal(status, 404, JSON.stringify(body))
  }
  const input = { model, messages: [{ role: 'user', content: 'Hello' }], user: '\0' }
  const { status } = await server.call('POST', '/openai/v1/chat/completions', input)
  assert.equal(status, 400)
})

test('answers requests that only look right in the form of the API', async () => {
  const place = '0'.repeat(32)
  const first = await openai.responses.create({ model, input: 'Hello' })
  const start = first.id.slice(0, -8)
  const ids = [
    'resp_x',
    `resp_${place}0000000100000001`,
    `${start}00000001`,
    `${start}00000005`,
    `${start}ffffffff`,
    `${first.id}0`,
  ]
  for (const id of ids) {
    await assert.rejects(openai.responses.retrieve(id), { status: 404, code: 'not_found' }, id)
  }
  const refused: [object, string][] = [
    [{ input: [{ type: 'computer_call' }] }, 'input[0].type'],
    [
      { input: [{ type: 'message', role: 'user', content: [{ type: 'input_file' }] }] },
      'input[0].content[0]',
    ],
    [{ input: [{ type: 'function_call_output', call_id: 'call_1', output: 'x' }] }, 'input[0]'],
    [{ input: 7 }, 'input'],
    [{ input: [] }, 'input'],
    [{ tools: [{ type: 'web_search' }] }, 'tools[0].type'],
    [{ tools: [{ type: 'function', name: 'no spaces' }] }, 'tools[0].name'],
    [{ text: { format: { type: 'json_object' } } }, 'text.format.type'],
    [{ text: { format: { type: 'json_schema', schema: { type: 'string' } } } }, 'text'],
    [{ tool_choice: 'required' }, 'tool_choice'],
    [{ top_logprobs: 2 }, 'top_logprobs'],
    [{ metadata: { a: 1 } }, 'metadata'],
    [{ background: true, store: false }, 'background'],
    [{ previous_response_id: first.id, conversation: 'x' }, 'previous_response_id'],
    [{ previous_response_id: first.id, model: 'agent:bob' }, 'model'],
    [{ model: 'gpt-5' }, 'model'],
  ]
  for (const [fields, param] of refused) {
    const request = openai.responses.create({ model, input: 'x', ...fields } as never)
    await assert.rejects(request, (error: InstanceType<typeof OpenAI.APIError>) => {
      assert.deepEqual([error.status, error.param], [400, param], error.message)
      return true
    })
  }
  const id = `session_${first.id.slice('resp_'.length, -16)}`
  for (const forged of [7, {}, { model: 7 }, { model, reasoning: null, metadata: 7, format: [] }]) {
    const message = { content: [{ type: 'text', text: 'x' }] }
    const path = `/v1/sessions/${id}/messages`
    const metadata = { openai: forged }
    const { body } = await server.call('POST', path, { message, metadata })
    const place = body.sequence.toString(16).padStart(8, '0')
    const { status } = await server.call(
      'GET',
      `/openai/v1/responses/${start.slice(0, -8)}${place}${place}`,
    )
    assert.equal(status, typeof forged === 'object' && forged.model === model ? 200 : 404)
  }
  const call = (method: string, path: string, body?: unknown) =>
    server.call(method, `/openai/v1${path}`, body)
  const large = await call('POST', '/responses', { model, input: 'x'.repeat(10 * 1024 * 1024) })
  assert.deepEqual([large.status, large.body.error.code], [413, 'body_too_large'])
  const history = Array.from({ length: 400 }, (_, index) => ({
    role: index % 2 === 0 ? 'user' : 'assistant',
    content: 'x',
  }))
  const long = await call('POST', '/responses', {
    model,
    input: [...history, { role: 'user', content: 'x' }],
  })
  assert.deepEqual([long.status, long.body.error.type], [400, 'invalid_request_error'])
  const broken = await call('POST', '/responses', '{"model"')
  assert.deepEqual([broken.status, broken.body.error.code], [400, 'invalid_json'])
  const other = await call('GET', '/files')
  assert.deepEqual([other.status, other.body.error.code], [404, 'route_not_found'])
  const deep = JSON.parse(`${'['.repeat(90)}${']'.repeat(90)}`)
  assert.equal((await call('POST', '/responses', { model, input: deep })).status, 400)
})
