import assert from 'node:assert/strict'
import test from 'node:test'
import { expectStatus, registerPerson, startGuarded } from '../../apps/server/test/access.ts'
import { createTestDatabase } from '../../apps/server/test/database.ts'
import { type Call, insistent, startServer } from '../../apps/server/test/server.ts'
import { createSession, post, scripted } from '../../apps/server/test/session.ts'
import { eventually, patient } from '../../apps/server/test/waiting.ts'
import { type Fault, startPostgresProxy } from '../postgres-proxy.ts'
import { startProcess } from '../process.ts'
import { scopeOf, untilIdle } from './scenario.ts'

const session = `session_${'0'.repeat(32)}`
const body = { message: { content: [{ type: 'text', text: 'hi' }] } }

test('a refusal that could not be stored under its Idempotency-Key returns 503, and on retry the refusal', async (t) => {
  const scope = scopeOf(t)
  let isBroken = true
  const proxy = await startPostgresProxy(await createTestDatabase(scope), {
    onStatement(label) {
      return isBroken && label === 'save-idempotency-answer' ? { when: 'after' } : undefined
    },
  })
  scope.after(proxy.close)
  const { call } = await startServer(scope, { databaseUrl: proxy.url, databaseWaits: patient })
  const post = () =>
    call('POST', `/v1/sessions/${session}/messages`, body, { 'idempotency-key': 'k' })
  const first = await post()
  assert.deepEqual([first.status, first.body.code], [503, 'database_unavailable'])
  assert.ok(first.headers.get('retry-after'))
  isBroken = false
  const again = await post()
  assert.deepEqual([again.status, again.body.code], [404, 'not_found'])
})

test('a stored cancel is reported, and its turn ended, although the database fails after it', async (t) => {
  const scope = scopeOf(t)
  let stage: 'before' | 'cancelled' | 'over' = 'before'
  const proxy = await startPostgresProxy(await createTestDatabase(scope), {
    onStatement(label) {
      if (label === 'cancel-turn') stage = 'cancelled'
      const isBroken = stage === 'cancelled' && label === 'current-turn'
      return isBroken ? { when: 'refused', code: '57P03' } : undefined
    },
  })
  scope.after(proxy.close)
  const plain = await startServer(scope, { databaseUrl: proxy.url, databaseWaits: patient })
  const server = { ...plain, call: insistent(plain.call) }
  const door = { type: 'client_side', name: 'door', description: 'Opens the door.' }
  const { id } = await createSession(server, { tools: [door] })
  await post(server, id, scripted({ tool_calls: [{ name: 'door', arguments: {} }] }))
  const isWaiting = async () => (await server.call('GET', `/v1/sessions/${id}`)).body.waiting_for
  await eventually(isWaiting)
  const { status, body: answer } = await plain.call('POST', `/v1/sessions/${id}/cancel`)
  assert.deepEqual([status, answer.status], [200, 'cancelled'])
  stage = 'over'
  await untilIdle(scope, server, id)
})

/** A search on a loaded machine may end at its limit: it is repeated, as clients do. */
const searched = ({ call }: { call: Call }, id: string) =>
  eventually(async () => {
    const answer = await call('POST', `/v1/sessions/${id}/fs/_/grep`, { pattern: 'x' })
    return answer.body.code === 'grep_timeout' ? undefined : answer
  })

test('a search that cannot reach the database returns 503, and on retry its result', async (t) => {
  const scope = scopeOf(t)
  let isBroken = true
  const proxy = await startPostgresProxy(await createTestDatabase(scope), {
    onStatement: (label) => (isBroken && label === 'grep-files' ? { when: 'before' } : undefined),
  })
  scope.after(proxy.close)
  const server = await startServer(scope, { databaseUrl: proxy.url, databaseWaits: patient })
  const { id } = await createSession({ ...server, call: insistent(server.call) })
  const search = () => searched(server, id)
  const first = await search()
  assert.deepEqual([first.status, first.body.code], [503, 'database_unavailable'])
  assert.ok(first.headers.get('retry-after'))
  isBroken = false
  const again = await search()
  assert.deepEqual([again.status, again.body.total], [200, 0])
})

const broken: [name: string, fault: Fault, logged: RegExp][] = [
  ['whose statement is refused', { when: 'refused', code: '42703' }, /"code":"42703"/],
  ['that ends its thread', { when: 'garbled' }, /Unknown authenticationOk message/],
]

for (const [name, fault, logged] of broken) {
  test(`a search ${name} returns 500, logs the error with its stack, and the next one runs`, async (t) => {
    const scope = scopeOf(t)
    let isBroken = true
    const proxy = await startPostgresProxy(await createTestDatabase(scope), {
      onStatement: (label) => (isBroken && label === 'grep-files' ? fault : undefined),
    })
    scope.after(proxy.close)
    const server = await startProcess({ DATABASE_URL: proxy.url })
    scope.after(() => server.stop())
    const { id } = await createSession({ ...server, call: insistent(server.call) })
    const search = () => searched(server, id)
    const first = await search()
    assert.deepEqual([first.status, first.body.code], [500, 'internal_error'])
    // The output can arrive after the response. Its last line may be incomplete.
    const line = await eventually(async () => {
      const whole = server.output().split('\n').slice(0, -1)
      return whole.find((one) => one.includes('"request failed"'))
    })
    assert.match(line, logged)
    assert.match(line, /"stack":".*\bat /)
    isBroken = false
    const again = await search()
    assert.deepEqual([again.status, again.body.total], [200, 0])
  })
}

test('a refresh whose response the database lost is repeated, and a copy still ends the sign-in', async (t) => {
  const scope = scopeOf(t)
  let losses = 0
  const proxy = await startPostgresProxy(await createTestDatabase(scope), {
    onStatement(label) {
      if (losses === 0 || !label.startsWith('update "logins"')) return undefined
      losses -= 1
      return { when: 'after' }
    },
  })
  scope.after(proxy.close)
  const server = await startGuarded(scope, { databaseUrl: proxy.url, databaseWaits: patient })
  const { tokens } = await registerPerson(server)
  const refresh = (refresh_token: string) =>
    server.call('POST', '/v1/auth/refresh', { refresh_token })
  losses = 1
  const next = expectStatus(await refresh(tokens.refresh_token), 200)
  assert.equal(losses, 0)
  const last = expectStatus(await refresh(next.refresh_token), 200)
  expectStatus(await refresh(next.refresh_token), 401, 'invalid_refresh_token')
  expectStatus(await refresh(last.refresh_token), 401, 'invalid_refresh_token')
})
