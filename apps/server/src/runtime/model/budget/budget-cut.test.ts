/** Calls that end before they report their usage count what this server has seen of them. */
import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { LedgerEntry } from '@outlast/contract'
import { addBudget, assertSettled } from '../../../../test/budgets.ts'
import {
  addVendorModel,
  beginStream,
  sendDelta,
  startVendor,
} from '../../../../test/remotes/vendor.ts'
import { startServer } from '../../../../test/server.ts'
import { converse, createAgent, createSession, post, replyOf } from '../../../../test/session.ts'
import { follow } from '../../../../test/stream.ts'
import { eventually } from '../../../../test/waiting.ts'

/** 10,000 tokens by the estimate. */
const tokens = 10_000
const piece = 'word '.repeat(80)
const pieces = (tokens * 4) / piece.length
const outputMost = 5_000
/** More than the prompt of these tests. */
const promptMost = 3_000

const usage = { prompt_tokens: 20, completion_tokens: 7 }

/** Streams the arguments of a call without their end. */
function streamArguments(response: ServerResponse, name: string) {
  beginStream(response)
  const send = (call: object) => sendDelta(response, { tool_calls: [{ index: 0, ...call }] })
  send({ id: 'call_0', type: 'function', function: { name, arguments: '{"text":"' } })
  for (let n = 0; n < pieces; n += 1) send({ function: { arguments: piece } })
}

const sendError = (response: ServerResponse) =>
  response.end(
    `data: ${JSON.stringify({ error: { message: 'It failed.', type: 'server_error', code: null } })}\n\n`,
  )

/** A session with a budget, whose agent has a tool. `cut` begins the first reply. */
async function stage(
  t: TestContext,
  cut: (response: ServerResponse) => unknown,
  modelId = 'a-model',
  env: Record<string, string> = {},
) {
  const vendor = await startVendor(t, ({ number }) =>
    number === 1 ? cut : { text: 'Done.', usage },
  )
  const server = await startServer(t, { env })
  await addVendorModel(server, vendor, modelId)
  const budget = await addBudget(server, { limit: 10_000_000 })
  const agent = await createAgent(server, { capabilities: [{ ref: 'test_math' }] })
  const session = await createSession(server, { agent_id: agent.id })
  const amounts = async () => {
    await assertSettled(server, budget)
    const { body: ledger } = await server.call('GET', `/v1/budgets/${budget}/ledger`)
    const oldestFirst = (ledger as LedgerEntry[]).map(({ amount }) => amount).toReversed()
    const { body: shown } = await server.call('GET', `/v1/budgets/${budget}`)
    const used = oldestFirst.reduce((sum, amount) => sum + amount, 0)
    assert.equal(shown.balance, shown.limit - used)
    return oldestFirst
  }
  return { vendor, server, session, amounts }
}

/** The estimated prompt is part of the amount. */
const assertWhole = (amount: number | undefined) =>
  assert.ok(amount! > tokens && amount! < tokens + promptMost, `${amount} charged`)

const cancel = (server: Awaited<ReturnType<typeof startServer>>, id: string) =>
  server.call('POST', `/v1/sessions/${id}/cancel`)

/** Time that a cancel leaves to the attempt at the turn: then it ends the turn itself. */
const ownerMs = 700

/** Plays a scene of a cancel, and returns the amounts; again if the cancel took too long. */
async function cancelInArguments(t: TestContext): Promise<number[]> {
  const { server, session, amounts } = await stage(t, (to) => streamArguments(to, 'add'))
  const stream = await follow(t, server.url, { sessionId: session.id })
  await post(server, session.id, 'Add.')
  const inputLength = () =>
    stream.events
      .map((event) => (event.type === 'tool.input.delta' ? event.data.delta.length : 0))
      .reduce((sum, length) => sum + length, 0)
  await stream.until(() => inputLength() > pieces * piece.length)
  const begun = performance.now()
  await cancel(server, session.id)
  if (performance.now() - begun >= ownerMs) return cancelInArguments(t)
  await stream.event('session.idled')
  return amounts()
}

test('a cancel in the arguments of a call charges them', async (t) => {
  const [cut, ...others] = await cancelInArguments(t)
  assertWhole(cut)
  assert.deepEqual(others, [])
})

for (const [how, end] of [
  ['a connection that breaks', (to: ServerResponse) => setImmediate(() => to.destroy())],
  ['an error event', sendError],
] as const) {
  test(`${how} in the arguments of a call charges them, and the retry its own use`, async (t) => {
    const { server, session, amounts } = await stage(t, (to) => {
      streamArguments(to, 'add')
      end(to)
    })
    assert.equal(replyOf(await converse(t, server, session.id, 'Add.')), 'Done.')
    const [cut, ...others] = await amounts()
    assertWhole(cut)
    assert.deepEqual(others, [27])
  })
}

test('a reply that is cut charges at most the output that it asked for', async (t) => {
  const { server, session, amounts } = await stage(t, (to) => {
    beginStream(to)
    sendDelta(to, { content: '語'.repeat(outputMost * 2) })
    sendError(to)
  })
  const controls = { max_output_tokens: outputMost }
  await converse(t, server, session.id, 'Hello', { controls })
  const [cut] = await amounts()
  assert.ok(cut! > outputMost && cut! < outputMost + promptMost, `${cut} charged`)
})

test('a call whose session is deleted charges all that it had reserved', async (t) => {
  const { server, session, amounts } = await stage(t, (to) => {
    beginStream(to)
    sendDelta(to, { content: 'Hello' })
  })
  const stream = await follow(t, server.url, { sessionId: session.id })
  const controls = { max_output_tokens: outputMost }
  await post(server, session.id, 'Hello', { controls })
  await stream.event('output.message.delta')
  assert.equal((await server.call('DELETE', `/v1/sessions/${session.id}`)).status, 204)
  const [cut, ...others] = await amounts()
  assert.ok(cut! > outputMost && cut! < outputMost + promptMost, `${cut} charged`)
  assert.deepEqual(others, [])
})

const silentMs = 300

/** Cancels a call before its first output, and returns its amount; again if that took too long. */
async function cancelInSilence(t: TestContext, modelId: string): Promise<number> {
  const { vendor, server, session, amounts } = await stage(t, beginStream, modelId)
  const stream = await follow(t, server.url, { sessionId: session.id })
  await post(server, session.id, 'Think.')
  await eventually(async () => vendor.requests.length > 0)
  await sleep(silentMs)
  const begun = performance.now()
  await cancel(server, session.id)
  if (performance.now() - begun >= ownerMs) return cancelInSilence(t, modelId)
  await stream.event('session.idled')
  const [amount] = await amounts()
  return amount!
}

test('a cancel before the first output charges the time in which a model may have thought', async (t) => {
  const prompt = await cancelInSilence(t, 'a-model')
  const thought = await cancelInSilence(t, 'gpt-5-mini')
  assert.ok(prompt > 0)
  assert.ok(thought - prompt >= silentMs / 10, `${prompt} and ${thought} charged`)
})

function breakInSilence(response: ServerResponse) {
  beginStream(response)
  response.flushHeaders()
  setTimeout(() => response.destroy(), 500)
}

for (const [how, cut, env] of [
  ['a timeout', beginStream, { MODEL_TIMEOUT_MS: '500', MODEL_ATTEMPTS_MAX: '1' }],
  ['a connection that breaks', breakInSilence, {}],
] as const) {
  test(`${how} before the first output charges the time in which a model may have thought`, async (t) => {
    const charge = async (modelId: string) => {
      const { server, session, amounts } = await stage(t, cut, modelId, env)
      await converse(t, server, session.id, 'Think.')
      return (await amounts())[0]!
    }
    const [prompt, thought] = [await charge('a-model'), await charge('gpt-5-mini')]
    assert.ok(prompt > 0)
    assert.ok(thought - prompt >= 40, `${prompt} and ${thought} charged`)
  })
}

test('an error event before any output charges nothing', async (t) => {
  const { server, session, amounts } = await stage(t, (to) => {
    beginStream(to)
    sendDelta(to, { role: 'assistant', content: '' })
    sendError(to)
  })
  await converse(t, server, session.id, 'Hello')
  assert.deepEqual(await amounts(), [0, 27])
})

test('an answer by a schema is charged before it is complete', async (t) => {
  const { vendor, server, session, amounts } = await stage(t, (to) => {
    streamArguments(to, 'final_answer')
    sendError(to)
  })
  const output_schema = { type: 'object', properties: { text: { type: 'string' } } }
  await converse(t, server, session.id, 'Answer.', { controls: { output_schema } })
  assert.match(JSON.stringify(vendor.requests[0]!.body), /"final_answer"/)
  const [cut, ...others] = await amounts()
  assertWhole(cut)
  assert.ok(others.every((amount) => amount === 27))
})
