/** When simulated models are offered and used, and when they play scripts. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { ModelWithProvider } from '@outlast/contract'
import {
  callerWith,
  createKey,
  expectStatus,
  registerPerson,
  startGuarded,
} from '../../test/access.ts'
import { addVendorModel, startVendor } from '../../test/remotes/vendor.ts'
import { type Call, startServer } from '../../test/server.ts'
import {
  converse,
  createAgent,
  createSession,
  dataOf,
  post,
  replyOf,
  scripted,
  typesOf,
} from '../../test/session.ts'

const wellKnown = 'model_01933b5a000070008000000000000401'
const add = { name: 'add', arguments: { a: 2, b: 3 } }
const script = scripted({ tool_calls: [add] }, { text: 'Done.' })
const asShipped = { SIMULATED_MODELS: 'auto', SIMULATED_SCRIPTS: 'false' }

const modelsOf = async ({ call }: { call: Call }): Promise<ModelWithProvider[]> =>
  expectStatus(await call('GET', '/v1/llm-models'), 200).data

const typesOfModels = (models: ModelWithProvider[]) =>
  new Set(models.map(({ provider_type }) => provider_type))

test('plays no script unless a setting allows it', async (t) => {
  const server = await startServer(t, { env: asShipped })
  const capabilities = [{ ref: 'test_math' }]
  const agents = [
    await createAgent(server, { capabilities }),
    await createAgent(server, { capabilities, system_prompt: script }),
  ]
  for (const { id } of agents) {
    const session = await createSession(server, { agent_id: id })
    const events = await converse(t, server, session.id, script)
    assert.ok(!typesOf(events).includes('tool.started'))
    assert.match(replyOf(events), /SIMULATED_SCRIPTS/)
  }
  const session = await createSession(server, { agent_id: agents[0]!.id })
  const events = await converse(t, server, session.id, 'What is 2 + 3?')
  assert.match(replyOf(events), /= 5/)
})

test('refuses a script in a message of a session token where scripts are allowed', async (t) => {
  const server = await startGuarded(t)
  const { call } = await createKey(server, await registerPerson(server))
  const { id } = await createSession({ url: server.url, call })
  const made = await call('POST', `/v1/sessions/${id}/tokens`, { access: 'write' })
  const user = callerWith(server.url, `Bearer ${expectStatus(made, 201).token}`)
  const send = (...texts: string[]) => {
    const content = texts.map((text) => ({ type: 'text', text }))
    return user('POST', `/v1/sessions/${id}/messages`, { message: { content } })
  }
  expectStatus(await send('Look:', script), 403, 'not_granted')
  expectStatus(await send('Hello'), 201)
})

async function withVendor(t: TestContext, env: Record<string, string>) {
  const server = await startServer(t, { env: { ...asShipped, ...env } })
  const existing = await createAgent(server, { default_model_id: wellKnown })
  const before = await createSession(server, { agent_id: existing.id })
  const first = await converse(t, server, before.id, 'Hello')
  assert.match(replyOf(first), /simulated/i)
  assert.deepEqual([...typesOfModels(await modelsOf(server))].includes('llmsim'), true)
  const vendor = await startVendor(t, () => ({ text: 'From the vendor.' }))
  const model = await addVendorModel(server, vendor)
  return { server, existing, before, model }
}

test('neither offers nor uses simulated models once a vendor has a key and a model', async (t) => {
  const { server, existing, before, model } = await withVendor(t, {})
  const types = typesOfModels(await modelsOf(server))
  assert.ok(types.size > 0 && !types.has('llmsim'))
  const total = expectStatus(await server.call('GET', '/v1/llm-models?limit=1'), 200).total
  assert.equal(total, (await modelsOf(server)).length)
  const agent = { name: 'New', system_prompt: 'New.', default_model_id: wellKnown }
  const refused = [
    await server.call('POST', '/v1/agents', agent),
    await server.call('POST', '/v1/sessions', { agent_id: existing.id, model_id: wellKnown }),
    await server.call('POST', `/v1/sessions/${before.id}/fork`, { model_id: wellKnown }),
    await server.call('POST', `/v1/sessions/${before.id}/tokens`, {
      access: 'write',
      models: [wellKnown],
    }),
  ]
  for (const answer of refused) expectStatus(answer, 400, 'model_unavailable')
  const events = await converse(t, server, before.id, 'Hello again')
  assert.equal(replyOf(events), 'From the vendor.')
  const controls = { controls: { model_id: wellKnown } }
  expectStatus(await post(server, before.id, 'And again', controls), 201)
  const path = `/v1/llm-providers/${model.provider_id}`
  expectStatus(await server.call('PATCH', path, { status: 'disabled' }), 200)
  assert.ok(typesOfModels(await modelsOf(server)).has('llmsim'))
})

test('keeps simulated models beside those of vendors where a setting allows it', async (t) => {
  const { server, existing, before } = await withVendor(t, { SIMULATED_MODELS: 'always' })
  assert.ok(typesOfModels(await modelsOf(server)).has('llmsim'))
  const events = await converse(t, server, before.id, 'Hello again')
  assert.match(replyOf(events), /simulated/i)
  await createSession(server, { agent_id: existing.id, model_id: wellKnown })
})

test('fails a turn when only a simulated model is the default and a vendor has a model', async (t) => {
  const { server, model } = await withVendor(t, {})
  const change = { is_default: true }
  expectStatus(await server.call('PATCH', `/v1/llm-models/${wellKnown}`, change), 200)
  const session = await createSession(server)
  const events = await converse(t, server, session.id, 'Hello')
  assert.equal(dataOf(events, 'turn.failed')?.error_code, 'llm_not_configured')
  expectStatus(await server.call('PATCH', `/v1/llm-models/${model.id}`, change), 200)
  const again = await converse(t, server, session.id, 'Hello')
  assert.equal(replyOf(again), 'From the vendor.')
})

test('fails a turn whose model belongs to a vendor without a key, without a request', async (t) => {
  const { server, before } = await withVendor(t, {})
  const keyless = (await modelsOf(server)).find(
    ({ provider_name }) => provider_name === 'Anthropic',
  )
  const controls = { controls: { model_id: keyless!.id } }
  const events = await converse(t, server, before.id, 'Hello', controls)
  const { error, error_code } = dataOf(events, 'turn.failed')
  assert.equal(error_code, 'llm_not_configured')
  assert.match(error, /API key/)
  const { metadata } = dataOf(events, 'llm.generation')
  assert.match(metadata.error!, /^The provider has no key\. Set `api_key`/)
})

test('makes a model of a provider the default when the provider gets its key', async (t) => {
  const server = await startGuarded(t, { env: asShipped })
  const person = await registerPerson(server)
  const { data } = expectStatus(await person.call('GET', '/v1/llm-providers'), 200)
  const { id } = data.find((one: { name: string }) => one.name === 'Anthropic')
  const defaultOf = async () => (await modelsOf(person)).find(({ is_default }) => is_default)
  assert.equal((await defaultOf())?.model_id, 'llmsim-default')
  const change = { api_key: 'sk-ant-0123456789' }
  expectStatus(await person.call('PATCH', `/v1/llm-providers/${id}`, change), 200)
  assert.equal((await defaultOf())?.model_id, 'claude-sonnet-5-5')
})

test('model ids differ between organizations, and the default organization keeps its ids', async (t) => {
  const server = await startGuarded(t)
  const idsOf = async () => {
    const models = await modelsOf(await registerPerson(server))
    return models.map(({ id }) => id)
  }
  const [one, two] = [new Set(await idsOf()), await idsOf()]
  assert.ok(one.size > 10 && !one.has(wellKnown))
  assert.deepEqual(
    two.filter((id) => one.has(id)),
    [],
  )
  const open = await startServer(t)
  expectStatus(await open.call('GET', `/v1/llm-models/${wellKnown}`), 200)
})
