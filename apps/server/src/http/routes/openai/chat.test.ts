import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import OpenAI from 'openai'
import type { ChatCompletionMessageParam } from 'openai/resources/chat/completions'
import { beforeAll } from '../../../../test/hooks.ts'
import { startServer } from '../../../../test/server.ts'
import { createAgent, type ScriptStep, scripted } from '../../../../test/session.ts'

let server: Awaited<ReturnType<typeof startServer>>
let openai: OpenAI
beforeAll(async (t) => {
  server = await startServer(t)
  openai = new OpenAI({ baseURL: `${server.url}/openai/v1`, apiKey: 'none', maxRetries: 0 })
  await createAgent(server, { name: 'ada', capabilities: [{ ref: 'test_math' }] })
})

const model = 'agent:ada'
const user = (...steps: ScriptStep[]): ChatCompletionMessageParam => ({
  role: 'user',
  content: scripted(...steps),
})
const call = (name: string, args: object, id = 'call_1') => ({ id, name, arguments: args })

const sessions = async () => (await server.call('GET', '/v1/sessions?limit=500')).body.data

/** The messages of the session that was changed last. */
async function latestMessages() {
  const [{ id }] = await sessions()
  const { body } = await server.call('GET', `/v1/sessions/${id}/messages`)
  return body.data as { role: string; controls?: object }[]
}

test('answers a conversation, and continues its session with the next message', async () => {
  const history = [user({ text: 'Hi, I am Ada.' })]
  const first = await openai.chat.completions.create({ model, messages: history })
  const [choice] = first.choices
  assert.deepEqual([choice!.message.content, choice!.finish_reason], ['Hi, I am Ada.', 'stop'])
  assert.ok(first.usage!.prompt_tokens > 0)
  const count = (await sessions()).length
  const messages = [
    { role: 'system' as const, content: 'Be brief.' },
    ...history,
    choice!.message,
    user({ text: 'Still Ada.' }),
  ]
  const second = await openai.chat.completions.create({ model, messages })
  assert.equal(second.choices[0]!.message.content, 'Still Ada.')
  assert.equal((await sessions()).length, count)
  assert.equal((await latestMessages()).length, 4)
})

test('begins a session with a history that no session has', async () => {
  const opening = user({ text: 'One.' })
  const messages = [
    opening,
    { role: 'assistant' as const, content: 'One.' },
    user({ text: 'Two.' }),
  ]
  const say = (text: string) =>
    openai.chat.completions.create({ model, messages: [...messages.slice(0, 2), user({ text })] })
  for (const text of ['Two.', 'Another.']) {
    const count = (await sessions()).length
    const { choices } = await say(text)
    assert.equal(choices[0]!.message.content, text)
    assert.equal((await sessions()).length, count + 1, text)
    assert.equal((await latestMessages()).length, 4)
  }
  const edited = [
    opening,
    { role: 'assistant' as const, content: 'Edited.' },
    user({ text: 'Three.' }),
  ]
  const { choices } = await openai.chat.completions.create({ model, messages: edited })
  assert.equal(choices[0]!.message.content, 'Three.')
})

test('takes results of tools that a message follows as history', async () => {
  const messages: ChatCompletionMessageParam[] = [
    { role: 'user', content: 'The weather?' },
    {
      role: 'assistant',
      tool_calls: [{ id: 'other', type: 'function', function: { name: 'look', arguments: '{}' } }],
    },
    { role: 'tool', tool_call_id: 'other', content: 'rain' },
    user({ text: 'It rains.' }),
  ]
  const { choices } = await openai.chat.completions.create({ model, messages })
  assert.equal(choices[0]!.message.content, 'It rains.')
  const roles = (await latestMessages()).map(({ role }) => role)
  assert.deepEqual(roles, ['user', 'agent', 'tool_result', 'user', 'agent'])
})

test('keeps chats apart that begin alike', async () => {
  const hello: ChatCompletionMessageParam = { role: 'user', content: 'Hello, whoever you are.' }
  const begin = () => openai.chat.completions.create({ model, messages: [hello] })
  const [one, other] = [await begin(), await begin()]
  const count = (await sessions()).length
  const next = async (first: typeof one, text: string) => {
    const messages = [hello, first.choices[0]!.message, user({ text })]
    return (await openai.chat.completions.create({ model, messages })).choices[0]!.message.content
  }
  assert.equal(await next(one, 'A.'), 'A.')
  assert.equal(await next(other, 'B.'), 'B.')
  assert.equal((await sessions()).length, count + 1)
})

test('streams the text of all replies of a turn, and its usage', async () => {
  const steps = [
    { text: 'I add.', tool_calls: [call('add', { a: 1, b: 2 })] },
    { text: 'It is 3.' },
  ]
  const request = { model, messages: [user(...steps)] }
  const whole = await openai.chat.completions.create(request)
  assert.equal(whole.choices[0]!.message.content, 'I add.\n\nIt is 3.')
  const runner = openai.chat.completions.stream({
    ...request,
    stream_options: { include_usage: true },
  })
  const final = await runner.finalChatCompletion()
  assert.equal(final.choices[0]!.message.content, 'I add.\n\nIt is 3.')
  assert.equal(final.choices[0]!.finish_reason, 'stop')
  assert.deepEqual(final.usage, whole.usage)
})

test('runs functions of the client with the helper of its library', async () => {
  const cities: string[] = []
  const runner = openai.chat.completions.runTools({
    model,
    stream: true,
    messages: [
      user(
        { tool_calls: [call('get_weather', { city: 'Rome' })] },
        { tool_calls: [call('get_weather', { city: 'Oslo' }, 'call_2')] },
        { text: 'Rain and snow.' },
      ),
    ],
    tools: [
      {
        type: 'function',
        function: {
          name: 'get_weather',
          description: 'Tells the weather.',
          parameters: { type: 'object', properties: { city: { type: 'string' } } },
          parse: JSON.parse,
          function: ({ city }: { city: string }) => {
            cities.push(city)
            return { weather: 'rain' }
          },
        },
      },
    ],
  })
  assert.equal(await runner.finalContent(), 'Rain and snow.')
  assert.deepEqual(cities, ['Rome', 'Oslo'])
})

test('parses structured output, also as a stream', async () => {
  const schema = {
    type: 'object',
    properties: { total: { type: 'number' } },
    required: ['total'],
    additionalProperties: false,
  }
  const request = {
    model,
    messages: [user({ output: { total: 'many' } }, { output: { total: 7 } })],
    response_format: {
      type: 'json_schema' as const,
      json_schema: { name: 'total', schema, strict: true },
    },
  }
  const { choices } = await openai.chat.completions.parse(request)
  assert.deepEqual(choices[0]!.message.parsed, { total: 7 })
  const streamed = await openai.chat.completions.stream(request).finalChatCompletion()
  assert.deepEqual(streamed.choices[0]!.message.parsed, { total: 7 })
})

test('ends a failed turn with an error that is not repeated', async () => {
  const messages = [user({ error: { message: 'x', status: 401 } })]
  const failed = { status: 502, code: 'llm_bad_key', type: 'server_error' }
  const eager = openai.withOptions({ maxRetries: 3 })
  const before = (await sessions()).length
  await assert.rejects(eager.chat.completions.create({ model, messages }), failed)
  assert.equal((await sessions()).length, before + 1)
  await assert.rejects(
    async () => {
      const stream = await openai.chat.completions.create({ model, messages, stream: true })
      for await (const _chunk of stream);
    },
    { code: 'llm_bad_key' },
  )
})

test('chats that begin alike at once have sessions of their own', async () => {
  const request = { model, messages: [user({ text: 'Hello.' })] }
  const all = await Promise.all([1, 2, 3, 4].map(() => openai.chat.completions.create(request)))
  const sessionIds = all.map(({ id }) => id.slice(0, 'chatcmpl-'.length + 32))
  assert.equal(new Set(sessionIds).size, all.length)
})

test('two chats with the same texts do not share what tools returned', async () => {
  const add = (text: string) =>
    user({ text, tool_calls: [call('add', { a: 1, b: 2 })] }, { text: 'Added.' })
  const sessionOf = ({ id }: { id: string }) => id.slice('chatcmpl-'.length).slice(0, 32)
  const chatOf = async (opening: ChatCompletionMessageParam, fields: object = {}) => {
    const send = (messages: ChatCompletionMessageParam[]) =>
      openai.chat.completions.create({ model, messages, ...fields })
    const first = await send([opening])
    const history = [opening, first.choices[0]!.message]
    return { first: sessionOf(first), next: () => send([...history, user({ text: 'Next.' })]) }
  }
  const opening = add('A twin.')
  const own = await chatOf(add('Mine.'))
  assert.equal(sessionOf(await own.next()), own.first)
  const [one, other] = [await chatOf(opening), await chatOf(opening)]
  const next = [sessionOf(await one.next()), sessionOf(await other.next())]
  assert.equal(new Set([...next, one.first, other.first]).size, 4)
  const named = { user: 'eve' }
  const [first] = [await chatOf(opening, named), await chatOf(opening, named)]
  assert.equal(sessionOf(await first.next()), first.first)
})

test('requests with one history at once do not read the messages of each other', async () => {
  const opening = user({ text: 'One history.' })
  const first = await openai.chat.completions.create({ model, messages: [opening] })
  const history = [opening, first.choices[0]!.message]
  const texts = ['Mine.', 'Yours.', 'Theirs.']
  const all = await Promise.all(
    texts.map((text) =>
      openai.chat.completions.create({ model, messages: [...history, user({ text })] }),
    ),
  )
  for (const [index, { id, choices }] of all.entries()) {
    assert.equal(choices[0]!.message.content, texts[index])
    const sessionId = `session_${id.slice('chatcmpl-'.length).slice(0, 32)}`
    const { body } = await server.call('GET', `/v1/sessions/${sessionId}/messages`)
    assert.equal(body.data.length, 4, JSON.stringify(body.data))
  }
})

test('finds the answer to a message of a chat that the client repeats', async () => {
  const opening = user({ text: 'A chat.' })
  const first = await openai.chat.completions.create({ model, messages: [opening] })
  const messages = [opening, first.choices[0]!.message, user({ text: 'Once.' })]
  const send = (headers = {}) => openai.chat.completions.create({ model, messages }, { headers })
  const { id } = await send()
  assert.equal((await send({ 'x-stainless-retry-count': '1' })).id, id)
})

test('takes a text file as a part of a message, also in the next request', async () => {
  const file_data = `data:text/csv;base64,${Buffer.from('a,b').toString('base64')}`
  const file = { type: 'file', file: { filename: 'a.csv', file_data } } as const
  const text = { type: 'text', text: scripted({ text: 'A file.' }) } as const
  const asked = { role: 'user' as const, content: [file, text] }
  const { choices } = await openai.chat.completions.create({ model, messages: [asked] })
  assert.equal(choices[0]!.message.content, 'A file.')
  const count = (await sessions()).length
  const messages = [asked, choices[0]!.message, user({ text: 'Again.' })]
  await openai.chat.completions.create({ model, messages })
  assert.equal((await sessions()).length, count)
  const [first] = (await latestMessages()) as unknown as { content: { text: string }[] }[]
  assert.equal(first!.content[0]!.text, '<file name="a.csv" type="text/csv">\na,b\n</file>')
  const part = { type: 'input_file', filename: 'a.csv', file_data }
  const input = [{ role: 'user', content: [part, { ...part, file_data: undefined, file_id: 'f' }] }]
  const wanted = openai.responses.create({ model, input } as never)
  const refused = { status: 400, code: 'file_unsupported', param: 'input[0].content[1]' }
  await assert.rejects(wanted, refused)
})

test('honors, ignores and refuses the fields of requests as documented', async () => {
  const root = path.join(import.meta.dirname, '../../../../../..')
  const read = (file: string) => readFileSync(path.join(root, file), 'utf8')
  const docs = read('docs/openai-api.md').split('\n')
  const namesIn = (label: string, column: number) => {
    const row = docs.find((line) => line.startsWith(`| ${label} |`))!
    return [...row.split('|')[column]!.matchAll(/`(\w+)`/g)].map(([, name]) => name!)
  }
  const types = 'node_modules/openai/resources'
  const input = scripted({ text: 'Hi.' })
  const messages = [{ role: 'user', content: input }]
  for (const { column, url, file, about, body } of [
    {
      column: 2,
      url: 'responses',
      file: `${types}/responses/responses.d.ts`,
      about: 'ResponseCreateParamsBase',
      body: { model, input },
    },
    {
      column: 3,
      url: 'chat/completions',
      file: `${types}/chat/completions/completions.d.ts`,
      about: 'ChatCompletionCreateParamsBase',
      body: { model, messages },
    },
  ]) {
    const [, fields = ''] = read(file).split(new RegExp(`interface ${about}\\b.*\\{\\n`))
    const own = fields.slice(0, fields.indexOf('\n}'))
    const all = [...own.matchAll(/^ {4}(\w+)\??:/gm)].map(([, name]) => name!)
    const [honored, ignored, refused] = ['Honored', 'Ignored', 'Refused'].map((label) =>
      namesIn(label, column),
    ) as [string[], string[], string[]]
    assert.deepEqual([...honored, ...ignored, ...refused].sort(), [...all].sort(), url)
    const send = (extra: object) => server.call('POST', `/openai/v1/${url}`, { ...body, ...extra })
    const odd = Object.fromEntries(ignored.map((name) => [name, 'x']))
    assert.equal((await send(odd)).status, 200, url)
    for (const name of refused) {
      const { status, body } = await send({ [name]: 'x' })
      assert.deepEqual([status, body.error.param], [400, name])
    }
  }
})

test('refuses unsupported parameters, and names them', async () => {
  const messages = [user({ text: 'x' })]
  const wrong: [object, string][] = [
    [{ n: 2 }, 'n'],
    [{ max_tokens: -1 }, 'max_tokens'],
    [{ max_tokens: '10' }, 'max_tokens'],
    [{ max_completion_tokens: 1.5 }, 'max_completion_tokens'],
    [{ logprobs: true }, 'logprobs'],
    [{ stop: ['x'] }, 'stop'],
    [{ tool_choice: 'required' }, 'tool_choice'],
    [{ response_format: { type: 'json_object' } }, 'response_format.type'],
    [{ model: 'gpt-5' }, 'model'],
    [{ messages: [] }, 'messages'],
    [{ messages: [{ role: 'robot', content: 'x' }] }, 'messages[0].role'],
    [{ messages: [{ role: 'user', content: [{ type: 'file' }] }] }, 'messages[0].content[0]'],
    [{ messages: [...messages, { role: 'assistant', content: 'x' }] }, 'messages'],
    [{ messages: [{ role: 'tool', tool_call_id: 'call_1', content: 'x' }] }, 'messages[0]'],
  ]
  for (const [fields, param] of wrong) {
    const request = openai.chat.completions.create({ model, messages, ...fields } as never)
    await assert.rejects(request, { status: 400, code: 'invalid_request', param }, param)
  }
  const deep = '[1,'.repeat(100_000) + ']'.repeat(100_000)
  const many = `[${'0,'.repeat(60_000)}0]`
  for (const [content, status] of [
    [deep, 413],
    ['['.repeat(1_000) + ']'.repeat(1_000), 400],
    [many, 413],
  ] as const) {
    const result = { role: 'tool' as const, tool_call_id: 'call_1', content }
    const request = openai.chat.completions.create({ model, messages: [...messages, result] })
    await assert.rejects(request, { status })
  }
  const tuned = {
    temperature: 0,
    top_p: 1,
    max_tokens: null,
    max_completion_tokens: 0,
    seed: 1,
    logprobs: false,
    n: 1,
    stop: null,
  }
  const { choices } = await openai.chat.completions.create({ model, messages, ...tuned })
  assert.equal(choices[0]!.message.content, 'x')
  const limits = [{ max_tokens: 10 }, { max_tokens: 10, max_completion_tokens: 20 }]
  for (const [index, limit] of limits.entries()) {
    const messages = [user({ text: `Limited ${index}.` })]
    await openai.chat.completions.create({ model, messages, ...limit })
    const [sent] = await latestMessages()
    assert.deepEqual(sent!.controls, { max_output_tokens: [10, 20][index] })
  }
})
