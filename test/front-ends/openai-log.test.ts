/** Published clients of OpenAI's API have the messages of the log after every kind of turn. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Agent, OpenAIProvider, Runner, setTracingDisabled } from '@openai/agents'
import OpenAI from 'openai'
import type { Response, ResponseInput } from 'openai/resources/responses/responses'
import { beforeAll } from '../../apps/server/test/hooks.ts'
import { startModel } from '../../apps/server/test/remotes/written-model.ts'
import { startServer } from '../../apps/server/test/server.ts'
import { createAgent, type ScriptStep, scripted } from '../../apps/server/test/session.ts'
import { flat, loggedIn } from './openai-log.ts'

let server: Awaited<ReturnType<typeof startServer>>
let openai: OpenAI

const capabilities = [
  { ref: 'test_math' },
  { ref: 'ask_user' },
  { ref: 'session_file_system', config: { requires_approval: ['write_file'] } },
]

beforeAll(async (t) => {
  setTracingDisabled(true)
  server = await startServer(t)
  openai = new OpenAI({ baseURL: `${server.url}/openai/v1`, apiKey: 'none' })
  await createAgent(server, { name: 'ada', capabilities })
})

const model = 'agent:ada'
const call = (name: string, args: object, id = 'call_1') => ({ id, name, arguments: args })
const rain = call('get_weather', { city: 'Rome' })
const write = call('write_file', { path: '/a.txt', content: 'x' })
const options = [{ label: 'Red' }, { label: 'Blue' }]
const ask = call('ask_user', { questions: [{ question: 'Which color?', header: 'C', options }] })

const parameters = {
  type: 'object' as const,
  properties: { city: { type: 'string' as const } },
  required: ['city'],
  additionalProperties: false as const,
}
const about = { name: 'get_weather', description: 'Tells the weather.', parameters }
const weather = { type: 'function' as const, strict: false, ...about }

type Outlast = {
  outlast: { session_id: string; waiting_for: { call_id: string; questions: { id: string }[] }[] }
}
const outlastOf = (response: Response) => (response as unknown as Outlast).outlast
const user = (...steps: ScriptStep[]) => ({ role: 'user' as const, content: scripted(...steps) })

/** A client of Responses that keeps its conversation. */
function converse() {
  const items: object[] = []
  let last: Response | undefined
  const send = async (input: ResponseInput, more: object = {}) => {
    const previous = last && { previous_response_id: last.id }
    const tools = { tools: [weather] }
    last = await openai.responses.create({ model, input, ...tools, ...previous, ...more })
    items.push(...input, ...last.output)
    return last
  }
  return { items, send }
}

async function assertLogged(items: readonly object[], sessionId: string) {
  assert.deepEqual(flat(items), await loggedIn(server.call, sessionId))
}

test('a client of Responses has the calls, results and texts of the log', async () => {
  const { items, send } = converse()
  const add = call('add', { a: 1, b: 2 })
  const begun = await send([user({ text: 'I add.', tool_calls: [add] }, { text: 'Three.' })])
  const { output } = await send([user({ tool_calls: [rain] }, { text: 'Rain.' })])
  const { call_id } = output[0] as { call_id: string }
  await send([{ type: 'function_call_output', call_id, output: 'rain' }])
  await assertLogged(items, outlastOf(begun).session_id)
})

test('a client of Responses has the approved call of the log', async () => {
  const { items, send } = converse()
  const { output } = await send([user({ tool_calls: [write] }, { text: 'Written.' })])
  const approval = { approval_request_id: output[0]!.id!, approve: true }
  const decided = await send([{ type: 'mcp_approval_response', ...approval }])
  assert.equal(decided.output_text, 'Written.')
  await assertLogged(items, outlastOf(decided).session_id)
})

test('a client of Responses has the question and the answers of the log', async () => {
  const { items, send } = converse()
  const { waiting_for } = outlastOf(await send([user({ tool_calls: [ask] }, { text: 'Thanks.' })]))
  const { call_id, questions } = waiting_for[0]!
  const output = JSON.stringify({ answers: [{ id: questions[0]!.id, selected: ['Red'] }] })
  const answered = await send([{ type: 'function_call_output', call_id, output }])
  assert.equal(answered.output_text, 'Thanks.')
  await assertLogged(items, outlastOf(answered).session_id)
})

test('a client of Responses has the log of an edit, an attempt and an error', async () => {
  const { items, send } = converse()
  const first = await send([user({ text: 'One.' })])
  const kept = items.slice()
  await send([user({ text: 'Two.' })])
  items.splice(0, items.length, ...kept)
  const edited = await send([user({ text: 'Edited.' })], { previous_response_id: first.id })
  assert.notEqual(outlastOf(edited).session_id, outlastOf(first).session_id)
  const error = { message: 'gone', after_characters: 12, fail_attempts: 1 }
  const { output } = await send([user({ text: 'The whole answer.', chunk: 4, error })])
  const broken = output.filter((item) => 'status' in item && item.status === 'incomplete')
  assert.equal(broken.length, 1)
  const failed = await send([user({ error: { message: 'x', status: 401 } })])
  assert.equal(failed.status, 'failed')
  await send([user({ text: 'On.' })])
  const isWhole = (item: object) => !broken.includes(item as never)
  await assertLogged(items.filter(isWhole), outlastOf(edited).session_id)
})

test('a client of Responses has the text so far of a response that it cancels', async () => {
  const words = 'It takes a while. '.repeat(300)
  const input = [user({ text: words, tokens_per_second: 20 })]
  const { id } = await openai.responses.create({ model, input, background: true })
  for await (const chunk of await openai.responses.retrieve(id, { stream: true })) {
    if (chunk.type === 'response.output_text.delta') break
  }
  await openai.responses.cancel(id)
  for await (const _chunk of await openai.responses.retrieve(id, { stream: true }));
  const cancelled = await openai.responses.retrieve(id)
  assert.equal(cancelled.status as string, 'cancelled')
  assert.notEqual(cancelled.output_text, '')
  await assertLogged([...input, ...cancelled.output], outlastOf(cancelled).session_id)
})

/** The session of a response or a completion. */
const sessionIn = (id: string) => `session_${id.replace(/^(resp_|chatcmpl-)/, '').slice(0, 32)}`

test('a client of Chat Completions has the log of calls, a question and an attempt', async () => {
  const messages: OpenAI.ChatCompletionMessageParam[] = []
  let id = ''
  const send = async (message: OpenAI.ChatCompletionMessageParam) => {
    messages.push(message)
    const tools = [{ type: 'function' as const, function: about }]
    const completion = await openai.chat.completions.create({ model, messages, tools })
    id = completion.id
    messages.push(completion.choices[0]!.message)
    return completion.choices[0]!
  }
  const asked = await send(user({ tool_calls: [rain] }, { text: 'Rain.' }))
  const [made] = asked.message.tool_calls!
  await send({ role: 'tool', tool_call_id: made!.id, content: 'rain' })
  const error = { message: 'gone', after_characters: 12, fail_attempts: 1 }
  await send(user({ text: 'The whole answer.', chunk: 4, error }))
  await assertLogged(messages, sessionIn(id))
})

test('a chat is asked a question, and shows that a call awaits its approval', async () => {
  const opening = user({ tool_calls: [ask] }, { text: 'Thanks.' })
  const asked = await openai.chat.completions.create({ model, messages: [opening] })
  const [question] = asked.choices
  assert.equal(question!.message.content, 'Which color?\n- Red\n- Blue')
  await assertLogged([opening, question!.message], sessionIn(asked.id))
  const messages = [opening, question!.message, user({ text: 'Red, then.' })]
  const { id, choices } = await openai.chat.completions.create({ model, messages })
  await assertLogged([...messages, choices[0]!.message], sessionIn(id))
  const approval = [user({ tool_calls: [write] }, { text: 'Written.' })]
  const waiting = await openai.chat.completions.create({ model, messages: approval })
  assert.match(waiting.choices[0]!.message.refusal!, /write_file/)
  const path = `/v1/sessions/${sessionIn(waiting.id)}/approvals/${write.id}`
  assert.equal((await server.call('POST', path, { decision: 'approve' })).status, 200)
})

test('a streamed chat keeps the text of an attempt that broke off, also for later messages', async (t) => {
  const told = await startModel(t)
  await told.session(server, { name: 'told' })
  const asked = { model: 'agent:told' }
  const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: 'user', content: 'Tell me.' }]
  const stream = openai.chat.completions.stream({ ...asked, messages })
  const isBegun = new Promise((resolve) => stream.once('content', resolve))
  const first = await told.call()
  first.say('The whole ')
  await isBegun
  first.breakOff()
  const again = await told.call(2)
  again.say('The whole answer.')
  again.end()
  const { id, choices } = await stream.finalChatCompletion()
  const [broken, whole] = choices[0]!.message.content!.split('\n\n')
  assert.ok('The whole answer.'.startsWith(broken!))
  assert.equal(whole, 'The whole answer.')
  await assertLogged([...messages, { role: 'assistant', content: whole }], sessionIn(id))
  messages.push(choices[0]!.message, { role: 'user', content: 'Go on.' })
  const answered = openai.chat.completions.create({ ...asked, messages })
  const third = await told.call(3)
  third.say('Next.')
  third.end()
  const next = await answered
  assert.notEqual(sessionIn(next.id), sessionIn(id))
  await assertLogged([...messages, next.choices[0]!.message], sessionIn(next.id))
})

for (const useResponses of [true, false]) {
  const api = useResponses ? 'Responses' : 'Chat Completions'
  const agent = new Agent({ name: 'Talks', model })
  const runnerOf = () =>
    new Runner({
      modelProvider: new OpenAIProvider({ openAIClient: openai as never, useResponses }),
    })

  test(`the Agents SDK has the log of a question, an attempt and an edit with ${api}`, async () => {
    const runner = runnerOf()
    const run = async (history: object[], ...steps: ScriptStep[]) => {
      const result = await runner.run(agent, [...history, user(...steps)] as never)
      await assertLogged(result.history, sessionIn(result.lastResponseId!))
      return result
    }
    const asked = await run([], { tool_calls: [ask] }, { text: 'Thanks.' })
    assert.equal(asked.finalOutput, 'Which color?\n- Red\n- Blue')
    const answered = await run(asked.history, { text: 'Red, then.' })
    const error = { message: 'gone', after_characters: 12, fail_attempts: 1 }
    const again = await run(answered.history, { text: 'The whole answer.', chunk: 4, error })
    assert.equal(again.finalOutput, 'The whole answer.')
    const edited = await run(answered.history, { text: 'Edited.' })
    assert.equal(edited.finalOutput, 'Edited.')
  })

  test(`the Agents SDK gets the error of the log with ${api}`, async () => {
    const runner = runnerOf()
    const text = scripted({ error: { message: api, status: 401 } })
    const message = "The model's provider rejected the API key."
    // The SDK hides the message of a failed response.
    const shown = useResponses ? /response\.failed/ : /rejected the API key/
    await assert.rejects(runner.run(agent, text), shown)
    const { body } = await server.call('GET', '/v1/sessions')
    const { id } = body.data.find(({ preview }: { preview: string }) => preview.startsWith(text))
    await assertLogged(
      [user({ error: { message: api, status: 401 } }), { role: 'assistant', content: message }],
      id,
    )
  })
}
