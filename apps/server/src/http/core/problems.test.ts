import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { AuditEntry } from '@outlast/contract'
import { expectStatus, registerPerson, startGuarded } from '../../../test/access.ts'
import { startServer } from '../../../test/server.ts'
import { createAgent } from '../../../test/session.ts'

test('an error is also a problem of RFC 9457', async (t) => {
  const { call } = await startServer(t)
  const headers = { 'x-request-id': 'mine-1' }
  const missing = await call('GET', `/v1/agents/agent_${'1'.repeat(32)}`, undefined, headers)
  assert.match(missing.headers.get('content-type')!, /^application\/json/)
  assert.deepEqual(missing.body, {
    error: 'Agent not found',
    code: 'not_found',
    title: 'Not Found',
    status: 404,
    detail: 'Agent not found',
    instance: 'mine-1',
  })
  const invalid = await call('POST', '/v1/agents', { name: '' })
  const { error, detail, title, status, instance, details } = invalid.body
  assert.deepEqual([detail, title, status], [error, 'Bad Request', 400])
  assert.equal(instance, invalid.headers.get('x-request-id'))
  assert.ok(details.length > 0)
  const { body } = await call('DELETE', '/v1/end-users')
  assert.match(body.error, /^Invalid request: the query needs user/)
  assert.equal((await call('GET', '/v1/%zz')).body.status, 400)
})

test('an error that asks to retry later says when, as its header does', async (t) => {
  const server = await startGuarded(t, { env: { RATE_LIMIT_ADDRESS: '0', RATE_LIMIT_USER: '2' } })
  const { call } = await registerPerson(server)
  const answers = await Promise.all([1, 2, 3, 4, 5].map(() => call('GET', '/v1/agents')))
  const limited = answers.find(({ status }) => status === 429)!
  assert.equal(limited.body.code, 'rate_limited')
  assert.equal(String(limited.body.retry_after_seconds), limited.headers.get('retry-after'))
  assert.ok(limited.body.retry_after_seconds >= 1)
})

const reasonOf = (text: string) => ({ 'everruns-change-reason': encodeURIComponent(text) })

async function guarded(t: TestContext) {
  const server = await startGuarded(t)
  const person = await registerPerson(server)
  const entries = async (): Promise<AuditEntry[]> =>
    expectStatus(await person.call('GET', '/v1/audit-log'), 200).data
  return { call: person.call, url: server.url, entries }
}

test('a change has its reason in the audit log', async (t) => {
  const server = await guarded(t)
  const { id } = await createAgent(server)
  const at = `/v1/agents/${id}`
  const long = '€'.repeat(1_000)
  for (const reason of ['Запит OPS-7\n\tдругий рядок 🦊', long, '  trimmed  ', '']) {
    expectStatus(await server.call('PATCH', at, { name: 'Bea' }, reasonOf(reason)), 200)
    const [entry] = await server.entries()
    assert.equal(entry!.reason, reason.trim() || null)
  }
  expectStatus(await server.call('DELETE', at, undefined, reasonOf('Unused')), 204)
  assert.equal((await server.entries())[0]!.reason, 'Unused')
})

test('refuses a reason that is too long, unreadable, or holds a secret, and changes nothing', async (t) => {
  const server = await guarded(t)
  const { id } = await createAgent(server)
  const before = await server.entries()
  const reasons = [
    '€'.repeat(1_001),
    'a\u0000b',
    'bell \u0007',
    'c1 \u0085',
    'line\rreturn',
    `key sk-${'a1'.repeat(12)}`,
    `evr_${'0'.repeat(64)}`,
    'password: hunter22',
    'AKIAABCDEFGHIJKLMNOP',
    'Bearer abcdefghijklmnop1234',
    `eyJ${'a'.repeat(20)}.${'b'.repeat(20)}.c`,
    '-----BEGIN RSA PRIVATE KEY-----',
  ]
  const headers = [
    ...reasons.map(reasonOf),
    { 'everruns-change-reason': '%ff%fe' },
    { 'everruns-change-reason': '%' },
    { 'everruns-change-reason': 'caf\u00e9' },
  ]
  for (const header of headers) {
    const refused = await server.call('PATCH', `/v1/agents/${id}`, { name: 'Bea' }, header)
    assert.deepEqual([refused.status, refused.body.code], [400, 'invalid_change_reason'])
    const session = await server.call('POST', '/v1/sessions', { agent_id: id }, header)
    assert.equal(session.body.code, 'invalid_change_reason')
    assert.equal((await server.call('GET', '/v1/agents', undefined, header)).status, 200)
  }
  assert.deepEqual(await server.entries(), before)
  const talk = 'Rotated the token of tokens; no secrets, see api keys page'
  expectStatus(await server.call('PATCH', `/v1/agents/${id}`, { name: 'B' }, reasonOf(talk)), 200)
})
