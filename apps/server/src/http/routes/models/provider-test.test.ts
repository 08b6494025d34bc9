import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { after, before, test } from 'node:test'
import { LLMock } from '@copilotkit/aimock'
import type { ProviderTestResult } from '@outlast/contract'
import { expectStatus } from '../../../../test/access.ts'
import { createTestDatabase } from '../../../../test/database.ts'
import {
  addProvider,
  sendJson,
  startAnyVendor,
  vendorKey,
} from '../../../../test/remotes/any-vendor.ts'
import { type Call, masterKey, startServer } from '../../../../test/server.ts'
import { converse, createAgent, createSession, dataOf } from '../../../../test/session.ts'
import { newId } from '../../../ids.ts'

const mock = new LLMock({ port: 0 })

before(async () => {
  mock.onMessage('Say OK.', { content: 'OK' })
  await mock.start()
})
after(() => mock.stop())

const seeded = (tail: string) => `/v1/llm-providers/provider_01933b5a0000700080000000000000${tail}`

async function addModel(call: Call, path: string, model_id: string, fields: object = {}) {
  const body = { model_id, display_name: model_id, ...fields }
  return expectStatus(await call('POST', `${path}/models`, body), 201).id as string
}

const tryIt = async (call: Call, path: string, body?: object): Promise<ProviderTestResult> =>
  expectStatus(await call('POST', `${path}/test`, body), 200)

for (const [provider_type, base] of [
  ['openai', '/v1'],
  ['openai_completions', '/v1/chat/completions'],
  ['anthropic', '/v1/messages'],
  ['google', '/v1beta'],
  ['azure_openai', '/openai/deployments/some-model/chat/completions?api-version=2024-10-21'],
] as const) {
  test(`${provider_type}: a model that answers is ok`, async (t) => {
    const { call } = await startServer(t)
    const { path } = await addProvider(call, mock.url + base, { provider_type })
    const model_id = await addModel(call, path, 'some-model')
    const { latency_ms, ...result } = await tryIt(call, path)
    assert.deepEqual(result, { ok: true, model_id, model: 'some-model' })
    assert.ok(latency_ms !== undefined && latency_ms >= 0)
  })
}

test('the simulated provider answers too, by both names, and the test is in the audit log', async (t) => {
  const { call } = await startServer(t)
  assert.equal((await tryIt(call, seeded('03'))).model, 'llmsim-default')
  assert.equal((await tryIt(call, seeded('03').replace('llm-', ''), {})).ok, true)
  const audit = (await call('GET', '/v1/audit-log')).body.data
  assert.ok(audit.some(({ action }: { action: string }) => action === 'test_provider'))
})

test('the model is the one that is named, else the default, a favourite, any active one', async (t) => {
  const { call } = await startServer(t)
  const { path } = await addProvider(call, `${mock.url}/v1`)
  expectStatus(await call('POST', `${path}/test`), 409, 'provider_without_models')
  const first = await addModel(call, path, 'first')
  const favourite = await addModel(call, path, 'favourite', { is_favorite: true })
  const chosen = async (body?: object) => (await tryIt(call, path, body)).model
  assert.equal(await chosen(), 'favourite')
  await call('PATCH', `/v1/llm-models/${favourite}`, { status: 'disabled' })
  assert.equal(await chosen(), 'first')
  assert.equal(await chosen({ model_id: favourite }), 'favourite')
  await addModel(call, path, 'default', { is_default: true })
  assert.equal(await chosen({ model_id: null }), 'default')
  assert.equal(await chosen({ model_id: first }), 'first')
})

test('a model of another provider, an id that is none and an unknown provider are refused', async (t) => {
  const { call } = await startServer(t)
  const { path } = await addProvider(call, `${mock.url}/v1`)
  for (const model_id of ['model_01933b5a000070008000000000000401', newId('model')]) {
    const body = expectStatus(await call('POST', `${path}/test`, { model_id }), 400)
    assert.deepEqual([body.code, body.details[0].path], ['model_unavailable', 'model_id'])
  }
  for (const model_id of ['gpt-5', 5, '']) {
    const answer = await call('POST', `${path}/test`, { model_id })
    assert.ok(['invalid_request', 'invalid_id'].includes(expectStatus(answer, 400).code))
  }
  for (const operation of ['test', 'sync-models']) {
    const unknown = `/v1/llm-providers/${newId('provider')}/${operation}`
    expectStatus(await call('POST', unknown), 404, 'not_found')
    expectStatus(await call('POST', `/v1/llm-providers/1/${operation}`), 400, 'invalid_id')
  }
})

test('without a key for the vendor nothing is asked', async (t) => {
  const { call } = await startServer(t)
  const { ok, kind, message } = await tryIt(call, seeded('01'))
  assert.deepEqual([ok, kind], [false, 'not_configured'])
  assert.match(message!, /^The provider has no key\. Set `api_key`/)
})

test('a key can be tested before it is stored, and is not stored by the test', async (t) => {
  const { call } = await startServer(t)
  const vendor = await startAnyVendor(t, ({ headers }, response) => {
    const key = headers.authorization?.replace('Bearer ', '')
    const isNew = key === 'sk-pasted'
    sendJson(response, { error: { message: `${isNew ? 'new' : 'old'} key: ${key}` } }, 401)
  })
  const { path } = await addProvider(call, `${vendor.url}/v1`)
  await addModel(call, path, 'some-model')
  assert.match((await tryIt(call, path, { api_key: 'sk-pasted' })).message!, /new key: \[key\]/)
  assert.match((await tryIt(call, path)).message!, /old key: \[key\]/)
  for (const api_key of ['', 5, 'sk pasted', 'sk-pasted\r\nX-Org: 1', 'kéy', 'k'.repeat(8_193)]) {
    const answer = await call('POST', `${path}/test`, { api_key })
    expectStatus(answer, 400, 'invalid_request')
    assert.doesNotMatch(JSON.stringify(answer.body), /pasted/)
  }
  const audit = JSON.stringify((await call('GET', '/v1/audit-log')).body)
  assert.ok(audit.includes('test_provider') && !audit.includes('sk-pasted'))
})

type Failing = [
  name: string,
  answer: (response: ServerResponse) => unknown,
  expected: { kind: string; status?: number; says: RegExp },
]

const error = (message: string, status: number) => (response: ServerResponse) =>
  sendJson(response, { error: { message } }, status)

const failures: Failing[] = [
  [
    'a bad key',
    error(`Incorrect API key provided: ${vendorKey}`, 401),
    { kind: 'bad_key', status: 401, says: /Incorrect API key provided: \[key\]/ },
  ],
  [
    'no credit',
    error('You exceeded your current quota', 429),
    { kind: 'no_credit', status: 429, says: /credit/ },
  ],
  [
    'no such model',
    error('The model `some-model` does not exist', 404),
    { kind: 'no_such_model', status: 404, says: /does not have this model.*does not exist/ },
  ],
  ['an outage', error('Come back later', 503), { kind: 'overloaded', status: 503, says: /later/ }],
  ['silence', () => {}, { kind: 'timeout', says: /400 ms/ }],
  [
    'a stream that says nothing',
    (response) =>
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(': hi\n\n'),
    { kind: 'timeout', says: /400 ms/ },
  ],
  [
    'a page',
    (response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<p>Hello</p>'),
    { kind: 'bad_response', says: /text\/html instead of a stream/ },
  ],
]

test('reports a failure with the message of the vendor and without the key', async (t) => {
  const patient = await startServer(t)
  const hasty = await startServer(t, { env: { MODEL_TIMEOUT_MS: '400' } })
  for (const [name, answer, { kind, status, says }] of failures) {
    await t.test(name, async (t) => {
      const { call } = kind === 'timeout' ? hasty : patient
      const vendor = await startAnyVendor(t, (_, response) => answer(response))
      const { path } = await addProvider(call, `${vendor.url}/v1`)
      await addModel(call, path, 'some-model')
      const result = await tryIt(call, path)
      assert.equal(result.ok, false, JSON.stringify(result))
      assert.match(result.message!, says)
      assert.doesNotMatch(JSON.stringify(result), /sk-/)
      assert.deepEqual([result.kind, result.status], [kind, status])
      // On a loaded machine the time can end before the request arrives.
      if (kind === 'timeout') assert.ok(vendor.asked.length <= 1)
      else assert.equal(vendor.asked.length, 1)
    })
  }
})

test('the call ends with the first piece of the reply', async (t) => {
  let closed: Promise<unknown> | undefined
  const vendor = await startAnyVendor(t, (_, response) => {
    closed = once(response, 'close')
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const chunk = { id: '1', choices: [{ index: 0, delta: { content: 'OK' } }] }
    response.write(`data: ${JSON.stringify(chunk)}\n\n`)
  })
  const { call } = await startServer(t)
  const { path } = await addProvider(call, `${vendor.url}/v1`)
  await addModel(call, path, 'some-model')
  assert.equal((await tryIt(call, path)).ok, true)
  await closed
})

test('reports a key of another master key in a turn, a test and a sync', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  const first = await startServer(t, { databaseUrl })
  const { path } = await addProvider(first.call, `${mock.url}/v1`)
  const default_model_id = await addModel(first.call, path, 'some-model')
  await first.stop()
  // The key that sealed is taken away without a rotation.
  const env = { SECRETS_ENCRYPTION_KEY: `kek-v2:${Buffer.alloc(32, 9).toString('base64')}` }
  const previous = { SECRETS_ENCRYPTION_KEY_PREVIOUS: masterKey }
  await (await startServer(t, { databaseUrl, env: { ...env, ...previous } })).stop()
  const server = await startServer(t, { databaseUrl, env })
  const { kind, message } = await tryIt(server.call, path)
  assert.equal(kind, 'key_unreadable')
  assert.match(message!, /cannot be decrypted/)
  const answer = await server.call('POST', `${path}/sync-models`)
  assert.match(expectStatus(answer, 502, 'provider_failed').error, /cannot be decrypted/)
  const agent = await createAgent(server, { default_model_id })
  const session = await createSession(server, { agent_id: agent.id })
  const events = await converse(t, server, session.id, 'Hello')
  assert.equal(dataOf(events, 'turn.failed').error_code, 'llm_key_unreadable')
  await server.stop()
})
