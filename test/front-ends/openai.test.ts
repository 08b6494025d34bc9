/** Published clients of OpenAI's API against real nodes, also while a node dies. */
import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { createOpenAI } from '@ai-sdk/openai'
import {
  Agent,
  hostedMcpTool,
  OpenAIProvider,
  Runner,
  RunState,
  setTracingDisabled,
  tool,
} from '@openai/agents'
import { tool as aiTool, generateText, jsonSchema, stepCountIs, streamText } from 'ai'
import OpenAI from 'openai'
import type { Response, ResponseStreamEvent } from 'openai/resources/responses/responses'
import { createTestDatabase } from '../../apps/server/test/database.ts'
import { beforeAll } from '../../apps/server/test/hooks.ts'
import { startModel } from '../../apps/server/test/remotes/written-model.ts'
import { type Call, startServer } from '../../apps/server/test/server.ts'
import {
  createAgent,
  eventsOf,
  replyOf,
  scripted,
  sessionOf,
} from '../../apps/server/test/session.ts'
import { startProcess } from '../process.ts'
import { flat, loggedIn } from './openai-log.ts'

let server: Awaited<ReturnType<typeof startServer>>
beforeAll(async (t) => {
  setTracingDisabled(true)
  server = await startServer(t)
  const files = { ref: 'session_file_system', config: { requires_approval: ['write_file'] } }
  await createAgent(server, { name: 'ada', capabilities: [{ ref: 'test_math' }, files] })
})

const model = 'agent:ada'
const weather = { name: 'get_weather', arguments: { city: 'Rome' } }
const toRome = scripted({ tool_calls: [weather] }, { text: 'It rains in Rome.' })
const parameters = {
  type: 'object' as const,
  properties: { city: { type: 'string' as const } },
  required: ['city'],
  additionalProperties: false as const,
}

const clientOf = (url: string, more: object = {}) =>
  new OpenAI({ baseURL: `${url}/openai/v1`, apiKey: 'none', ...more })

const runnerOf = (client: OpenAI, useResponses = true) =>
  new Runner({
    modelProvider: new OpenAIProvider({ openAIClient: client as never, useResponses }),
  })

const weatherTool = (cities: unknown[]) =>
  tool({
    name: 'get_weather',
    description: 'Tells the weather.',
    parameters,
    strict: true,
    execute: async (input) => {
      cities.push((input as { city: string }).city)
      return 'rain'
    },
  })

for (const useResponses of [true, false]) {
  const api = useResponses ? 'Responses' : 'Chat Completions'
  test(`the Agents SDK runs its function tool with ${api}`, async () => {
    const cities: unknown[] = []
    const agent = new Agent({
      name: 'Weather',
      model,
      instructions: 'Be brief.',
      tools: [weatherTool(cities)],
    })
    const runner = runnerOf(clientOf(server.url), useResponses)
    const result = await runner.run(agent, toRome)
    assert.equal(result.finalOutput, 'It rains in Rome.')
    assert.deepEqual(cities, ['Rome'])
    const streamed = await runner.run(agent, toRome, { stream: true })
    let text = ''
    for await (const piece of streamed.toTextStream()) text += piece
    await streamed.completed
    assert.equal(text, 'It rains in Rome.')
    const next = [...result.history, { role: 'user' as const, content: scripted({ text: 'Bye.' }) }]
    assert.equal((await runner.run(agent, next)).finalOutput, 'Bye.')
  })

  test(`the AI SDK runs its tool with ${api}`, async () => {
    const openai = createOpenAI({ baseURL: `${server.url}/openai/v1`, apiKey: 'none' })
    const cities: string[] = []
    const request = {
      model: useResponses ? openai.responses(model) : openai.chat(model),
      prompt: toRome,
      stopWhen: stepCountIs(3),
      tools: {
        get_weather: aiTool({
          description: 'Tells the weather.',
          inputSchema: jsonSchema<{ city: string }>(parameters),
          execute: async ({ city }) => {
            cities.push(city)
            return 'rain'
          },
        }),
      },
    }
    const { text, steps } = await generateText(request)
    assert.deepEqual([text, steps.length], ['It rains in Rome.', 2])
    assert.equal(await streamText(request).text, 'It rains in Rome.')
    assert.deepEqual(cities, ['Rome', 'Rome'])
  })
}

test('the AI SDK shows the thinking and the tools of the server', async () => {
  const openai = createOpenAI({ baseURL: `${server.url}/openai/v1`, apiKey: 'none' })
  const add = { name: 'add', arguments: { a: 1, b: 2 } }
  const prompt = scripted({ thinking: 'Hm.', tool_calls: [add] }, { text: 'It is 3.' })
  const providerOptions = { openai: { reasoningEffort: 'low', forceReasoning: true } }
  const result = streamText({ model: openai.responses(model), prompt, providerOptions })
  const types = new Set<string>()
  for await (const part of result.fullStream) types.add(part.type)
  assert.ok(!types.has('error'), [...types].join())
  assert.equal(await result.text, 'It is 3.')
  assert.equal((await result.reasoningText)?.trim(), 'Hm.')
})

test('the Agents SDK decides on approvals, and shows the tools of the server', async () => {
  const asked: string[] = []
  const tools = hostedMcpTool({
    serverLabel: 'outlast',
    serverUrl: `${server.url}/openai/v1`,
    requireApproval: 'always',
    onApproval: async (_context, { rawItem }) => {
      asked.push((rawItem as { name: string }).name)
      return { approve: true }
    },
  })
  const agent = new Agent({ name: 'Files', model, tools: [tools] })
  const runner = runnerOf(clientOf(server.url))
  const add = { name: 'add', arguments: { a: 1, b: 2 } }
  const write = { name: 'write_file', arguments: { path: '/a.txt', content: 'x' } }
  const script = scripted({ tool_calls: [add] }, { tool_calls: [write] }, { text: 'Written.' })
  const result = await runner.run(agent, script)
  assert.equal(result.finalOutput, 'Written.')
  assert.deepEqual(asked, ['write_file'])
})

const env = { PRIVATE_HOSTS_ALLOWED: '127.0.0.1' }

/** A node that runs the turn; `kill` starts the one that takes over before it kills this one. */
async function oneNode(t: TestContext, fields: object = {}) {
  const chosen = await startModel(t)
  const databaseUrl = await createTestDatabase(t)
  const one = await startProcess({ ...env, DATABASE_URL: databaseUrl })
  t.after(() => one.crash())
  await chosen.session(one, fields)
  const startSecond = () => startServer(t, { databaseUrl, env })
  let live: { url: string } = one
  /** A client whose requests go to the live node, as through a load balancer. */
  const openai = clientOf(one.url, {
    fetch: (url: string, init: RequestInit) => fetch(url.replace(one.url, live.url), init),
  })
  const kill = async () => {
    const two = await startSecond()
    live = two
    await one.crash()
    return two
  }
  const request = { model: 'agent:Ada', input: 'Tell me.' }
  return { chosen, one, startSecond, openai, kill, request }
}

/** The session of the request, which must be the only one with its message. */
async function sessionIn(two: { call: Call }) {
  const { body } = await two.call('GET', '/v1/sessions')
  const found = body.data.filter(({ preview }: { preview: string }) => preview === 'Tell me.')
  assert.equal(found.length, 1)
  return found[0].id as string
}

const responseOf = (chunk: ResponseStreamEvent) => (chunk as { response: Response }).response

type Had = { number: number; texts: Map<string, string>; last: ResponseStreamEvent | undefined }

/** Adds the chunks of a stream to those of a client, until the stream ends or breaks. */
async function take(had: Had, stream: AsyncIterable<ResponseStreamEvent>, enough = () => false) {
  try {
    for await (const chunk of stream) {
      assert.ok(chunk.sequence_number > had.number, 'each chunk once')
      had.number = chunk.sequence_number
      had.last = chunk
      if (chunk.type === 'response.output_text.delta') {
        had.texts.set(chunk.item_id, (had.texts.get(chunk.item_id) ?? '') + chunk.delta)
      } else if (chunk.type === 'response.output_text.done')
        had.texts.set(chunk.item_id, chunk.text)
      if (enough()) break
    }
  } catch (error) {
    if (error instanceof assert.AssertionError) throw error
    // The node died.
  }
}

const nothing = (): Had => ({ number: -1, texts: new Map(), last: undefined })
const textOf = ({ texts }: Had) => [...texts.values()].join('')

test('a client resumes on another node after kill -9 of its own, inside the text', async (t) => {
  const { chosen, one, startSecond, request } = await oneNode(t)
  const had = nothing()
  const stream = await clientOf(one.url).responses.create({ ...request, stream: true })
  const first = await chosen.call()
  const two = await startSecond()
  first.say('Lost words.')
  let id = ''
  await take(had, stream, () => {
    if (had.last?.type === 'response.created') id = responseOf(had.last).id
    return textOf(had) === 'Lost words.'
  })
  const other = nothing()
  const watched = take(other, await clientOf(two.url).responses.retrieve(id, { stream: true }))
  await one.crash()
  const again = await chosen.call(2)
  const resumed = take(
    had,
    await clientOf(two.url).responses.retrieve(id, { stream: true, starting_after: had.number }),
  )
  again.say('Found ')
  again.say('words.')
  again.end()
  await Promise.all([resumed, watched])
  const whole = await clientOf(two.url).responses.retrieve(id)
  assert.equal(whole.output_text, 'Found words.')
  assert.equal(replyOf(await eventsOf(two, sessionOf(whole))), 'Found words.')
  for (const client of [had, other]) {
    assert.equal(textOf(client), 'Found words.')
    assert.deepEqual(responseOf(client.last!).output, whole.output)
  }
})

test('a client whose node stops gets an error, and the rest from another node', async (t) => {
  const { chosen, one, startSecond, request } = await oneNode(t)
  const { id } = await clientOf(one.url).responses.create({ ...request, background: true })
  const call = await chosen.call()
  const two = await startSecond()
  call.say('First ')
  const had = nothing()
  const stream = await clientOf(two.url).responses.retrieve(id, { stream: true })
  const failed = assert.rejects(async () => {
    for await (const chunk of stream) {
      await take(had, Readable.from([chunk]))
      if (textOf(had) === 'First ') void two.stop()
    }
  }, OpenAI.APIError)
  await failed
  const openai = clientOf(one.url)
  const starting_after = had.number
  const rest = take(had, await openai.responses.retrieve(id, { stream: true, starting_after }))
  call.say('and last.')
  call.end()
  await rest
  assert.equal(textOf(had), 'First and last.')
  assert.equal((await openai.responses.retrieve(id)).output_text, 'First and last.')
})

test('generateText of the AI SDK rejects with the sentence of a failed turn', async () => {
  const provider = createOpenAI({ baseURL: `${server.url}/openai/v1`, apiKey: 'none' })
  const prompt = scripted({ error: { message: 'x', status: 401 } })
  const asked = generateText({ model: provider.responses(model), prompt, maxRetries: 0 })
  await assert.rejects(asked, { message: "The model's provider rejected the API key." })
})

test('a request that its client repeats after kill -9 of the node gets the first turn', async (t) => {
  const { chosen, openai, kill, request } = await oneNode(t)
  const asked = openai.responses.create(request)
  const first = await chosen.call()
  first.say('Lost.')
  const two = await kill()
  const again = await chosen.call(2)
  again.say('Kept.')
  again.end()
  const response = await asked
  assert.equal(response.output_text, 'Kept.')
  const events = await eventsOf(two, sessionOf(response))
  assert.equal(events.filter(({ type }) => type === 'turn.started').length, 1)
  assert.equal(await sessionIn(two), sessionOf(response))
})

test('a chat that its client repeats after kill -9 of the node has one answer', async (t) => {
  const { chosen, openai, kill, request } = await oneNode(t)
  const messages = [{ role: 'user' as const, content: request.input }]
  const asked = openai.chat.completions.create({ model: request.model, messages })
  const first = await chosen.call()
  first.say('Lost.')
  const two = await kill()
  const again = await chosen.call(2)
  again.say('Kept.')
  again.end()
  const { message } = (await asked).choices[0]!
  assert.deepEqual(flat([...messages, message]), await loggedIn(two.call, await sessionIn(two)))
})

for (const useResponses of [true, false]) {
  const api = useResponses ? 'Responses' : 'Chat Completions'
  test(`the Agents SDK has the log of a run whose node is killed with ${api}`, async (t) => {
    const { chosen, openai, kill, request } = await oneNode(t)
    const cities: unknown[] = []
    const tools = [weatherTool(cities)]
    const agent = new Agent({ name: 'Weather', model: request.model, tools })
    const running = runnerOf(openai, useResponses).run(agent, request.input)
    const first = await chosen.call()
    first.input(0, '{"city":"Rome"}', { id: 'call_1', name: 'get_weather' })
    first.end()
    const second = await chosen.call(2)
    second.say('Lost.')
    const two = await kill()
    const again = await chosen.call(3)
    again.say('It rains.')
    again.end()
    const { history, finalOutput } = await running
    assert.deepEqual([finalOutput, cities], ['It rains.', ['Rome']])
    assert.deepEqual(flat(history), await loggedIn(two.call, await sessionIn(two)))
  })
}

test('a stored run of the Agents SDK gets its approval after kill -9 of the node', async (t) => {
  const files = { ref: 'session_file_system', config: { requires_approval: ['write_file'] } }
  const { chosen, openai, kill, request } = await oneNode(t, { capabilities: [files] })
  const serverUrl = 'http://127.0.0.1'
  const tools = [hostedMcpTool({ serverLabel: 'outlast', serverUrl, requireApproval: 'always' })]
  const agent = new Agent({ name: 'Files', model: request.model, tools })
  const runner = runnerOf(openai)
  const running = runner.run(agent, request.input)
  const first = await chosen.call()
  first.input(0, '{"path":"/a.txt","content":"x"}', { id: 'call_1', name: 'write_file' })
  first.end()
  const stored = (await running).state.toString()
  const two = await kill()
  const state = await RunState.fromString(agent, stored)
  const [asked] = state.getInterruptions()
  state.approve(asked!)
  const resumed = runner.run(agent, state)
  const again = await chosen.call(2)
  again.say('Written.')
  again.end()
  const { history, finalOutput } = await resumed
  assert.equal(finalOutput, 'Written.')
  assert.deepEqual(flat(history), await loggedIn(two.call, await sessionIn(two)))
})
