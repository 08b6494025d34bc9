import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ModelWithProvider } from '@outlast/contract'
import { createTestDatabase } from '../../../../test/database.ts'
import { type Call, type HttpAnswer, startServer } from '../../../../test/server.ts'
import { createAgent, createSession } from '../../../../test/session.ts'
import { newId } from '../../../ids.ts'

const provider = 'provider_01933b5a000070008000000000000003'
const ofProvider = `/v1/llm-providers/${provider}/models`
const seeded = (tail: string) => `model_01933b5a000070008000000000000${tail}`
const echo = { model_id: 'llmsim-echo', display_name: 'Echo' }

const statuses: Record<string, number> = { not_found: 404, model_exists: 409, model_in_use: 409 }

function refused({ status, body }: HttpAnswer, code: string, path?: string) {
  assert.equal(status, statuses[code] ?? 400)
  assert.equal(body.code, code)
  if (path !== undefined) assert.equal(body.details[0].path, path)
}

const namesOf = ({ body }: HttpAnswer) =>
  body.data.map(({ display_name }: ModelWithProvider) => display_name)

async function defaults(call: Call) {
  const { data } = (await call('GET', '/v1/llm-models')).body
  return data
    .filter(({ is_default }: ModelWithProvider) => is_default)
    .map(({ id }: ModelWithProvider) => id)
}

test('a new database has the models of four providers, the simulated one the default', async (t) => {
  const { call } = await startServer(t)
  const list = await call('GET', '/v1/llm-models')
  assert.equal(list.status, 200)
  assert.deepEqual(namesOf(list), [
    'Claude Fable 5.2',
    'Claude Haiku 4.5',
    'Claude Haiku 5.5',
    'Claude Opus 4.5',
    'Claude Opus 5.5',
    'Claude Sonnet 4.5',
    'Claude Sonnet 5.5',
    'Gemini 3.5 Flash Lite',
    'Gemini 3.8 Flash',
    'Gemini 4 Argon',
    'GPT-4o',
    'GPT-4o mini',
    'GPT-5',
    'GPT-5 mini',
    'GPT-5.2',
    'GPT-6 Astra',
    'GPT-6 Luna',
    'GPT-6.1 Sol',
    'GPT-6.1 Terra',
    'Simulated',
    'Simulated, with latency',
  ])
  assert.deepEqual(await defaults(call), [seeded('401')])
  const { created_at: _, updated_at: __, ...model } = list.body.data.at(-2)
  assert.deepEqual(model, {
    id: seeded('401'),
    provider_id: provider,
    provider_name: 'Simulated',
    provider_type: 'llmsim',
    model_id: 'llmsim-default',
    display_name: 'Simulated',
    capabilities: [],
    is_default: true,
    is_favorite: false,
    status: 'active',
    source: 'predefined',
    is_stale: false,
    enabled: true,
    healthy: true,
  })
})

test('a model is created, read, listed, changed and deleted', async (t) => {
  const { call } = await startServer(t)
  const created = await call('POST', ofProvider, {
    ...echo,
    capabilities: ['chat', 'tools'],
    is_favorite: true,
  })
  assert.equal(created.status, 201)
  const { id, created_at: _, updated_at, ...rest } = created.body
  assert.match(id, /^model_[0-9a-f]{32}$/)
  assert.deepEqual(rest, {
    ...echo,
    provider_id: provider,
    capabilities: ['chat', 'tools'],
    is_default: false,
    is_favorite: true,
    status: 'active',
    source: 'manual',
    is_stale: false,
  })
  const path = `/v1/llm-models/${id}`
  const state = { enabled: true, healthy: true }
  const both = { provider_name: 'Simulated', provider_type: 'llmsim', ...state }
  assert.deepEqual((await call('GET', path)).body, { ...created.body, ...both })

  const changed = await call('PATCH', path, { display_name: 'E', capabilities: [], status: null })
  const expected = { ...created.body, display_name: 'E', capabilities: [] }
  assert.deepEqual({ ...changed.body, updated_at }, expected)
  assert.deepEqual(namesOf(await call('GET', ofProvider)), [
    'E',
    'Simulated',
    'Simulated, with latency',
  ])
  const gone = await call('DELETE', path)
  assert.deepEqual([gone.status, gone.body], [204, ''])
  refused(await call('DELETE', path), 'not_found')
  refused(await call('GET', path), 'not_found')
})

test('a session really uses a model that was just added', async (t) => {
  const server = await startServer(t)
  const { id } = (await server.call('POST', ofProvider, echo)).body
  const agent = await createAgent(server, { default_model_id: id })
  assert.equal((await createSession(server, { agent_id: agent.id })).model_id, id)
})

test('a provider has a model once, also when two add it at once', async (t) => {
  const { call } = await startServer(t)
  const answers = await Promise.all(Array.from({ length: 8 }, () => call('POST', ofProvider, echo)))
  assert.deepEqual(answers.map(({ status }) => status).sort(), [201, ...Array(7).fill(409)])
  const duplicate = await call('POST', ofProvider, echo, { 'idempotency-key': 'echo-1' })
  refused(duplicate, 'model_exists')
  assert.match(duplicate.body.error, /llmsim-echo/)
  const renamed = { model_id: 'llmsim-echo' }
  refused(await call('PATCH', `/v1/llm-models/${seeded('401')}`, renamed), 'model_exists')
  const elsewhere = '/v1/llm-providers/provider_01933b5a000070008000000000000001/models'
  assert.equal((await call('POST', elsewhere, echo)).status, 201)
})

test('a model of the catalog has its profile, also with a date at the end of its name', async (t) => {
  const { call } = await startServer(t)
  const { data } = (await call('GET', '/v1/llm-models')).body as { data: ModelWithProvider[] }
  const seededModel = data.find(({ id }) => id === seeded('213'))
  assert.equal(seededModel?.profile?.name, 'GPT-4o')
  assert.deepEqual(seededModel.profile.cost, { input: 2.5, output: 10, cache_read: 1.25 })
  assert.deepEqual(seededModel.profile.limits, { context: 128_000, output: 16_384 })
  assert.equal(data.filter(({ profile }) => profile).length, data.length - 2)
  const one = await call('GET', `/v1/llm-models/${seeded('213')}`)
  assert.deepEqual(one.body.profile, seededModel.profile)
  const page = await call('GET', '/v1/llm-models?limit=100')
  assert.deepEqual(page.body.data, data)
  const ofOpenai = '/v1/llm-providers/provider_01933b5a000070008000000000000001/models'
  async function profileOfNew(path: string, model_id: string) {
    const { body } = await call('POST', path, { model_id, display_name: model_id })
    assert.equal('profile' in body, false)
    return (await call('GET', `/v1/llm-models/${body.id}`)).body.profile
  }
  const dated = await profileOfNew(ofOpenai, 'gpt-4o-mini-2029-01-01')
  assert.equal(dated.name, 'GPT-4o mini')
  assert.equal(await profileOfNew(ofOpenai, 'gpt-of-somebody'), undefined)
  assert.equal(await profileOfNew(ofProvider, 'gpt-4o'), undefined)
})

test('there is one default: choosing another clears it, also when many choose at once', async (t) => {
  const { call } = await startServer(t)
  const created = await call('POST', ofProvider, { ...echo, is_default: true })
  assert.equal(created.body.is_default, true)
  assert.deepEqual(await defaults(call), [created.body.id])
  await call('PATCH', `/v1/llm-models/${seeded('201')}`, { is_default: true })
  assert.deepEqual(await defaults(call), [seeded('201')])
  const answers = await Promise.all([
    ...['201', '20a', '301', '302', '401', '402'].map((tail) =>
      call('PATCH', `/v1/llm-models/${seeded(tail)}`, { is_default: true }),
    ),
    ...['a', 'b', 'c'].map((model_id) =>
      call(
        'POST',
        ofProvider,
        { ...echo, model_id, is_default: true },
        { 'idempotency-key': model_id },
      ),
    ),
    call('POST', ofProvider, { ...echo, model_id: 'd', is_default: true }),
  ])
  for (const { status } of answers) assert.ok(status === 200 || status === 201)
  const [last, ...others] = await defaults(call)
  assert.deepEqual(others, [])
  await call('PATCH', `/v1/llm-models/${last}`, { is_default: false })
  assert.deepEqual(await defaults(call), [])
})

test('the environment chooses the default model until a user does', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  async function defaultsWith(env: Record<string, string>, change?: (call: Call) => unknown) {
    const { call, stop } = await startServer(t, { databaseUrl, env })
    const chosen = await defaults(call)
    await change?.(call)
    await stop()
    return chosen
  }
  const anthropic = { DEFAULT_ANTHROPIC_API_KEY: 'sk-2' }
  const google = { DEFAULT_GOOGLE_API_KEY: 'sk-3' }
  const both = { DEFAULT_OPENAI_API_KEY: 'sk-1', ...google, ...anthropic }
  assert.deepEqual(await defaultsWith({}), [seeded('401')])
  const other = { is_favorite: true, is_default: false }
  const harmless = (call: Call) => call('PATCH', `/v1/llm-models/${seeded('402')}`, other)
  assert.deepEqual(await defaultsWith(google), [seeded('502')])
  assert.deepEqual(await defaultsWith({ ...google, ...anthropic }, harmless), [seeded('312')])
  const deletion = (tail: string) => (call: Call) =>
    call('DELETE', `/v1/llm-models/${seeded(tail)}`)
  for (const next of ['223', '20a', '312']) {
    assert.deepEqual(await defaultsWith(both, deletion(next)), [seeded(next)])
  }
  const choice = (call: Call) =>
    call('PATCH', `/v1/llm-models/${seeded('402')}`, { is_default: true })
  assert.deepEqual(await defaultsWith(both, choice), [seeded('302')])
  assert.deepEqual(await defaultsWith(both), [seeded('402')])
})

test('only models that can be used are listed, filtered as asked', async (t) => {
  const { call } = await startServer(t)
  for (const tail of ['1', '4']) {
    const path = `/v1/llm-providers/provider_01933b5a00007000800000000000000${tail}`
    await call('PATCH', path, { status: 'disabled' })
  }
  for (const tail of ['301', '310', '311', '312', '313']) {
    await call('PATCH', `/v1/llm-models/${seeded(tail)}`, { status: 'disabled' })
  }
  await call('POST', ofProvider, { ...echo, is_favorite: true })
  const all = ['Claude Haiku 4.5', 'Claude Sonnet 4.5', 'Echo', 'Simulated']
  const list = await call('GET', '/v1/llm-models')
  assert.deepEqual(namesOf(list), [...all, 'Simulated, with latency'])
  const query = (text: string) => call('GET', `/v1/llm-models?${text}`)
  assert.deepEqual(namesOf(await query('source=manual')), ['Echo'])
  assert.deepEqual(namesOf(await query('source=discovered')), [])
  assert.deepEqual(namesOf(await query('favorites_only=true')), ['Echo'])
  assert.deepEqual(namesOf(await query('favorites_only=false&include_stale=false')).length, 5)
  const page = await query('limit=2&offset=1&source=predefined')
  assert.deepEqual(namesOf(page), ['Claude Sonnet 4.5', 'Simulated'])
  assert.deepEqual([page.body.total, page.body.offset, page.body.limit], [4, 1, 2])
  for (const bad of ['source=x', 'favorites_only=maybe', 'limit=0', 'include_stale=2']) {
    refused(await query(bad), 'invalid_request')
  }
  const anthropicModels = '/v1/llm-providers/provider_01933b5a000070008000000000000002/models'
  assert.equal((await call('GET', anthropicModels)).body.total, 7)
  const provided = await call('GET', `${ofProvider}?limit=1&offset=2`)
  assert.deepEqual([namesOf(provided), provided.body.total], [['Simulated, with latency'], 3])
})

test('a model of a provider that is disabled cannot be chosen', async (t) => {
  const server = await startServer(t)
  const { call } = server
  const path = `/v1/llm-providers/${provider}`
  const agent = await createAgent(server, { default_model_id: seeded('401') })
  await call('PATCH', path, { status: 'disabled' })
  const answer = await call('PATCH', `/v1/agents/${agent.id}`, { default_model_id: seeded('401') })
  refused(answer, 'model_unavailable', 'default_model_id')
  assert.match(answer.body.details[0].message, /provider is disabled/)
  const session = { agent_id: agent.id, model_id: seeded('401') }
  refused(await call('POST', '/v1/sessions', session), 'model_unavailable', 'model_id')
})

test('refuses to delete a model in use, and names its users', async (t) => {
  const server = await startServer(t)
  const { call } = server
  const path = `/v1/llm-models/${seeded('402')}`
  const agents = [
    await createAgent(server, { default_model_id: seeded('402') }),
    await createAgent(server, { name: 'Bob', default_model_id: seeded('402') }),
  ]
  const answer = await call('DELETE', path)
  refused(answer, 'model_in_use')
  assert.equal(answer.body.error, 'The model is in use: 2 agents (Ada, …).')
  assert.deepEqual(
    answer.body.details,
    agents.map(({ id, name }) => ({ path: id, message: `The agent ${name} uses it.` })),
  )
  const session = await createSession(server, { agent_id: agents[1]!.id })
  for (const { id } of agents) await call('DELETE', `/v1/agents/${id}`)
  assert.equal((await call('DELETE', path)).body.error, 'The model is in use: 1 session.')
  await call('DELETE', `/v1/sessions/${session.id}`)
  assert.equal((await call('DELETE', path)).status, 204)
})

test('refuses an invalid model with the places in details', async (t) => {
  const { call } = await startServer(t)
  const cases: [fields: object, path: string][] = [
    [{ model_id: '' }, 'model_id'],
    [{ model_id: 'x'.repeat(256) }, 'model_id'],
    [{ model_id: 'a\0' }, 'model_id'],
    [{ display_name: '' }, 'display_name'],
    [{ display_name: {} }, 'display_name'],
    [{ capabilities: ['x'.repeat(101)] }, 'capabilities/0'],
    [{ capabilities: 'chat' }, 'capabilities'],
    [{ is_default: 'yes' }, 'is_default'],
    [{ is_favorite: 1 }, 'is_favorite'],
  ]
  for (const [fields, path] of cases) {
    refused(await call('POST', ofProvider, { ...echo, ...fields }), 'invalid_request', path)
    const patch = await call('PATCH', `/v1/llm-models/${seeded('401')}`, fields)
    refused(patch, 'invalid_request', path)
  }
  refused(await call('POST', ofProvider, { model_id: 'x' }), 'invalid_request')
  const wide = await call('POST', ofProvider, { ...echo, model_id: '😀'.repeat(255) })
  assert.equal(wide.status, 201)
})

test('an id that is none is 400, an unknown one 404', async (t) => {
  const { call } = await startServer(t)
  for (const method of ['GET', 'PATCH', 'DELETE']) {
    const body = method === 'PATCH' ? {} : undefined
    for (const id of ['1', provider, 'model_%00']) {
      const answer = await call(method, `/v1/llm-models/${id}`, body)
      refused(answer, 'invalid_id')
      assert.equal(
        answer.body.error,
        'Invalid model ID: it must look like model_0123456789abcdef0123456789abcdef.',
      )
    }
    const answer = await call(method, `/v1/llm-models/${newId('model')}`, body)
    refused(answer, 'not_found')
    assert.equal(answer.body.error, 'Model not found')
  }
  for (const method of ['GET', 'POST']) {
    const body = method === 'POST' ? { ...echo, is_default: true } : undefined
    refused(await call(method, '/v1/llm-providers/x/models', body), 'invalid_id')
    const answer = await call(method, `/v1/llm-providers/${newId('provider')}/models`, body)
    refused(answer, 'not_found')
    assert.equal(answer.body.error, 'Provider not found')
  }
  assert.deepEqual(await defaults(call), [seeded('401')])
})

test('the names of later versions answer the same', async (t) => {
  const { call } = await startServer(t)
  const created = await call('POST', `/v1/providers/${provider}/models`, echo)
  assert.equal(created.status, 201)
  const path = `/v1/models/${created.body.id}`
  const old = `/v1/llm-models/${created.body.id}`
  assert.deepEqual((await call('GET', path)).body, (await call('GET', old)).body)
  assert.deepEqual(
    (await call('GET', '/v1/models')).body,
    (await call('GET', '/v1/llm-models')).body,
  )
  assert.equal((await call('GET', `/v1/providers/${provider}/models`)).body.total, 3)
  assert.equal((await call('PATCH', path, { display_name: 'E' })).body.display_name, 'E')
  assert.equal((await call('DELETE', path)).status, 204)
  const { paths } = (await call('GET', '/api-doc/openapi.json')).body
  assert.ok(paths['/v1/llm-models/{id}'] && !paths['/v1/models/{id}'])
})
