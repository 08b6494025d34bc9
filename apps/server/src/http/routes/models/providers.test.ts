import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Provider } from '@outlast/contract'
import pg from 'pg'
import { createTestDatabase } from '../../../../test/database.ts'
import { type HttpAnswer, startServer } from '../../../../test/server.ts'
import { createAgent, createSession } from '../../../../test/session.ts'
import { newId } from '../../../ids.ts'
import { createSecrets } from '../../../secrets.ts'
import { keyPlace } from '../../../store/models/providers.ts'
import { defaultOrganization } from '../../../store/models/seeds.ts'

const seeded = (tail: string) => `provider_01933b5a0000700080000000000000${tail}`
const ollama = {
  name: 'Ollama',
  provider_type: 'openai_completions',
  base_url: 'http://127.0.0.1:11434/v1',
}
const key = 'sk-never-seen-again-0123456789'

function refused({ status, body }: HttpAnswer, code: string, path?: string) {
  assert.equal(status, code === 'not_found' ? 404 : code === 'model_in_use' ? 409 : 400)
  assert.equal(body.code, code)
  if (path !== undefined) assert.equal(body.details[0].path, path)
}

async function storedKey(url: string, id: string): Promise<string | null> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const { rows } = await client.query('select api_key from providers where id = $1', [id])
  await client.end()
  return rows[0].api_key
}

test('a new database has four providers', async (t) => {
  const { call } = await startServer(t)
  const { status, body } = await call('GET', '/v1/llm-providers')
  assert.equal(status, 200)
  assert.deepEqual(
    body.data.map(({ id, name, provider_type }: Provider) => [id, name, provider_type]),
    [
      [seeded('01'), 'OpenAI', 'openai'],
      [seeded('02'), 'Anthropic', 'anthropic'],
      [seeded('04'), 'Google', 'google'],
      [seeded('03'), 'Simulated', 'llmsim'],
    ],
  )
  assert.deepEqual([body.total, body.offset, body.limit], [4, 0, 4])
})

test('a provider is created, read, listed first, changed and deleted with its models', async (t) => {
  const { call } = await startServer(t)
  const created = await call('POST', '/v1/llm-providers', ollama)
  assert.equal(created.status, 201)
  const { id, created_at, updated_at, ...rest } = created.body
  assert.match(id, /^provider_[0-9a-f]{32}$/)
  assert.deepEqual(rest, { ...ollama, api_key_set: false, status: 'active' })
  const path = `/v1/llm-providers/${id}`
  assert.deepEqual((await call('GET', path)).body, created.body)
  assert.equal((await call('GET', '/v1/llm-providers')).body.data[0].id, id)

  const changed = await call('PATCH', path, { name: 'Mine', status: 'disabled', base_url: null })
  assert.deepEqual(
    { ...changed.body, updated_at },
    { ...created.body, name: 'Mine', status: 'disabled' },
  )
  const model = await call('POST', `${path}/models`, { model_id: 'm', display_name: 'M' })
  assert.equal((await call('DELETE', path)).status, 204)
  refused(await call('GET', path), 'not_found')
  refused(await call('DELETE', path), 'not_found')
  refused(await call('GET', `/v1/llm-models/${model.body.id}`), 'not_found')
})

test('a key goes in encrypted, replaces the old one, and never comes out', async (t) => {
  const { call, databaseUrl } = await startServer(t)
  const idempotent = { 'idempotency-key': 'ollama-1' }
  const body = { ...ollama, api_key: key }
  const created = await call('POST', '/v1/llm-providers', body, idempotent)
  const again = await call('POST', '/v1/llm-providers', body, idempotent)
  assert.deepEqual(again.body, created.body)
  const { id } = created.body
  const answers = [
    created,
    again,
    await call('GET', `/v1/llm-providers/${id}`),
    await call('GET', '/v1/llm-providers'),
    await call('PATCH', `/v1/llm-providers/${id}`, { name: 'Mine' }),
  ]
  for (const answer of answers) {
    const text = JSON.stringify(answer.body)
    assert.doesNotMatch(text, /sk-never|"api_key"|ciphertext/)
    assert.match(text, /"api_key_set":true/)
  }
  const secrets = createSecrets([`kek-v1:${Buffer.alloc(32, 7).toString('base64')}`])
  const place = keyPlace(defaultOrganization, id)
  const destination = new URL(ollama.base_url).origin
  const sealed = await storedKey(databaseUrl, id)
  assert.doesNotMatch(sealed!, /sk-never/)
  assert.equal(secrets.open(sealed!, place, destination), key)
  await call('PATCH', `/v1/llm-providers/${id}`, { api_key: 'sk-second' })
  assert.equal(secrets.open((await storedKey(databaseUrl, id))!, place, destination), 'sk-second')
  const failed = await call('POST', '/v1/llm-providers', { ...body, name: '' })
  assert.doesNotMatch(JSON.stringify(failed.body), /sk-never/)
})

test('refuses a provider key without a master key, and accepts other requests', async (t) => {
  const { call } = await startServer(t, { env: { SECRETS_ENCRYPTION_KEY: '' } })
  const answer = await call('POST', '/v1/llm-providers', { ...ollama, api_key: key })
  refused(answer, 'encryption_not_configured')
  assert.equal(answer.body.error, 'Encryption not configured. Cannot store API key.')
  const { status, body } = await call('POST', '/v1/llm-providers', ollama)
  assert.equal(status, 201)
  refused(
    await call('PATCH', `/v1/llm-providers/${body.id}`, { api_key: key }),
    'encryption_not_configured',
  )
  assert.equal((await call('GET', `/v1/llm-providers/${body.id}`)).body.api_key_set, false)
})

test("a key of the environment counts as set, at the vendor's own address only", async (t) => {
  const { call } = await startServer(t, {
    env: { DEFAULT_OPENAI_API_KEY: key, DEFAULT_GOOGLE_API_KEY: key },
  })
  const set = async (id: string) => (await call('GET', `/v1/llm-providers/${id}`)).body.api_key_set
  assert.deepEqual([await set(seeded('01')), await set(seeded('02'))], [true, false])
  const { body } = await call('POST', '/v1/llm-providers', ollama)
  assert.equal(body.api_key_set, false)
  const google = { name: 'Google', provider_type: 'google' }
  assert.equal((await call('POST', '/v1/llm-providers', google)).body.api_key_set, true)
  const base_url = 'https://gateway.example.com/v1beta'
  const away = await call('POST', '/v1/llm-providers', { ...google, base_url })
  assert.equal(away.body.api_key_set, false)
})

test('refuses an invalid provider with the places in details', async (t) => {
  const { call } = await startServer(t)
  const { id } = (await call('POST', '/v1/llm-providers', ollama)).body
  const cases: [fields: object, path: string][] = [
    [{ name: '' }, 'name'],
    [{ name: 'a\u001b[2J' }, 'name'],
    [{ name: 'x'.repeat(256) }, 'name'],
    [{ name: 'a\0' }, 'name'],
    [{ provider_type: 'telepathy' }, 'provider_type'],
    [
      { provider_type: 'azure_openai', base_url: 'https://res.openai.azure.com/?key=1' },
      'base_url',
    ],
    ...[
      'ftp://host/v1',
      'host/v1',
      'http:host/v1',
      'http://',
      'http://ho st/v1',
      'http://host:99999/v1',
      'https://user:secret@host/v1',
      'https://host/v1?key=1',
      'https://host/v1#part',
      'javascript:alert(1)',
      ' http://host/v1',
      '',
      `http://host/${'x'.repeat(2048)}`,
    ].map((base_url): [object, string] => [{ base_url }, 'base_url']),
    ...['a\nb', 'a\r\nX-Evil: 1', 'a\tb', 'ключ', 'a b', '', 'a\0b', 'x'.repeat(8193)].map(
      (api_key): [object, string] => [{ api_key }, 'api_key'],
    ),
  ]
  for (const [fields, path] of cases) {
    const created = await call('POST', '/v1/llm-providers', { ...ollama, ...fields })
    refused(created, 'invalid_request', path)
    refused(await call('PATCH', `/v1/llm-providers/${id}`, fields), 'invalid_request', path)
  }
  refused(await call('POST', '/v1/llm-providers', { name: 'x' }), 'invalid_request')
  refused(await call('PATCH', `/v1/llm-providers/${id}`, { status: 'gone' }), 'invalid_request')
  assert.equal((await call('GET', '/v1/llm-providers')).body.total, 5)
  for (const base_url of ['http://[::1]:8080/v1', 'HTTPS://API.example.com', 'http://host/v1/']) {
    const answer = await call('PATCH', `/v1/llm-providers/${id}`, { base_url })
    assert.deepEqual([answer.status, answer.body.base_url], [200, base_url])
  }
})

test('a type that is none is refused with those that there are', async (t) => {
  const { call } = await startServer(t)
  const { body } = await call('POST', '/v1/llm-providers', { ...ollama, provider_type: 'gemini' })
  const types = ['openai', 'openai_completions', 'anthropic', 'google', 'azure_openai', 'llmsim']
  assert.equal(body.details[0].message, `must be one of ${types.join(', ')}`)
  for (const provider_type of types) {
    const fields = { ...ollama, provider_type, api_key: key }
    const created = await call('POST', '/v1/llm-providers', fields)
    assert.deepEqual([created.status, created.body.provider_type], [201, provider_type])
    const split = await call('POST', '/v1/llm-providers', { ...fields, api_key: 'a\nb' })
    refused(split, 'invalid_request', 'api_key')
    const file = await call('POST', '/v1/llm-providers', { ...fields, base_url: 'file:///etc' })
    refused(file, 'invalid_request', 'base_url')
  }
})

test('Azure needs an address, which may have a version', async (t) => {
  const { call } = await startServer(t)
  const azure = { name: 'Azure', provider_type: 'azure_openai' }
  refused(await call('POST', '/v1/llm-providers', azure), 'invalid_request', 'base_url')
  const path = `/v1/llm-providers/${seeded('01')}`
  const toAzure = { provider_type: 'azure_openai' }
  refused(await call('PATCH', path, toAzure), 'invalid_request', 'base_url')
  const base_url =
    'https://res.openai.azure.com/openai/deployments/gpt-5/chat/completions?api-version=2024-10-21'
  const changed = await call('PATCH', path, { ...toAzure, base_url })
  assert.deepEqual([changed.status, changed.body.base_url], [200, base_url])
  refused(await call('PATCH', path, { provider_type: 'openai' }), 'invalid_request', 'base_url')
  assert.equal((await call('POST', '/v1/llm-providers', { ...azure, base_url })).status, 201)
})

test('an id that is none is 400, an unknown one 404', async (t) => {
  const { call } = await startServer(t)
  for (const method of ['GET', 'PATCH', 'DELETE']) {
    const body = method === 'PATCH' ? {} : undefined
    for (const id of ['1', newId('model'), 'prov_01933b5a000070008000000000000001']) {
      const answer = await call(method, `/v1/llm-providers/${id}`, body)
      refused(answer, 'invalid_id')
      assert.equal(
        answer.body.error,
        'Invalid provider ID: it must look like provider_0123456789abcdef0123456789abcdef.',
      )
    }
    const answer = await call(method, `/v1/llm-providers/${newId('provider')}`, body)
    refused(answer, 'not_found')
    assert.equal(answer.body.error, 'Provider not found')
  }
})

test('a provider whose models are in use is not deleted', async (t) => {
  const server = await startServer(t)
  const { call } = server
  const path = `/v1/llm-providers/${seeded('03')}`
  const default_model_id = 'model_01933b5a000070008000000000000402'
  const agent = await createAgent(server, { default_model_id })
  const session = await createSession(server, { agent_id: agent.id })
  const answer = await call('DELETE', path)
  refused(answer, 'model_in_use')
  assert.match(answer.body.error, /1 agent \(Ada\) and 1 session/)
  await call('DELETE', `/v1/agents/${agent.id}`)
  refused(await call('DELETE', path), 'model_in_use')
  await call('DELETE', `/v1/sessions/${session.id}`)
  assert.equal((await call('DELETE', path)).status, 204)
  assert.equal((await call('GET', '/v1/llm-models')).body.total, 19)
})

test('pages, and the names of later versions', async (t) => {
  const { call } = await startServer(t)
  const all = (await call('GET', '/v1/llm-providers')).body
  const page = (await call('GET', '/v1/llm-providers?limit=1&offset=1')).body
  assert.deepEqual(page, { data: all.data.slice(1, 2), total: 4, offset: 1, limit: 1 })
  assert.equal((await call('GET', '/v1/llm-providers?limit=0')).status, 400)
  assert.deepEqual((await call('GET', '/v1/providers')).body, all)
  const created = await call('POST', '/v1/providers', ollama)
  assert.equal(created.status, 201)
  const path = `/v1/providers/${created.body.id}`
  assert.deepEqual((await call('GET', path)).body, created.body)
  assert.equal((await call('PATCH', path, { name: 'Mine' })).body.name, 'Mine')
  assert.equal((await call('DELETE', path)).status, 204)
  const { paths } = (await call('GET', '/api-doc/openapi.json')).body
  assert.ok(paths['/v1/llm-providers/{id}'] && !paths['/v1/providers/{id}'])
})

test('seeded providers that were deleted do not come back', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  const first = await startServer(t, { databaseUrl })
  for (const tail of ['01', '03']) {
    assert.equal((await first.call('DELETE', `/v1/llm-providers/${seeded(tail)}`)).status, 204)
  }
  await first.stop()
  const second = await startServer(t, { databaseUrl })
  const { body } = await second.call('GET', '/v1/llm-providers')
  await second.stop()
  assert.deepEqual(
    body.data.map(({ name }: Provider) => name),
    ['Anthropic', 'Google'],
  )
})
