import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import test, { type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Event } from '@outlast/contract'
import {
  addVendorModel,
  beginStream,
  sendDelta,
  startVendor,
  type VendorAnswer,
  type VendorRequest,
} from '../../test/remotes/vendor.ts'
import { startServer } from '../../test/server.ts'
import {
  converse,
  createAgent,
  createSession,
  dataOf,
  eventsOf,
  post,
  replyOf,
  typesOf,
} from '../../test/session.ts'
import { follow } from '../../test/stream.ts'
import { eventually } from '../../test/waiting.ts'

type VendorReaction = (request: VendorRequest) => VendorAnswer | Promise<VendorAnswer>

async function start(t: TestContext, answer: VendorReaction, env: Record<string, string> = {}) {
  const vendor = await startVendor(t, answer)
  const server = await startServer(t, { env: { MODEL_ATTEMPTS_MAX: '1', ...env } })
  await addVendorModel(server, vendor)
  const session = await createSession(server)
  return { vendor, server, session, say: (text = 'hi') => converse(t, server, session.id, text) }
}

const refusal = (status: number, message: string, more: object = {}): VendorAnswer => ({
  status,
  body: JSON.stringify({ error: { message, ...more } }),
})

/** Errors as vendors send them, and the error code of the turn for each. */
const refusals: [code: string, answer: VendorAnswer][] = [
  ['llm_bad_key', refusal(401, 'Incorrect API key provided.')],
  ['llm_bad_key', refusal(400, 'API key not valid. Please pass a valid API key.')],
  ['llm_bad_key', refusal(403, 'Forbidden')],
  ['llm_no_credit', refusal(402, 'Payment Required')],
  ['llm_no_credit', refusal(429, 'You exceeded your current quota, please check your plan.')],
  ['llm_no_credit', refusal(400, 'Your credit balance is too low to access the API.')],
  ['llm_rate_limited', refusal(429, 'Rate limit reached for gpt-x.')],
  [
    'llm_rate_limited',
    refusal(429, 'You exceeded your current quota.', { status: 'RESOURCE_EXHAUSTED' }),
  ],
  ['llm_overloaded', refusal(529, 'Overloaded', { type: 'overloaded_error' })],
  ['llm_overloaded', refusal(503, 'Service Unavailable')],
  ['llm_overloaded', { status: 502, body: '<html>Bad Gateway</html>' }],
  ['llm_too_long', refusal(400, 'maximum context length is 8192 tokens')],
  ['llm_too_long', refusal(400, 'prompt is too long: 210000 tokens > 200000 maximum')],
  ['llm_refused', refusal(400, 'blocked', { code: 'content_policy_violation' })],
  ['llm_refused', { finish: 'content_filter' }],
  [
    'llm_no_such_model',
    refusal(404, 'The model `x` does not exist or you do not have access to it.'),
  ],
  ['llm_no_such_model', refusal(400, 'x is not a valid model ID')],
  ['llm_bad_response', { status: 200, body: '{"hello":"world"}' }],
  ['llm_no_credit', refusal(200, 'Insufficient Balance')],
  ['llm_rate_limited', refusal(200, 'Provider returned error', { code: 429 })],
  ['llm_overloaded', refusal(200, 'Provider returned error', { code: '502' })],
  ['llm_timeout', refusal(200, 'Provider returned error', { status: 408 })],
  ['llm_bad_response', refusal(200, 'Provider returned error', { code: 400 })],
  [
    'llm_overloaded',
    (response) => streamOf(response, '\n{"error": {"message": "The model is overloaded."}}'),
  ],
  ['llm_bad_response', (response) => streamOf(response, 'data: {"choices": "none"}\n\n')],
  ['llm_bad_response', (response) => streamOf(response, 'data: {nonsense\n\n')],
  ['llm_broken_stream', (response) => streamOf(response, '')],
  ['llm_error', refusal(400, 'Unsupported parameter: tools')],
]

function streamOf(response: ServerResponse, text: string) {
  beginStream(response)
  response.end(text)
}

test('classifies every failure, shows readers its sentence and stores its detail in `llm.generation` only', async (t) => {
  let answer: VendorAnswer = {}
  const { say } = await start(t, () => answer)
  for (const [code, next] of refusals) {
    answer = next
    const events = await say()
    const about = typeof next === 'function' ? code : JSON.stringify(next)
    const { metadata } = dataOf(events, 'llm.generation')
    assert.equal(metadata.error_code, code, `${about}: ${metadata.error}`)
    const { error, error_code } = dataOf(events, 'turn.failed')
    assert.equal(error_code, code, about)
    assert.equal(replyOf(events), error, about)
    assert.equal(dataOf(events, 'reason.completed').error, error, about)
  }
})

test('retries an unreachable server and one that closes the connection', async (t) => {
  const { server, say } = await start(t, () => (response) => response.socket?.destroy())
  assert.equal(dataOf(await say(), 'turn.failed').error_code, 'llm_network')
  await addVendorModel(server, { url: 'http://127.0.0.1:1/v1' })
  assert.equal(dataOf(await say(), 'turn.failed').error_code, 'llm_network')
})

test('honors and reports Retry-After, and fails at once when the wait is too long', async (t) => {
  const times: number[] = []
  const { say, vendor } = await start(
    t,
    ({ number }) => {
      times.push(performance.now())
      const headers = { 'retry-after': number === 1 ? '1' : '3600' }
      if (number <= 2) return { status: 429, body: '{}', headers }
      return { text: 'Here.' }
    },
    { MODEL_ATTEMPTS_MAX: '4' },
  )
  const events = await say()
  assert.equal(vendor.requests.length, 2)
  assert.ok(times[1]! - times[0]! >= 990, 'not before the vendor wanted it')
  const { retry, error_code } = dataOf(events, 'llm.generation').metadata
  assert.deepEqual([retry?.attempts, retry?.error_codes], [1, ['llm_rate_limited']])
  assert.ok(retry!.total_wait_ms >= 1_000)
  assert.equal(error_code, 'llm_rate_limited')
})

test('does not retry a failure that a retry cannot fix', async (t) => {
  const { say, vendor } = await start(t, () => refusal(401, 'no'), { MODEL_ATTEMPTS_MAX: '4' })
  await say()
  assert.equal(vendor.requests.length, 1)
})

test('reports a successful response that is no stream with its beginning, and does not retry it', async (t) => {
  const page = `<!doctype html><title>Sign in</title>${'x'.repeat(30_000)}`
  const headers = { 'content-type': 'text/html' }
  const { say, vendor } = await start(t, () => ({ status: 200, body: page, headers }), {
    MODEL_ATTEMPTS_MAX: '4',
  })
  const { error, error_code } = dataOf(await say(), 'llm.generation').metadata
  assert.equal(error_code, 'llm_bad_response')
  assert.match(
    error!,
    /answered with text\/html instead of a stream: <!doctype html><title>Sign in/,
  )
  assert.equal(vendor.requests.length, 1)
})

test('opens the circuit breaker for a failing provider', async (t) => {
  const { say, vendor } = await start(t, () => refusal(503, 'down'))
  for (let n = 0; n < 5; n += 1) await say()
  assert.equal(vendor.requests.length, 5)
  const events = await say()
  assert.equal(vendor.requests.length, 5, 'nobody asked')
  const begun = events.filter(({ type }) => type === 'output.message.started')
  assert.equal(begun.length, 1, 'a call that is not made is begun all the same')
  assert.match(JSON.stringify(dataOf(events, 'llm.generation').messages), /"hi"/)
  assert.equal(dataOf(events, 'turn.failed').error_code, 'llm_overloaded')
  assert.match(dataOf(events, 'llm.generation').metadata.error!, /Requests to it are paused/)
})

test('turns wait until the trial of another turn has begun its reply, and are no attempts then', async (t) => {
  const [waits, isDone] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const { server, session, say, vendor } = await start(t, ({ number }) => {
    if (number <= 5) return refusal(503, 'down')
    if (number > 6) return { text: 'Back.' }
    return async (response) => {
      await waits.promise
      beginStream(response)
      sendDelta(response, { content: 'Back, ' })
      await isDone.promise
      sendDelta(response, { content: 'slowly.' }, 'stop')
      response.end('data: [DONE]\n\n')
    }
  })
  for (let n = 0; n < 5; n += 1) await say()
  const now = performance.now.bind(performance)
  t.mock.method(performance, 'now', () => now() + 31_000)
  const trial = say()
  await eventually(async () => vendor.requests.length === 6)
  const other = await createSession(server, { agent_id: session.agent_id })
  const stream = await follow(t, server.url, { sessionId: other.id })
  await post(server, other.id, 'hi')
  await stream.event('output.message.started')
  const waiting = await eventually(async () => {
    const { body } = await server.call('GET', `/v1/sessions/${other.id}/why`)
    return body.state === 'waits_for_retry' && body
  })
  assert.equal(waiting.error_code, 'llm_overloaded')
  waits.resolve()
  await stream.event('session.idled')
  assert.equal(replyOf(stream.events), 'Back.')
  const { attempts, total_wait_ms, ...others } = dataOf(stream.events, 'llm.generation').metadata
    .retry!
  assert.ok(attempts === 0 && total_wait_ms >= 1_000)
  assert.deepEqual(others, { error_codes: [] })
  isDone.resolve()
  assert.equal(replyOf(await trial), 'Back, slowly.')
})

test('garbled replies in one session do not open the circuit breaker for other sessions', async (t) => {
  const { say, vendor } = await start(t, ({ number }) =>
    number <= 6 ? (response) => streamOf(response, 'data: {nonsense\n\n') : { text: 'fine' },
  )
  for (let n = 0; n < 6; n += 1) {
    assert.equal(dataOf(await say(), 'turn.failed').error_code, 'llm_bad_response')
  }
  assert.equal(replyOf(await say()), 'fine')
  assert.equal(vendor.requests.length, 7)
})

test('limits the time of a silent vendor, and closes the connection', async (t) => {
  const closed = Promise.withResolvers<void>()
  const silent: VendorReaction = () => (response) => {
    if (response.destroyed) closed.resolve()
    else response.on('close', closed.resolve)
  }
  const { say, vendor } = await start(t, silent, { MODEL_TIMEOUT_MS: '1000' })
  // On a loaded machine the time can end before the vendor has the request.
  do {
    const events = await say()
    assert.equal(dataOf(events, 'turn.failed').error_code, 'llm_timeout')
    assert.match(dataOf(events, 'llm.generation').metadata.error!, /sent nothing for 1000 ms/)
  } while (vendor.requests.length === 0)
  await closed.promise
})

test('limits the time of an endless stream, closes the connection, and does not blame the vendor', async (t) => {
  const closed = Promise.withResolvers<void>()
  let isEndless = true
  const endless: VendorReaction = () => async (response) => {
    beginStream(response)
    while (isEndless && !response.destroyed) {
      sendDelta(response, { content: 'and so on ' })
      await sleep(20)
    }
    if (response.destroyed) closed.resolve()
    sendDelta(response, {}, 'stop')
    response.end('data: [DONE]\n\n')
  }
  const { say } = await start(t, endless, { MODEL_CALL_TIMEOUT_MS: '1000' })
  const failures: string[] = []
  // On a loaded machine any call can reach its limit, also before its first text arrives.
  while (
    failures.length < 5 ||
    !failures.some((reply) => reply.startsWith('and so on and so on'))
  ) {
    const events = await say()
    assert.equal(dataOf(events, 'turn.failed').error_code, 'llm_timeout')
    failures.push(replyOf(events))
  }
  await closed.promise
  isEndless = false
  await eventually(async () => {
    const events = await say()
    const hasFailed = events.at(-2)?.type === 'turn.failed'
    if (hasFailed) assert.equal(dataOf(events, 'turn.failed').error_code, 'llm_timeout')
    return !hasFailed
  })
})

test('ends a reply that exceeds the length limit', async (t) => {
  const piece = 'x'.repeat(500_000)
  const { say } = await start(t, () => async (response) => {
    beginStream(response)
    while (!response.destroyed) {
      sendDelta(response, { content: piece })
      await sleep(5)
    }
  })
  const events = await say()
  assert.equal(dataOf(events, 'turn.failed').error_code, 'llm_bad_response')
  assert.ok(replyOf(events).length <= 4_500_000)
})

test('ends an overdue turn during a call and between calls', async (t) => {
  const slow: VendorReaction = () => async (response) => {
    beginStream(response)
    sendDelta(response, { content: 'Well' })
  }
  const { say, vendor } = await start(t, slow, { TURN_TIMEOUT_MS: '3000' })
  // On a loaded machine a turn can reach its limit before its call begins.
  while (vendor.requests.length === 0) {
    const events = await say()
    assert.equal(dataOf(events, 'turn.failed').error_code, 'turn_timeout')
  }
  assert.equal(vendor.requests.length, 1)

  const busy = await start(
    t,
    async () => {
      await sleep(100)
      return { calls: [{ name: 'no_such_tool', arguments: {} }] }
    },
    { TURN_TIMEOUT_MS: '700' },
  )
  const ended = await busy.say()
  assert.equal(dataOf(ended, 'turn.failed').error_code, 'turn_timeout')
  assert.ok(busy.vendor.requests.length < 15)
})

test('retries a broken stream as the same message and keeps its text after the last attempt', async (t) => {
  const { say } = await start(
    t,
    ({ number }) =>
      number === 1
        ? { text: 'Hello' }
        : (response) => {
            beginStream(response)
            sendDelta(response, { content: `part ${number} ` })
            setTimeout(() => response.socket?.destroy(), 20)
          },
    { MODEL_ATTEMPTS_MAX: '2' },
  )
  await say()
  const events = await say()
  const started = events.filter((event) => event.type === 'output.message.started')
  assert.deepEqual(
    started.map(({ data }) => data.attempt),
    [undefined, 2],
  )
  assert.equal(new Set(started.map(({ data }) => data.message_id)).size, 1)
  assert.equal(replyOf(events), 'part 3 ')
  const { finish_reasons, retry } = dataOf(events, 'llm.generation').metadata
  assert.deepEqual(finish_reasons, ['error'])
  assert.deepEqual(retry?.error_codes, ['llm_broken_stream'])
})

test('a call that the output limit cut off before its arguments does not run', async (t) => {
  const { server } = await start(t, ({ number }) =>
    number === 1
      ? { calls: [{ name: 'open_door', arguments: '' }], finish: 'length' }
      : { text: 'It was cut off.' },
  )
  const tools = [{ type: 'client_side', name: 'open_door', description: 'Opens the door.' }]
  const { id: agent_id } = await createAgent(server, { tools })
  const session = await createSession(server, { agent_id })
  const events = await converse(t, server, session.id, 'Open it.')
  assert.equal(replyOf(events), 'It was cut off.')
  assert.ok(!typesOf(events).includes('tool.call_requested'))
  assert.equal(dataOf(events, 'tool.completed').success, false)
  assert.deepEqual(dataOf(events, 'llm.generation').metadata.finish_reasons, ['length'])
})

test('unusable model output does no harm', async (t) => {
  const odd = 'get weather; DROP TABLE\u0000 ‮💥'
  const { say, vendor, server, session } = await start(t, ({ number }) => {
    if (number > 1) return { text: 'nul \u0000 and half \ud83d a pair' }
    return {
      calls: [
        { name: 'no json', arguments: '{"a": ', id: 'same' },
        { name: odd, arguments: { a: '\u0000 \udc00' }, id: 'same' },
        { name: '?', arguments: '[1, 2]', id: 'same' },
      ],
    }
  })
  const events = await say('Do something odd.')
  const tools = events.filter((event) => event.type === 'tool.completed')
  assert.equal(tools.length, 3)
  assert.ok(tools.every(({ data }) => data.status === 'error'))
  assert.equal(new Set(tools.map(({ data }) => data.tool_call_id)).size, 3, 'ids tell them apart')
  assert.match(replyOf(events), /^nul \u0000 and half \ufffd a pair$/)
  const sent = vendor.requests[1]!.body.messages
  const calls = sent.find(({ role }) => role === 'assistant')!.tool_calls!
  for (const call of calls) assert.match(call.function.name, /^[a-zA-Z0-9_-]{1,64}$/)
  const results = sent.filter(({ role }) => role === 'tool').map((one) => one.tool_call_id)
  assert.deepEqual(
    results,
    calls.map(({ id }) => id),
  )
  const stored: Event[] = await eventsOf(server, session.id)
  assert.deepEqual(
    stored.filter(({ type }) => type === 'tool.completed').map(({ data }) => data),
    tools.map(({ data }) => data),
  )
})

test('corrects invalid token counts of a vendor and adds the others to the session', async (t) => {
  const counts = [1e300, -5, 2.5, 0, Number.MAX_SAFE_INTEGER]
  const { say, server, session } = await start(t, ({ number }) => {
    const tokens = counts[number - 1]!
    return { text: 'Yes.', usage: { prompt_tokens: tokens, completion_tokens: 7 } }
  })
  for (const told of counts) {
    const { usage } = dataOf(await say(), 'llm.generation').metadata
    assert.ok(Number.isInteger(usage!.input_tokens) && usage!.input_tokens >= 0, String(told))
    assert.equal(usage!.output_tokens, 7)
  }
  const { usage } = (await server.call('GET', `/v1/sessions/${session.id}`)).body
  assert.equal(usage.output_tokens, 35)
})
