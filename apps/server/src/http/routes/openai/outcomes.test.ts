/** Answers that are cut, or that an output schema rejects, for keys and for tokens. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import OpenAI from 'openai'
import type { ChatCompletionMessageParam } from 'openai/resources/chat/completions'
import {
  callerWith,
  createKey,
  expectStatus,
  registerPerson,
  startGuarded,
} from '../../../../test/access.ts'
import {
  addVendorModel,
  startVendor,
  type VendorAnswer,
  type VendorRequest,
} from '../../../../test/remotes/vendor.ts'
import { createAgent } from '../../../../test/session.ts'

/** A server with a model, a key, and a token with the `chat` view. */
async function startWithClients(t: TestContext, answer: (request: VendorRequest) => VendorAnswer) {
  const server = await startGuarded(t, { env: { PRIVATE_HOSTS_ALLOWED: 'provider=127.0.0.1@*' } })
  const person = await registerPerson(server)
  const { key, call } = await createKey(server, person)
  const grants = { user: 'eve', access: 'write', view: 'chat' }
  const { token } = expectStatus(await call('POST', '/v1/tokens', grants), 201)
  const clients = [key, `Bearer ${token}`].map((authorization) => {
    const apiKey = authorization.replace('Bearer ', '')
    const openai = new OpenAI({ baseURL: `${server.url}/openai/v1`, apiKey, maxRetries: 0 })
    return { openai, call: callerWith(server.url, authorization) }
  })
  const owner = { url: server.url, call: person.call }
  await addVendorModel(owner, await startVendor(t, answer))
  return { owner, clients }
}

test('a reply that is cut is incomplete for keys and tokens, with its reason', async (t) => {
  const { owner, clients } = await startWithClients(t, ({ body }) => {
    const isFiltered = JSON.stringify(body.messages.at(-1)).includes('Filter me')
    return { text: 'Once upon', finish: isFiltered ? 'content_filter' : 'length' }
  })
  const { id: model } = await createAgent(owner)
  const cases = [
    ['Tell me a tale', 'max_output_tokens', 'length', 'length'],
    ['Filter me', 'content_filter', 'content_filter', 'content-filter'],
  ] as const
  for (const [index, { openai, call }] of clients.entries()) {
    for (const [input, reason, finish, finishReason] of cases) {
      const response = await openai.responses.create({ model, input })
      assert.deepEqual([response.status, response.incomplete_details], ['incomplete', { reason }])
      assert.equal(response.output_text, 'Once upon')
      const asked = [{ role: 'user' as const, content: input }]
      const completion = await openai.chat.completions.create({ model, messages: asked })
      assert.equal(completion.choices[0]!.finish_reason, finish)
      const messages = [{ id: 'm1', role: 'user', parts: [{ type: 'text', text: input }] }]
      const chat = { id: `${finish} ${index}`, messages }
      const stream = await call('POST', `/v1/ai-sdk/agents/${model}/chat`, chat)
      assert.match(expectStatus(stream, 200), new RegExp(`"finishReason":"${finishReason}"`))
    }
  }
})

const schema = {
  type: 'object',
  properties: { total: { type: 'number' } },
  required: ['total'],
  additionalProperties: false,
}

/** Adds, gives an answer that the schema rejects, and corrects it. */
function addAndCorrect({ body: { messages } }: VendorRequest): VendorAnswer {
  const texts = messages.map((message) => JSON.stringify(message))
  const asked = texts.findLastIndex((text) => /Total \d/.test(text))
  const [, total] = /Total (\d+)/.exec(texts[asked]!)!
  const add = { name: 'add', arguments: { a: 1, b: 2 } }
  const steps = [
    { text: 'I add.', calls: [add] },
    { text: '{"total":"many"}' },
    { text: `{"total":${total}}` },
  ]
  // A result follows the call, and a correction the rejected answer.
  return steps[(texts.length - 1 - asked) / 2]!
}

test('gives only the valid answer of an agent with an output schema', async (t) => {
  const { owner, clients } = await startWithClients(t, addAndCorrect)
  const fields = { output_schema: schema, capabilities: [{ ref: 'test_math' }] }
  const { id: model } = await createAgent(owner, fields)
  let total = 0
  const ask = () => {
    total += 1
    return `Total ${total}`
  }
  const assertValid = (text: string | null) => assert.deepEqual(JSON.parse(text!), { total })
  for (const { openai } of clients) {
    const { responses, chat } = openai
    assertValid((await responses.create({ model, input: ask() })).output_text)
    const response = await responses.stream({ model, input: ask() }).finalResponse()
    assertValid(response.output_text)
    const begin = [{ role: 'user' as const, content: ask() }]
    const whole = await chat.completions.create({ model, messages: begin })
    assertValid(whole.choices[0]!.message.content)
    const messages: ChatCompletionMessageParam[] = [{ role: 'user', content: ask() }]
    const streamed = await chat.completions.stream({ model, messages }).finalChatCompletion()
    const { content } = streamed.choices[0]!.message
    assertValid(content)
    messages.push({ role: 'assistant', content }, { role: 'user', content: ask() })
    const next = await chat.completions.create({ model, messages })
    assertValid(next.choices[0]!.message.content)
    const sessionOf = (id: string) => id.slice(0, 'chatcmpl-'.length + 32)
    assert.equal(sessionOf(next.id), sessionOf(streamed.id), 'the history is that of the session')
  }
})
