import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  APICallError,
  type LanguageModelV4CallOptions,
  type LanguageModelV4Message,
  type LanguageModelV4StreamPart,
} from '@ai-sdk/provider'
import { simulated } from './simulated.ts'

type Part = LanguageModelV4StreamPart
type Options = Omit<LanguageModelV4CallOptions, 'tools'> & { tools?: string[] }

const noConnection = { apiKey: undefined, baseUrl: undefined }
const user = (text: string): LanguageModelV4Message => ({
  role: 'user',
  content: [{ type: 'text', text }],
})
const agent = (text: string): LanguageModelV4Message => ({
  role: 'assistant',
  content: [{ type: 'text', text }],
})

async function open(name: string, { tools = [], ...options }: Options) {
  const model = await simulated.model(noConnection, name)
  const functions = tools.map((tool) => ({
    type: 'function' as const,
    name: tool,
    inputSchema: { type: 'object' as const },
  }))
  const { llmsim } = options.providerOptions ?? {}
  const providerOptions = { llmsim: { scripts: true, ...llmsim } }
  return (await model.doStream({ ...options, providerOptions, tools: functions })).stream
}

async function call(name: string, options: Options): Promise<Part[]> {
  const parts: Part[] = []
  for await (const part of await open(name, options)) parts.push(part)
  return parts
}

const textIn = (parts: Part[]) =>
  parts.map((part) => (part.type === 'text-delta' ? part.delta : '')).join('')

const callsIn = (parts: Part[]) =>
  parts.flatMap((part) =>
    part.type === 'tool-call' ? [{ name: part.toolName, input: JSON.parse(part.input) }] : [],
  )

const say = async (text: string, tools?: string[]) =>
  textIn(await call('llmsim-default', { prompt: [user(text)], ...(tools && { tools }) }))

/** Runs the simulated model until it answers; each requested tool returns its given result. */
async function converse(
  text: string,
  tools: string[],
  answer: (name: string, input: never) => unknown,
) {
  const prompt = [user(text)]
  for (let step = 1; step <= 10; step++) {
    const parts = await call('llmsim-default', { prompt, tools })
    const asked = parts.filter((part) => part.type === 'tool-call')
    if (asked.length === 0) return textIn(parts)
    prompt.push({
      role: 'assistant',
      content: asked.map(({ toolCallId, toolName, input }) => ({
        type: 'tool-call',
        toolCallId,
        toolName,
        input: JSON.parse(input),
      })),
    })
    prompt.push({
      role: 'tool',
      content: asked.map(({ toolCallId, toolName, input }) => ({
        type: 'tool-result',
        toolCallId,
        toolName,
        output: {
          type: 'text',
          value: JSON.stringify(answer(toolName, JSON.parse(input) as never)),
        },
      })),
    })
  }
  throw new Error('the model never came to an end')
}

type Operands = { a: number; b: number }
const math = ['add', 'subtract', 'multiply', 'divide']

function calculate(name: string, { a, b }: Operands) {
  const results = { add: a + b, subtract: a - b, multiply: a * b, divide: a / b }
  const result = results[name as keyof typeof results]
  return b === 0 ? { error: 'Cannot divide by zero' } : { a, b, operation: name, result }
}

test('several questions become several tool calls in one reply', async () => {
  const parts = await call('llmsim-default', {
    prompt: [user('What time is it in Kyiv, and what is 12.5 × 8?')],
    tools: ['get_current_time', 'multiply'],
  })
  assert.deepEqual(callsIn(parts), [
    { name: 'get_current_time', input: { timezone: 'Europe/Kyiv' } },
    { name: 'multiply', input: { a: 12.5, b: 8 } },
  ])
  assert.deepEqual(parts.at(-1)?.type === 'finish' && parts.at(-1), {
    type: 'finish',
    finishReason: { unified: 'tool-calls', raw: 'tool-calls' },
    usage: {
      inputTokens: { total: 12, noCache: 12, cacheRead: undefined, cacheWrite: undefined },
      outputTokens: { total: 28, text: 28, reasoning: 0 },
    },
  })
})

test('the answer repeats the results of the tools', async () => {
  const text = await converse(
    'What time is it in Kyiv, and what is 12.5 × 8?',
    ['get_current_time', ...math],
    (name, input) =>
      name === 'get_current_time'
        ? { datetime: '2026-03-03T17:12:05+02:00', format: 'iso8601', timezone: 'Europe/Kyiv' }
        : calculate(name, input),
  )
  assert.equal(
    text,
    'It is 17:12 on Tuesday, 2026-03-03, in Kyiv (Europe/Kyiv). 12.5 × 8 = 100. (simulated)',
  )
})

const questions: [text: string, calls: object[]][] = [
  ['what time is it?', [{ name: 'get_current_time', input: {} }]],
  [
    'tell me the time in tokyo and New York',
    [
      { name: 'get_current_time', input: { timezone: 'Asia/Tokyo' } },
      { name: 'get_current_time', input: { timezone: 'America/New_York' } },
    ],
  ],
  ['time in Mumbai?', [{ name: 'get_current_time', input: { timezone: 'Asia/Kolkata' } }]],
  ['What time is it in Atlantis?', [{ name: 'get_current_time', input: { timezone: 'Atlantis' } }]],
  ['7 minus -2.5', [{ name: 'subtract', input: { a: 7, b: -2.5 } }]],
  ['what is 1,000 divided by 8', [{ name: 'divide', input: { a: 1000, b: 8 } }]],
  ['how much is 5 x 3?', [{ name: 'multiply', input: { a: 5, b: 3 } }]],
  ['subtract 3 from 10', [{ name: 'subtract', input: { a: 10, b: 3 } }]],
  ["what's the weather in Paris?", [{ name: 'get_weather', input: { location: 'Paris' } }]],
  [
    'How warm is it in São Paulo in Fahrenheit?',
    [{ name: 'get_weather', input: { location: 'São Paulo', units: 'fahrenheit' } }],
  ],
  [
    'Weather forecast for New York for the next 4 days, please',
    [{ name: 'get_forecast', input: { location: 'New York', days: 4 } }],
  ],
]

for (const [text, calls] of questions) {
  test(`"${text}" calls the tools that answer it`, async () => {
    const tools = ['get_current_time', 'get_weather', 'get_forecast', ...math]
    assert.deepEqual(callsIn(await call('llmsim-default', { prompt: [user(text)], tools })), calls)
  })
}

test('text that only resembles a question calls no tool', async () => {
  const tools = ['get_current_time', 'get_weather', ...math]
  for (const text of [
    'I have no time',
    'Call 555-1234',
    'What happened on 2026-03-01?',
    '3 cats',
  ]) {
    const parts = await call('llmsim-default', { prompt: [user(text)], tools })
    assert.deepEqual(callsIn(parts), [], text)
    assert.match(textIn(parts), /\(simulated\)$/)
  }
})

test('a longer calculation calls one tool after another, × and ÷ first', async () => {
  const seen: string[] = []
  const text = await converse('1 + 2 × 3 - 4', math, (name, input: Operands) => {
    seen.push(`${name} ${input.a} ${input.b}`)
    return calculate(name, input)
  })
  assert.deepEqual(seen, ['multiply 2 3', 'add 1 6', 'subtract 7 4'])
  assert.equal(text, '1 + 2 × 3 - 4 = 3. (simulated)')
})

test('reports the error of a tool in a sentence', async () => {
  assert.equal(
    await converse('What is 10 / 0?', math, calculate),
    'I could not get 10 ÷ 0: Cannot divide by zero. (simulated)',
  )
})

test('reports weather and forecast in sentences', async () => {
  const now = { temperature: 17, units: 'celsius', conditions: 'rainy', humidity: 40 }
  const day = { date: '2026-03-01', conditions: 'sunny', low: 9, high: 19 }
  assert.equal(
    await converse(
      'Weather in Paris, and the forecast for Rome',
      ['get_weather', 'get_forecast'],
      (name) =>
        name === 'get_weather'
          ? { ...now, wind_speed_kmh: 12 }
          : { units: 'celsius', forecast: [day] },
    ),
    'In Paris it is 17 °C and rainy, with 40 % humidity and 12 km/h of wind. ' +
      'The forecast for Rome: 2026-03-01 sunny, 9 to 19 °C. (simulated)',
  )
})

test('without the tool the answer names the missing one', async () => {
  assert.match(await say('What is 2 + 2?'), /I need the tool add for 2 \+ 2, .* \(simulated\)/)
})

test('small talk quotes the message and names the simulated model', async () => {
  const text = await say(`Hello ${'wörld 😀 '.repeat(50)}`)
  assert.match(text, /^You said “Hello wörld 😀 .*…”\. I am a simulated model/)
  assert.ok(text.isWellFormed())
})

test('answers a message that arrived during the turn', async () => {
  const prompt: LanguageModelV4Message[] = [
    user('What is 1 + 1?'),
    {
      role: 'assistant',
      content: [{ type: 'tool-call', toolCallId: 'c', toolName: 'add', input: { b: 1, a: 1 } }],
    },
    {
      role: 'tool',
      content: [
        {
          type: 'tool-result',
          toolCallId: 'c',
          toolName: 'add',
          output: { type: 'json', value: { result: 2 } },
        },
      ],
    },
    user('And what is 2 + 2?'),
  ]
  const parts = await call('llmsim-default', { prompt, tools: math })
  assert.deepEqual(callsIn(parts), [{ name: 'add', input: { a: 2, b: 2 } }])
})

test('does not repeat answers to earlier questions', async () => {
  const prompt = [user('What is 1 + 1?'), agent('2'), user('Thanks!')]
  assert.match(textIn(await call('llmsim-default', { prompt, tools: math })), /^You said “Thanks!”/)
})

test('the echo model repeats the message', async () => {
  const parts = await call('llmsim-echo', { prompt: [user('  one\n\ntwo '), user('three')] })
  assert.equal(textIn(parts), 'Simulated echo:   one\n\ntwo \nthree')
})

test('the same prompt gets the same parts', async () => {
  const options = { prompt: [user('2 + 2?')], tools: math }
  assert.deepEqual(await call('llmsim-default', options), await call('llmsim-default', options))
})

test('echoes a very long message in a bounded number of whole deltas', async () => {
  const text = '😀 '.repeat(300_000)
  const parts = await call('llmsim-echo', { prompt: [user(text)] })
  assert.equal(textIn(parts), `Simulated echo: ${text}`)
  assert.ok(parts.length < 20_010)
  assert.ok(parts.every((part) => part.type !== 'text-delta' || part.delta.isWellFormed()))
})

test('hostile text does not slow down the rules', async () => {
  const texts = ['1 '.repeat(9e4), ' '.repeat(9e4), `time in ${'a '.repeat(5e4)}`, '1+'.repeat(9e4)]
  for (const text of [...texts, `weather in ${' '.repeat(9e4)}`, '['.repeat(9e4)]) {
    const before = process.threadCpuUsage()
    await say(text, math)
    const { user } = process.threadCpuUsage(before)
    assert.ok(user < 1_000_000, `${JSON.stringify(text.slice(0, 20))}: ${user} µs`)
  }
})

const script = (steps: unknown) => `llmsim-script: ${JSON.stringify(steps)}`

test('follows a script step by step and then reports its end', async () => {
  const steps = [
    { thinking: 'Hm.', text: 'Let me see.', tool_calls: [{ name: 'add', arguments: { a: 1 } }] },
    { text: 'Done.', usage: { input_tokens: 100, output_tokens: 7, cache_read_tokens: 60 } },
  ]
  const start = [user(`Play this.\n${script(steps)}`)]
  const first = await call('llmsim-default', { prompt: start })
  assert.equal(textIn(first), 'Let me see.')
  assert.deepEqual(callsIn(first), [{ name: 'add', input: { a: 1 } }])
  assert.ok(first.some((part) => part.type === 'reasoning-delta' && part.delta === 'Hm.'))

  const second = await call('llmsim-default', { prompt: [...start, agent('Let me see.')] })
  assert.equal(textIn(second), 'Done.')
  const end = second.at(-1)
  assert.deepEqual(end?.type === 'finish' && end.usage, {
    inputTokens: { total: 100, noCache: 40, cacheRead: 60, cacheWrite: undefined },
    outputTokens: { total: 7, text: 7, reasoning: 0 },
  })

  const third = await call('llmsim-default', { prompt: [...start, agent('a'), agent('b')] })
  assert.equal(textIn(third), 'Simulated: the script has ended.')
})

test('a script can be in the system prompt, followed by text', async () => {
  const content = `<system-prompt>\n${script([{ text: 'a ] b' }, { text: 'c' }])}\n</system-prompt>`
  const prompt: LanguageModelV4Message[] = [{ role: 'system', content }, user('hi')]
  assert.equal(textIn(await call('llmsim-default', { prompt })), 'a ] b')
  const later = [...prompt, agent('a ] b'), user('go on')]
  assert.equal(textIn(await call('llmsim-default', { prompt: later })), 'c')
})

test('a -script model continues the script of an earlier message', async () => {
  const prompt = [user(script([{ text: 'a' }, { text: 'b' }])), agent('a'), user('go on')]
  assert.equal(textIn(await call('llmsim-script', { prompt })), 'b')
  assert.match(textIn(await call('llmsim-default', { prompt })), /^You said “go on”/)
})

test('reports an invalid script', async () => {
  for (const bad of ['llmsim-script: [{', script([]), script([{ txt: 'x' }]), script({})]) {
    const text = textIn(await call('llmsim-script', { prompt: [user(bad)] }))
    assert.match(text, /^Simulated: the script is invalid: /)
  }
  const none = textIn(await call('llmsim-script', { prompt: [user('hi')] }))
  assert.equal(none, 'Simulated: no message has a llmsim-script: block.')
})

test('deltas of a script have its chunk size and never split a character', async () => {
  const parts = await call('llmsim-default', {
    prompt: [user(script([{ text: 'ab😀cd', chunk: 3 }]))],
  })
  assert.deepEqual(
    parts.flatMap((part) => (part.type === 'text-delta' ? [part.delta] : [])),
    ['ab😀', 'cd'],
  )
})

test('an error in a script fails the call with its status', async () => {
  const prompt = [user(script([{ error: { message: 'slow down', status: 429 } }]))]
  await assert.rejects(call('llmsim-default', { prompt }), (error) => {
    assert.ok(APICallError.isInstance(error))
    assert.deepEqual([error.message, error.statusCode, error.isRetryable], ['slow down', 429, true])
    return true
  })
})

test('an error in a script can break a reply in the middle, for a number of attempts', async () => {
  const error = { message: 'gone', after_characters: 7, fail_attempts: 1 }
  const prompt = [user(script([{ text: 'one two three', error }]))]
  const seen: Part[] = []
  await assert.rejects(async () => {
    for await (const part of await open('llmsim-default', { prompt })) seen.push(part)
  }, /gone/)
  assert.equal(textIn(seen), 'one two')
  const providerOptions = { llmsim: { attempt: 2 } }
  assert.equal(textIn(await call('llmsim-default', { prompt, providerOptions })), 'one two three')
})

test('tokens arrive no faster than the rate', async () => {
  const startedMs = performance.now()
  await call('llmsim-echo-ttft-50-tps-100', { prompt: [user('a b c d')] })
  const tookMs = performance.now() - startedMs
  assert.ok(tookMs > 95, `${tookMs} ms`)
})

test('an abort ends a slow reply at once, and a cancelled stream leaves no timer', async () => {
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
  const before = timers()
  const controller = new AbortController()
  const options = { prompt: [user('a')], abortSignal: controller.signal }
  const waiting = call('llmsim-echo-ttft-60000', options)
  controller.abort(new Error('enough'))
  await assert.rejects(waiting, /enough/)
  await assert.rejects(call('llmsim-echo', options), /enough/)

  const reader = (await open('llmsim-echo-ttft-60000', { prompt: [user('a')] })).getReader()
  const reading = Promise.all([reader.read(), reader.read(), reader.read(), reader.read()])
  await reader.cancel()
  assert.equal((await reading).at(-1)?.done, true)
  assert.ok(timers() <= before, `${timers()} timers, ${before} before`)
})
