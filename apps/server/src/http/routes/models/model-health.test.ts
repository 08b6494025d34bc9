/** Whether a model is enabled, and whether its provider can be called. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createKey, expectStatus, registerPerson, startGuarded } from '../../../../test/access.ts'
import { type Call, startServer } from '../../../../test/server.ts'

/** Adds a provider with a model; returns a reader of the state of that model. */
async function addModel(call: Call, fields: object) {
  const about = { name: 'Vendor', provider_type: 'openai', ...fields }
  const provider = expectStatus(await call('POST', '/v1/llm-providers', about), 201)
  const path = `/v1/providers/${provider.id}`
  const body = { model_id: 'some-model', display_name: 'Some' }
  const { id } = expectStatus(await call('POST', `${path}/models`, body), 201)
  const state = async () => {
    const { enabled, healthy } = expectStatus(await call('GET', `/v1/models/${id}`), 200)
    return { enabled, healthy }
  }
  return { path, id, state }
}

test('a model is healthy while its provider is active and has a key', async (t) => {
  const { call } = await startServer(t)
  const { path, id, state } = await addModel(call, {})
  assert.deepEqual(await state(), { enabled: true, healthy: false })
  expectStatus(await call('PATCH', path, { api_key: 'sk-secret' }), 200)
  assert.deepEqual(await state(), { enabled: true, healthy: true })
  const { data } = expectStatus(await call('GET', '/v1/models'), 200)
  const listed = data.find((one: { id: string }) => one.id === id)
  assert.deepEqual([listed.enabled, listed.healthy], [true, true])
  const words = ['source', 'provider_type', 'provider_name', 'is_favorite', 'capabilities']
  for (const word of words) assert.notEqual(listed[word], undefined, word)
  expectStatus(await call('PATCH', `/v1/models/${id}`, { status: 'disabled' }), 200)
  assert.deepEqual(await state(), { enabled: false, healthy: true })
  expectStatus(await call('PATCH', path, { status: 'disabled' }), 200)
  assert.deepEqual(await state(), { enabled: false, healthy: false })
})

test('an address of its own and a simulated model need no key', async (t) => {
  const { call } = await startServer(t)
  const own = { provider_type: 'openai_completions', base_url: 'http://127.0.0.1:9/v1' }
  assert.deepEqual(await (await addModel(call, own)).state(), { enabled: true, healthy: true })
  const simulated = await addModel(call, { provider_type: 'llmsim' })
  assert.equal((await simulated.state()).healthy, true)
})

test("the server's key makes models of the default organization healthy, and of no other", async (t) => {
  const env = { DEFAULT_OPENAI_API_KEY: 'sk-of-the-operator' }
  const { call } = await startServer(t, { env })
  assert.equal((await (await addModel(call, {})).state()).healthy, true)
  const guarded = await startGuarded(t, { env })
  const person = await createKey(guarded, await registerPerson(guarded))
  assert.equal((await (await addModel(person.call, {})).state()).healthy, false)
})

test('no response tells the key or the address of a provider', async (t) => {
  const { call } = await startServer(t)
  const { id } = await addModel(call, { api_key: 'sk-secret', base_url: 'http://127.0.0.1:9/v1' })
  const { body } = await call('GET', `/v1/models/${id}`)
  assert.doesNotMatch(JSON.stringify(body), /sk-secret|127\.0\.0\.1|is_equipped|provider_status/)
})
