import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, test } from 'node:test'
import {
  APICallError,
  type LanguageModelV4FunctionTool,
  type LanguageModelV4StreamPart,
} from '@ai-sdk/provider'
import { LLMock } from '@copilotkit/aimock'
import type { ProviderType } from '@outlast/contract'
import type { Catalogue } from './catalogue/form.ts'
import { providers } from './index.ts'

type Part = LanguageModelV4StreamPart

const wires: ProviderType[] = [
  'openai_completions',
  'openai',
  'anthropic',
  'google',
  'azure_openai',
]
const weather = { name: 'get_weather', arguments: { location: 'Kyiv', units: 'celsius' } }
const time = { name: 'get_current_time', arguments: { timezone: 'Europe/Kyiv' } }

const tools: LanguageModelV4FunctionTool[] = [weather, time].map(({ name, arguments: input }) => ({
  type: 'function',
  name,
  description: `The tool ${name}.`,
  inputSchema: {
    type: 'object',
    properties: Object.fromEntries(Object.keys(input).map((key) => [key, { type: 'string' }])),
    additionalProperties: false,
  },
}))

const usage = { prompt_tokens: 31, completion_tokens: 7, total_tokens: 38 }
const anthropicUsage = { input_tokens: 31, output_tokens: 7 }

/** Responses of the mock server, and the same responses as scripts of the simulated model. */
const replies = {
  text: {
    fixture: { content: 'Hello, dear 😀 reader.' },
    step: { text: 'Hello, dear 😀 reader.' },
  },
  call: { fixture: { toolCalls: [weather] }, step: { tool_calls: [weather] } },
  calls: { fixture: { toolCalls: [weather, time] }, step: { tool_calls: [weather, time] } },
}
type Case = keyof typeof replies

const mock = new LLMock({ port: 0 })

const baseOf = (type: ProviderType, host = mock.url) =>
  `${host}${type === 'google' ? '/v1beta' : '/v1'}`

before(async () => {
  for (const [name, { fixture }] of Object.entries(replies)) {
    mock.onMessage(`case ${name}.`, { ...fixture, usage: { ...usage, ...anthropicUsage } })
  }
  await mock.start()
})
after(() => mock.stop())

async function open(type: ProviderType, text: string, baseUrl: string, signal?: AbortSignal) {
  const model = await providers[type].model({ apiKey: 'key', baseUrl }, 'a-model')
  const { stream } = await model.doStream({
    prompt: [{ role: 'user', content: [{ type: 'text', text }] }],
    tools,
    ...(type === 'llmsim' && { providerOptions: { llmsim: { scripts: true } } }),
    ...(signal && { abortSignal: signal }),
  })
  return stream
}

async function call(type: ProviderType, name: Case): Promise<Part[]> {
  const counted = { input_tokens: 31, output_tokens: 7 }
  const script = `llmsim-script: ${JSON.stringify([{ ...replies[name].step, usage: counted }])}`
  const text = type === 'llmsim' ? script : `case ${name}.`
  const parts: Part[] = []
  for await (const part of await open(type, text, baseOf(type))) parts.push(part)
  return parts
}

const callsIn = (parts: Part[]) =>
  parts.flatMap((part) =>
    part.type === 'tool-call' ? [{ name: part.toolName, arguments: JSON.parse(part.input) }] : [],
  )

function finishOf(parts: Part[]) {
  const finish = parts.find((part) => part.type === 'finish')
  assert.ok(finish)
  return finish
}

for (const type of Object.keys(providers) as ProviderType[]) {
  describe(type, () => {
    test('streams text and reports usage', async () => {
      const parts = await call(type, 'text')
      const deltas = parts.flatMap((part) => (part.type === 'text-delta' ? [part.delta] : []))
      assert.equal(deltas.join(''), 'Hello, dear 😀 reader.')
      const finish = finishOf(parts)
      assert.equal(finish.finishReason.unified, 'stop')
      assert.equal(finish.usage.inputTokens.total, 31)
      assert.equal(finish.usage.outputTokens.total, 7)
    })

    test('returns a tool call with its arguments', async () => {
      const parts = await call(type, 'call')
      assert.deepEqual(callsIn(parts), [weather])
      // The mock ends Gemini's calls with a reason that Gemini does not have.
      const expected = type === 'google' ? 'other' : 'tool-calls'
      assert.equal(finishOf(parts).finishReason.unified, expected)
    })

    test('returns several tool calls of one reply with different ids', async () => {
      const parts = await call(type, 'calls')
      assert.deepEqual(callsIn(parts), [weather, time])
      const ids = parts.flatMap((part) => (part.type === 'tool-call' ? [part.toolCallId] : []))
      assert.equal(new Set(ids).size, 2)
    })
  })
}

for (const type of wires) {
  describe(`sends a request of ${type} in the vendor's format`, () => {
    for (const status of [401, 429, 500]) {
      test(`throws the response ${status} as APICallError`, async () => {
        mock.nextRequestError(status, { message: 'no luck', type: 'some_error' })
        await assert.rejects(call(type, 'text'), (error) => {
          assert.ok(APICallError.isInstance(error), String(error))
          assert.equal(error.statusCode, status)
          assert.equal(error.isRetryable, status !== 401)
          assert.match(error.message, /no luck/)
          return true
        })
      })
    }

    test('an abort closes the connection', async (t) => {
      const opened = Promise.withResolvers<ServerResponse>()
      const server = createServer((request, response) => {
        request.resume()
        response.writeHead(200, { 'content-type': 'text/event-stream' }).write(': hello\n\n')
        opened.resolve(response)
      }).listen(0, '127.0.0.1')
      await once(server, 'listening')
      t.after(() => server.close())
      const { port } = server.address() as AddressInfo
      const controller = new AbortController()
      const reading = (async () => {
        const baseUrl = baseOf(type, `http://127.0.0.1:${port}`)
        for await (const _ of await open(type, 'hi', baseUrl, controller.signal));
      })()
      const closed = once(await opened.promise, 'close')
      controller.abort()
      await assert.rejects(reading, { name: 'AbortError' })
      await closed
    })

    test('an unreachable server is a retryable APICallError without status', async () => {
      await assert.rejects(open(type, 'hi', 'http://127.0.0.1:1/v1'), (error) => {
        assert.ok(APICallError.isInstance(error))
        assert.deepEqual([error.statusCode, error.isRetryable], [undefined, true])
        return true
      })
    })
  })
}

test('no SDK takes a key or a base URL from the environment', async (t) => {
  const names = [
    'OPENAI_API_KEY',
    'OPENAI_BASE_URL',
    'ANTHROPIC_API_KEY',
    'ANTHROPIC_BASE_URL',
    'GOOGLE_GENERATIVE_AI_API_KEY',
    'AZURE_API_KEY',
    'AZURE_RESOURCE_NAME',
  ]
  for (const name of names) process.env[name] = 'http://from.the.environment'
  t.after(() => {
    for (const name of names) delete process.env[name]
  })
  for (const type of wires) {
    const baseUrl = baseOf(type)
    const model = await providers[type].model({ apiKey: undefined, baseUrl }, 'a-model')
    const prompt = [
      { role: 'user' as const, content: [{ type: 'text' as const, text: 'case text.' }] },
    ]
    mock.clearRequests()
    await (await model.doStream({ prompt })).stream.cancel()
    const headers = mock.getRequests()[0]?.headers
    assert.doesNotMatch(JSON.stringify(headers), /environment/, type)
  }
})

test('no Claude model gets more output than the limit, and its kind of thinking stays', async () => {
  const catalogue = new URL('../../catalogue/models.json', import.meta.url)
  const { anthropic }: Catalogue['providers'] = JSON.parse(
    readFileSync(catalogue, 'utf8'),
  ).providers
  const thinking = Object.values(anthropic.models).filter(({ reasoning }) => reasoning)
  const names = [...thinking.map(({ id }) => id), 'us.anthropic.claude-haiku-4-5-v1:0', 'a-model']
  const bodies: { max_tokens: number; thinking: { type: string; budget_tokens?: number } }[] = []
  const record: typeof fetch = async (_url, init) => {
    bodies.push(JSON.parse(String(init!.body)))
    return new Response('{}', { status: 400 })
  }
  const { model, tune } = providers.anthropic
  for (const name of names) {
    const vendor = await model({ apiKey: 'key', baseUrl: undefined, fetch: record }, name)
    for (const reasoning of ['minimal', 'low', 'medium', 'high', 'xhigh', 'max'] as const) {
      const prompt = [{ role: 'user' as const, content: [{ type: 'text' as const, text: 'Hi.' }] }]
      const options = { prompt, reasoning }
      const forms = new Set<never>()
      const about = { sessionId: 'session', modelId: name, outputTokensMax: 4_000, forms }
      await assert.rejects(async () => vendor.doStream(options), APICallError.isInstance)
      await assert.rejects(async () => vendor.doStream(tune!(options, about)))
      const [free, limited] = bodies.splice(0)
      const { max_tokens, thinking } = limited!
      assert.equal(max_tokens, 4_000, name)
      assert.equal(thinking.type, free!.thinking.type, name)
      assert.ok((thinking.budget_tokens ?? 0) < 4_000, name)
    }
  }
})
