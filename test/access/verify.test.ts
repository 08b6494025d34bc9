/** Users of the product, identified by the project's own `auth.verify`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  adminEmail,
  createKey,
  expectStatus,
  registerPerson,
} from '../../apps/server/test/access.ts'
import { caller, startServer } from '../../apps/server/test/server.ts'
import { createAgent, createSession, post, scripted } from '../../apps/server/test/session.ts'
import { follow } from '../../apps/server/test/stream.ts'
import { unlimited } from './operations/operations.ts'
import { product, projectWith, startWithUsers } from './operations/product.ts'
import { readLog } from './sign-in/signing-in.ts'

const pauseMs = 50

const grace = { user: 'grace', name: 'Grace Hopper', role: 'admin' }

test('identifies a user of the product by a header or a cookie', async (t) => {
  const { server, as, asked } = await startWithUsers(t, {
    'secret-of-ada': { user: 'ada' },
    s2: grace,
  })
  const me = expectStatus(await as('secret-of-ada')('GET', '/v1/auth/me'), 200)
  assert.deepEqual(
    [me.id, me.name, me.roles, me.organization_id],
    ['product:ada', 'ada', ['member'], 'org_00000000000000000000000000000001'],
  )
  const { request } = asked.at(-1)!
  assert.equal(request.method, 'GET')
  assert.equal(request.url, `${server.url}/v1/auth/me`)
  assert.equal(request.body, null)
  const cookies = { cookie: 'theme=dark; sid=s2' }
  const other = expectStatus(await server.call('GET', '/v1/auth/me', undefined, cookies), 200)
  assert.deepEqual(
    [other.id, other.name, other.roles],
    ['product:grace', 'Grace Hopper', ['admin']],
  )
  const agent = await createAgent({ call: as('secret-of-ada'), url: server.url })
  const query = `?action=create_agent&target=${agent.id}&actor_id=product:ada`
  const { data } = expectStatus(await as('s2')('GET', `/v1/audit-log${query}`), 200)
  assert.deepEqual(
    data.map((entry: Record<string, unknown>) => [entry.actor_type, entry.actor_name]),
    [['user', 'ada']],
  )
})

test('accepts the token of a product in the query of a stream', async (t) => {
  const { server, known, as } = await startWithUsers(t, { s1: { user: 'ada' } })
  known.set('', (request: Request) =>
    new URL(request.url).searchParams.get('access_token') === 'in-query' ? { user: 'ada' } : null,
  )
  const session = await createSession({ call: as('s1'), url: server.url })
  const query = '?access_token=in-query'
  const stream = await follow(t, server.url, { sessionId: session.id, query })
  assert.equal(stream.response.status, 200)
  stream.close()
  const wrong = await server.call('GET', `/v1/sessions/${session.id}/sse?access_token=other`)
  expectStatus(wrong, 401, 'invalid_token')
})

test('limits a user to its role and scopes', async (t) => {
  const { as } = await startWithUsers(t, {
    viewer: { user: 'v', role: 'viewer' },
    member: { user: 'm' },
    owner: { user: 'o', role: 'owner' },
    narrowed: { user: 'n', role: 'owner', scopes: ['read'] },
    admin: { user: 'a', role: 'owner', scopes: ['admin'] },
    widened: { user: 'w', role: 'viewer', scopes: ['*', 'admin'] },
  })
  const agent = { name: 'New', system_prompt: 'x' }
  const invitation = { email: 'new@example.com', role: 'owner' }
  const path = '/v1/orgs/org_00000000000000000000000000000001/invitations'
  const statuses = async (secret: string) => {
    const call = as(secret)
    const answers = [
      await call('GET', '/v1/agents'),
      await call('POST', '/v1/agents', agent),
      await call('GET', '/v1/accounts'),
      await call('POST', path, invitation),
    ]
    return answers.map(({ status }) => status)
  }
  assert.deepEqual(await statuses('viewer'), [200, 403, 403, 403])
  assert.deepEqual(await statuses('member'), [200, 201, 403, 403])
  assert.deepEqual(await statuses('owner'), [200, 201, 200, 201])
  assert.deepEqual(await statuses('narrowed'), [200, 403, 403, 403])
  assert.deepEqual(await statuses('admin'), [200, 201, 200, 403])
  assert.deepEqual(await statuses('widened'), [200, 403, 403, 403])
})

test('refuses unknown callers as it does without a product', async (t) => {
  const { server } = await startWithUsers(t, {})
  const refusals: [Record<string, string>, string][] = [
    [{}, 'unauthenticated'],
    [{ cookie: 'sid=wrong' }, 'unauthenticated'],
    [{ cookie: 'access_token=wrong' }, 'invalid_token'],
    [{ authorization: 'Bearer wrong' }, 'invalid_token'],
    [{ authorization: 'Product wrong' }, 'unauthenticated'],
    [{ authorization: 'wrong' }, 'invalid_api_key_format'],
    [{ authorization: 'ApiKey wrong' }, 'invalid_api_key_format'],
  ]
  for (const [headers, code] of refusals) {
    expectStatus(await server.call('GET', '/v1/agents', undefined, headers), 401, code)
  }
  expectStatus(await server.call('GET', '/v1/auth/config'), 200)
})

test('refuses a request when verify fails, and logs no credential', async (t) => {
  const invalid: unknown[] = [
    undefined,
    true,
    'ada',
    [],
    {},
    { user: '' },
    { user: 1 },
    { user: 'x'.repeat(201) },
    { user: 'line\nbreak' },
    { user: 'nul\0' },
    { user: 'half \ud800' },
    { user: 'ada', name: '' },
    { user: 'ada', role: 'root' },
    { user: 'ada', scopes: [] },
    { user: 'ada', scopes: ['everything'] },
    { user: 'ada', organization: 'other' },
    { user: 'ada', org: 'org_00000000000000000000000000000002' },
    { user: 'ada', role: null },
  ]
  const { server, known, as } = await startWithUsers(t, {})
  const log = readLog(t)
  for (const result of invalid) {
    known.set('secret-of-ada', () => result)
    const answer = await as('secret-of-ada')('GET', '/v1/agents')
    expectStatus(answer, 401, 'verification_failed')
    // The id of the request is random.
    const { instance: _, ...about } = answer.body
    assert.doesNotMatch(JSON.stringify(about), /ada|verify/)
  }
  known.set('secret-of-ada', (request: Request) => {
    throw new Error(`cannot parse ${request.headers.get('authorization')} of ${request.url}`)
  })
  const path = '/v1/agents?offset=secret-in-query'
  // Failures are reported at most once a second.
  let failures = invalid.length
  while (!/cannot parse/.test(log.join(''))) {
    expectStatus(await as('secret-of-ada')('GET', path), 401, 'verification_failed')
    failures += 1
    await sleep(pauseMs)
  }
  const lines = log.join('')
  assert.match(lines, /auth.verify returned an invalid result/)
  const omitted = [...lines.matchAll(/"omitted":(\d+)/g)].map(([, count]) => Number(count))
  assert.equal(omitted.length + omitted.reduce((sum, one) => sum + one), failures)
  assert.doesNotMatch(lines, /secret/)
  known.set('secret-of-ada', () => Promise.reject(undefined))
  const cookie = { cookie: 'sid=secret-of-ada' }
  expectStatus(await server.call('GET', '/v1/agents', undefined, cookie), 401)
})

test('refuses a request when verify does not answer in time, and aborts its request', async (t) => {
  const { known, as } = await startWithUsers(t, {})
  let aborted = false
  known.set('slow', async (request: Request) => {
    request.signal.addEventListener('abort', () => {
      aborted = true
    })
    return new Promise(() => {})
  })
  expectStatus(await as('slow')('GET', '/v1/agents'), 401, 'verification_failed')
  assert.ok(aborted)
})

test('never gives a credential of this server to verify', async (t) => {
  const { server, asked } = await startWithUsers(t, {})
  const person = await registerPerson(server)
  const { key } = await createKey(server, person)
  const session = await createSession({ call: person.call, url: server.url })
  const made = await person.call('POST', `/v1/sessions/${session.id}/tokens`, { access: 'write' })
  const { token } = expectStatus(made, 201)
  const forged = (jwt: string) => `${jwt.split('.').slice(0, 2).join('.')}.${'x'.repeat(43)}`
  const { access_token: access, refresh_token: refresh } = person.tokens
  asked.length = 0
  const tries: [Record<string, string>, number, string?][] = [
    [{ authorization: key }, 200],
    [{ authorization: `Bearer ${key}` }, 200],
    [{ authorization: `evr_${'0'.repeat(64)}` }, 401, 'invalid_api_key'],
    [{ authorization: 'evr_short' }, 401, 'invalid_api_key_format'],
    [{ authorization: `Bearer ${access}` }, 200],
    [{ authorization: `Bearer ${forged(access)}` }, 401, 'invalid_token'],
    [{ authorization: `Bearer ${refresh}` }, 401, 'invalid_token'],
    [{ authorization: `Bearer ${token}` }, 403, 'users_only'],
    [{ authorization: `Bearer ${forged(token)}` }, 401, 'invalid_token'],
    [{ cookie: `access_token=${access}` }, 200],
    [{ cookie: `access_token=${forged(access)}; sid=any` }, 401, 'invalid_token'],
  ]
  for (const [headers, status, code] of tries) {
    expectStatus(await server.call('GET', '/v1/agents', undefined, headers), status, code)
  }
  const stream = `/v1/sessions/${session.id}/sse?access_token=${key}`
  expectStatus(await server.call('GET', stream), 401, 'key_in_query')
  assert.deepEqual(asked, [])
  const beside = { authorization: 'Product wrong', cookie: `a=1; access_token=${access}; sid=any` }
  const path = `/v1/agents?limit=2&access_token=${token}`
  expectStatus(await server.call('GET', path, undefined, beside), 401, 'unauthenticated')
  const [request] = (asked as { request: Request }[]).map(({ request }) => request)
  assert.equal(request!.headers.get('cookie'), 'a=1; sid=any')
  assert.equal(new URL(request!.url).search, '?limit=2')
})

test('refuses a change from another origin when the identity came from a cookie', async (t) => {
  const { server, as, asked } = await startWithUsers(t, { s1: { user: 'ada' } })
  const agent = { name: 'New', system_prompt: 'x' }
  const make = (headers: Record<string, string>) =>
    server.call('POST', '/v1/agents', agent, headers)
  const cookie = 'sid=s1'
  const crossing: Record<string, string>[] = [
    { cookie },
    { cookie, origin: 'https://attacker.example.com' },
    { cookie, origin: 'null' },
    { cookie, 'sec-fetch-site': 'same-site' },
    { cookie, 'sec-fetch-site': 'cross-site' },
    { cookie, authorization: '' },
  ]
  for (const headers of crossing) {
    expectStatus(await make(headers), 403, 'origin_not_allowed')
  }
  assert.deepEqual(asked, [])
  expectStatus(await make({ cookie, origin: server.url }), 201)
  expectStatus(await make({ cookie, 'sec-fetch-site': 'same-origin' }), 201)
  expectStatus(await as('s1')('POST', '/v1/agents', agent), 201)
})

test('gives a user with the id of an account nothing of that account', async (t) => {
  const { server, known, as, admin } = await startWithUsers(t, {})
  const { id } = expectStatus(await admin.call('GET', '/v1/auth/me'), 200)
  const { id: keyId } = await createKey(server, admin)
  for (const user of [id, `user_${id}`, `product:${id}`, 'server', keyId, adminEmail]) {
    known.set('s', { user })
    const me = expectStatus(await as('s')('GET', '/v1/auth/me'), 200)
    assert.deepEqual([me.id, me.roles], [`product:${user}`, ['member']])
    const keys = await as('s')('GET', '/v1/auth/api-keys')
    expectStatus(keys, 403, 'account_required')
    expectStatus(await as('s')('DELETE', `/v1/auth/api-keys/${keyId}`), 403, 'account_required')
    expectStatus(await as('s')('GET', '/v1/accounts'), 403, 'forbidden')
    const named = await as('s', { 'outlast-user': id })('GET', '/v1/agents')
    expectStatus(named, 403, 'user_mismatch')
  }
})

test('keeps users of the product inside their organization', async (t) => {
  const { server, known, as } = await startWithUsers(t, {})
  const person = await registerPerson(server)
  const agent = await createAgent({ call: person.call, url: server.url })
  const home = { user: 'ada', role: 'owner' }
  known.set('default', home)
  known.set('other', { ...home, organization: person.orgId })
  known.set('none', { ...home, organization: `org_${'0'.repeat(31)}9` })
  expectStatus(await as('other')('GET', `/v1/agents/${agent.id}`), 200)
  expectStatus(await as('default')('GET', `/v1/agents/${agent.id}`), 404, 'not_found')
  expectStatus(await as('none')('GET', '/v1/agents'), 404, 'not_found')
  const named = { 'x-org-id': person.orgId }
  expectStatus(await as('default', named)('GET', '/v1/agents'), 404, 'not_found')
  expectStatus(await as('default')('GET', `/v1/orgs/${person.orgId}`), 404, 'not_found')
  for (const path of ['/v1/accounts', '/v1/organizations', '/v1/durable/workers']) {
    expectStatus(await as('default')('GET', path), 200)
    expectStatus(await as('other')('GET', path), 403, 'forbidden')
  }
  expectStatus(await person.call('DELETE', `/v1/orgs/${person.orgId}`), 204)
  expectStatus(await as('other')('GET', '/v1/agents'), 404, 'not_found')
})

test('ends the streams of a user whom verify does not identify any more', async (t) => {
  const ada = { user: 'ada' }
  const { server, known, as } = await startWithUsers(t, {
    ada,
    bob: { user: 'bob' },
    eve: { user: 'eve' },
  })
  const { id: sessionId } = await createSession({ call: as('ada'), url: server.url })
  const open = (secret: string) =>
    follow(t, server.url, { sessionId, headers: { authorization: `Product ${secret}` } })
  const streams = [await open('ada'), await open('bob'), await open('eve')]
  const stays = await open('ada')
  for (const { event } of streams) await event('session.started')
  known.set('bob', { user: 'bob', role: 'viewer' })
  known.set('eve', () => {
    throw new Error('expired')
  })
  for (const stream of streams.slice(1)) {
    await stream.ended
    const last = stream.frames.findLast(({ event }) => event === 'disconnecting')
    assert.equal(JSON.parse(last!.data!).reason, 'access_ended')
  }
  expectStatus(
    await post({ call: as('ada'), url: server.url }, sessionId, scripted({ text: 'Hi' })),
    201,
  )
  await stays.event('session.idled')
  known.delete('ada')
  await stays.ended
  await streams[0]!.ended
})

test('keeps the stream of a user when verify does not answer once', async (t) => {
  const { server, known, as } = await startWithUsers(t, { ada: { user: 'ada' } })
  const { id: sessionId } = await createSession({ call: as('ada'), url: server.url })
  const headers = { authorization: 'Product ada' }
  const stream = await follow(t, server.url, { sessionId, headers })
  await stream.event('session.started')
  const late = Promise.withResolvers<void>()
  known.set('ada', async (request: Request) => {
    request.signal.addEventListener('abort', () => late.resolve())
    await late.promise
    return { user: 'ada' }
  })
  await late.promise
  known.set('ada', { user: 'ada' })
  await post({ call: as('ada'), url: server.url }, sessionId, scripted({ text: 'Hi' }))
  await stream.event('session.idled')
  known.delete('ada')
  await stream.ended
})

test('counts the requests of each user of the product, and failures of an address', async (t) => {
  const { server, known, as } = await startWithUsers(
    t,
    { ada: { user: 'ada' }, bob: { user: 'bob' } },
    { env: { ...unlimited, RATE_LIMIT_USER: '3' } },
  )
  for (let time = 0; time < 3; time++) expectStatus(await as('ada')('GET', '/v1/agents'), 200)
  expectStatus(await as('ada')('GET', '/v1/agents'), 429, 'rate_limited')
  expectStatus(await as('bob')('GET', '/v1/agents'), 200)
  const person = await registerPerson(server)
  known.set('elsewhere', { user: 'ada', organization: person.orgId })
  expectStatus(await as('elsewhere')('GET', '/v1/agents'), 200)
  const { as: other } = await startWithUsers(
    t,
    { ada: { user: 'ada' } },
    { env: { RATE_LIMIT_ADDRESS: '6' } },
  )
  const answers: number[] = []
  for (let time = 0; time < 8; time++) answers.push((await other('no')('GET', '/v1/agents')).status)
  assert.equal(answers[0], 401)
  assert.equal(answers.at(-1), 429)
  expectStatus(await server.call('GET', '/health'), 200)
})

test('does not ask verify without authentication, and warns at the start', async (t) => {
  const log = readLog(t)
  const { verify, asked } = product({})
  const project = projectWith(verify)
  const server = await startServer(t, { project, env: { LOG_LEVEL: 'warn' } })
  expectStatus(await server.call('GET', '/v1/agents'), 200)
  assert.deepEqual(asked, [])
  assert.match(log.join(''), /auth.verify is not used: AUTH_MODE is none/)
  assert.equal((await caller(server.url)('GET', '/v1/auth/me')).body.name, 'Anonymous')
})
