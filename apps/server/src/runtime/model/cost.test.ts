import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, type TestContext, test } from 'node:test'
import { LLMock } from '@copilotkit/aimock'
import { addVendorModel, startVendor } from '../../../test/remotes/vendor.ts'
import { startServer } from '../../../test/server.ts'
import { converse, createAgent, createSession, dataOf, scripted } from '../../../test/session.ts'
import type { Catalogue } from '../../providers/catalogue/form.ts'
import { addUsage } from '../log/usage.ts'

const catalogueFile = new URL('../../../catalogue/models.json', import.meta.url)
const catalogue: Catalogue = JSON.parse(readFileSync(catalogueFile, 'utf8'))
const known = Object.values(catalogue.providers.openai.models).find(
  ({ cost }) => cost && cost.input > 0,
)!
const { input, output } = known.cost!

const usage = { prompt_tokens: 3001, completion_tokens: 17, total_tokens: 3018 }
/** One dollar per million tokens is a thousand billionths per token. */
const callNanos = Math.round((3001 * input + 17 * output) * 1000)
const callCost = callNanos / 1e9

const mock = new LLMock({ port: 0 })
before(async () => {
  const calls = [{ name: 'multiply', arguments: JSON.stringify({ a: 3, b: 4 }) }]
  mock.on({ userMessage: 'Three times four?', hasToolResult: false }, { toolCalls: calls, usage })
  mock.on({ userMessage: 'Three times four?', hasToolResult: true }, { content: '12', usage })
  mock.on({ userMessage: 'Thanks' }, { content: 'You are welcome.', usage })
  await mock.start()
})
after(() => mock.stop())

/** Starts a server with an agent on the vendor's `modelName`. */
async function startWith(t: TestContext, modelName: string) {
  const server = await startServer(t)
  const provider = await server.call('POST', '/v1/llm-providers', {
    name: 'Vendor',
    provider_type: 'openai_completions',
    base_url: `${mock.url}/v1`,
    api_key: 'sk-of-nobody',
  })
  const { body: model } = await server.call(
    'POST',
    `/v1/llm-providers/${provider.body.id}/models`,
    { model_id: modelName, display_name: 'A model' },
  )
  const capabilities = [{ ref: 'test_math' }]
  const agent = await createAgent(server, { default_model_id: model.id, capabilities })
  const session = await createSession(server, { agent_id: agent.id })
  const usageOf = async (path: string) => (await server.call('GET', path)).body.usage
  return {
    server,
    session,
    model,
    ofAgent: () => usageOf(`/v1/agents/${agent.id}`),
    ofSession: () => usageOf(`/v1/sessions/${session.id}`),
  }
}

test('the call, the turn, the session and the agent report the cost of a call', async (t) => {
  const { server, session, ofAgent, ofSession } = await startWith(t, known.id)
  const events = await converse(t, server, session.id, 'Three times four?')
  const ofCall = {
    input_tokens: 3001,
    output_tokens: 17,
    cost_usd: callCost,
    estimated_cost_usd: callCost,
  }
  assert.deepEqual(dataOf(events, 'llm.generation').metadata.usage, ofCall)
  assert.deepEqual(dataOf(events, 'output.message.completed').usage, ofCall)
  assert.deepEqual(dataOf(events, 'reason.completed').usage, ofCall)
  const times = (n: number) => ({
    input_tokens: n * 3001,
    output_tokens: n * 17,
    cost_usd: (n * callNanos) / 1e9,
    estimated_cost_usd: (n * callNanos) / 1e9,
  })
  assert.deepEqual(dataOf(events, 'turn.completed').usage, times(2))
  assert.deepEqual(dataOf(events, 'session.idled').usage, times(2))
  const more = await converse(t, server, session.id, 'Thanks')
  assert.deepEqual(dataOf(more, 'turn.completed').usage, times(1))
  assert.deepEqual(dataOf(more, 'session.idled').usage, times(3))
  assert.deepEqual(await ofSession(), times(3))
  assert.deepEqual(await ofAgent(), times(3))
  const { body } = await server.call('GET', '/v1/sessions')
  assert.deepEqual(body.data[0].usage, times(3))
})

test('a model without a known price adds tokens only', async (t) => {
  const { server, session, model, ofAgent, ofSession } = await startWith(t, 'nobody-knows-me')
  const unknown = await converse(t, server, session.id, 'Thanks')
  assert.deepEqual(dataOf(unknown, 'turn.completed').usage, {
    input_tokens: 3001,
    output_tokens: 17,
  })
  assert.equal('cost_usd' in (await ofSession()), false)
  assert.equal('cost_usd' in (await ofAgent()), false)
  await server.call('PATCH', `/v1/llm-models/${model.id}`, { model_id: known.id })
  await converse(t, server, session.id, 'Thanks')
  const both = {
    input_tokens: 6002,
    output_tokens: 34,
    cost_usd: callCost,
    estimated_cost_usd: callCost,
  }
  assert.deepEqual(await ofSession(), both)
  assert.deepEqual(await ofAgent(), both)
  await server.call('PATCH', `/v1/llm-models/${model.id}`, { model_id: 'nobody-knows-me' })
  const last = await converse(t, server, session.id, 'Thanks')
  assert.equal(dataOf(last, 'session.idled').usage?.cost_usd, callCost)
})

test('cached input costs less', async (t) => {
  const cheaper = Object.values(catalogue.providers.openai.models).find(
    ({ cost }) => cost?.cache_read !== undefined && cost.cache_read < cost.input,
  )!
  const cached = { ...usage, prompt_tokens_details: { cached_tokens: 3000 } }
  const vendor = await startVendor(t, () => ({ text: 'Hello', usage: cached }))
  const server = await startServer(t)
  await addVendorModel(server, vendor, `openai/${cheaper.id}`)
  const { id } = await createSession(server)
  const events = await converse(t, server, id, 'Hello')
  const { input: plain, output: written, cache_read: read } = cheaper.cost!
  const cost = Math.round((plain + 3000 * read! + 17 * written) * 1000) / 1e9
  assert.deepEqual(dataOf(events, 'turn.completed').usage, {
    input_tokens: 3001,
    output_tokens: 17,
    cache_read_tokens: 3000,
    cost_usd: cost,
    estimated_cost_usd: cost,
  })
})

test('simulated models report no cost', async (t) => {
  const server = await startServer(t)
  const { id } = await createSession(server)
  const events = await converse(t, server, id, scripted({ text: 'Hello' }))
  assert.equal('cost_usd' in dataOf(events, 'turn.completed').usage!, false)
})

test('costs add up without drift', () => {
  const one = { input_tokens: 1, output_tokens: 1, cost_usd: 0.000000003 }
  let sum: ReturnType<typeof addUsage>
  for (let n = 0; n < 100_000; n += 1) sum = addUsage(sum, one)
  assert.equal(sum?.cost_usd, 0.0003)
  const mixed = addUsage({ input_tokens: 1, output_tokens: 1 }, { ...one, cost_usd: 0.1 })
  assert.equal(addUsage(mixed, { ...one, cost_usd: 0.2 })?.cost_usd, 0.3)
})
