/** Rate limits of callers: each is counted separately, over all nodes together. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  addMember,
  adminEmail,
  adminPassword,
  createKey,
  expectStatus,
  registerPerson,
  startGuarded,
} from '../../apps/server/test/access.ts'
import { runSql } from '../../apps/server/test/database.ts'
import type { Call, HttpAnswer } from '../../apps/server/test/server.ts'

const pauseMs = 20
/** Several times the interval at which nodes exchange their counts. */
const askPauseMs = 500

const start = (t: TestContext, limits: Record<string, number | string>, databaseUrl?: string) =>
  startGuarded(t, {
    env: Object.fromEntries(Object.entries(limits).map(([name, value]) => [name, String(value)])),
    ...(databaseUrl !== undefined && { databaseUrl }),
  })

const list = (call: Call) => call('GET', '/v1/agents')

async function spend(times: number, ask: () => Promise<HttpAnswer>) {
  for (let time = 0; time < times; time++) expectStatus(await ask(), 200)
}

/** A 429 in our error format with the seconds to wait. A minute refills a bucket of `capacity`. */
function expectLimited(answer: HttpAnswer, capacity: number) {
  const { error } = expectStatus(answer, 429, 'rate_limited')
  const seconds = Number(answer.headers.get('retry-after'))
  assert.ok(Number.isInteger(seconds) && seconds >= 1, String(seconds))
  assert.ok(seconds <= Math.ceil(60 / capacity) * 2, String(seconds))
  assert.equal(error, `Too many requests. Try again in ${seconds} s.`)
}

/** Expects 429. Tokens that were refilled since the limiter was made admit requests before it. */
function limiter(capacity: number) {
  const begun = performance.now()
  let admitted = 0
  return async (ask: () => Promise<HttpAnswer>) => {
    for (;;) {
      const answer = await ask()
      if (answer.status === 429) return expectLimited(answer, capacity)
      admitted += 1
      const refilled = ((performance.now() - begun) * capacity) / 60_000
      assert.ok(admitted <= refilled, `${admitted} admitted, ${refilled} refilled`)
    }
  }
}

/** Repeats the request until the list is not empty. */
async function until<T>(ask: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const found = await ask()
    if (found !== undefined) return found
    await sleep(pauseMs)
  }
}

test('a key has its own limit, and a request over it has no effect', async (t) => {
  const server = await start(t, { RATE_LIMIT_KEY: 5 })
  const person = await registerPerson(server)
  const [busy, calm] = [await createKey(server, person), await createKey(server, person)]
  const areLimited = limiter(5)
  await spend(5, () => list(busy.call))
  const refused: string[] = []
  const create = async () => {
    const name = `Agent ${randomUUID()}`
    const answer = await busy.call('POST', '/v1/agents', { name, system_prompt: 'x' })
    if (answer.status === 429) refused.push(name)
    return answer
  }
  for (let time = 0; time < 3; time++) await areLimited(create)
  await areLimited(() => list(busy.call))
  const { data } = expectStatus(await list(calm.call), 200)
  assert.equal(refused.length, 3)
  assert.ok(!data.some(({ name }: { name: string }) => refused.includes(name)))
  expectStatus(await list(person.call), 200)
})

test('a user has one limit on all devices', async (t) => {
  const server = await start(t, { RATE_LIMIT_USER: 5 })
  const areLimited = limiter(5)
  const [person, other] = [await registerPerson(server), await registerPerson(server)]
  const { email, password } = person
  const login = await server.call('POST', '/v1/auth/login', { email, password })
  const authorization = `Bearer ${expectStatus(login, 200).access_token}`
  await spend(2, () => list(person.call))
  await spend(2, () => server.call('GET', '/v1/agents', undefined, { authorization }))
  await areLimited(() => list(person.call))
  await areLimited(() => server.call('GET', '/v1/agents', undefined, { authorization }))
  expectStatus(await list(other.call), 200)
})

test('an organization has one limit for all its keys and users', async (t) => {
  const server = await start(t, { RATE_LIMIT_ORG: 12 })
  const areLimited = limiter(12)
  const [person, other] = [await registerPerson(server), await registerPerson(server)]
  const [one, two] = [await createKey(server, person), await createKey(server, person)]
  // Reading the session and creating keys took three.
  await spend(5, () => list(one.call))
  await spend(4, () => list(two.call))
  for (const { call } of [one, two, person]) await areLimited(() => list(call))
  expectStatus(await list(other.call), 200)
})

test('a session token has its own limit', async (t) => {
  const server = await start(t, { RATE_LIMIT_USER: 6 })
  const person = await registerPerson(server)
  const key = await createKey(server, person)
  const agent = await key.call('POST', '/v1/agents', { name: 'Ada', system_prompt: 'x' })
  const session = await key.call('POST', '/v1/sessions', { agent_id: agent.body.id })
  const path = `/v1/sessions/${session.body.id}`
  const { token } = expectStatus(await key.call('POST', `${path}/tokens`), 201)
  const ask = () => server.call('GET', path, undefined, { authorization: `Bearer ${token}` })
  const areLimited = limiter(6)
  await spend(6, ask)
  await areLimited(ask)
  expectStatus(await list(key.call), 200)
  expectStatus(await list(person.call), 200)
})

test('an address has one limit for all callers and credentials', async (t) => {
  const server = await start(t, { RATE_LIMIT_ADDRESS: 5, TRUST_PROXY: '127.0.0.1' })
  const from = (forwarded: string, path = '/v1/auth/config', more = {}) =>
    server.call('GET', path, undefined, { 'x-forwarded-for': forwarded, ...more })
  const areLimited = limiter(5)
  await spend(2, () => from('203.0.113.1'))
  expectStatus(await from('203.0.113.1', '/v1/agents'), 401)
  expectStatus(await from('203.0.113.1', '/nowhere'), 404)
  // The client's own entry is on the left and is not trusted.
  expectStatus(await from('198.51.100.7, 203.0.113.1'), 200)
  await areLimited(() => from('203.0.113.1'))
  await areLimited(() => from('198.51.100.8, 203.0.113.1'))
  await areLimited(() => from('203.0.113.1', '/v1/agents', { authorization: 'nonsense' }))
  expectStatus(await from('203.0.113.2'), 200)
  const networkIsLimited = limiter(5)
  for (let host = 1; host <= 5; host++) expectStatus(await from(`2001:db8:0:1::${host}`), 200)
  await networkIsLimited(() => from('2001:db8:0:1:ffff::1'))
  expectStatus(await from('2001:db8:0:2::1'), 200)
})

test('the port that a proxy adds to an address is no part of it', async (t) => {
  const server = await start(t, { RATE_LIMIT_ADDRESS: 5, TRUST_PROXY: 'loopback' })
  const ask = (from: string) =>
    server.call('GET', '/v1/agents', undefined, { 'x-forwarded-for': from })
  async function expectShared(addresses: string[]) {
    const statuses = []
    for (const from of addresses) statuses.push((await ask(from)).status)
    assert.ok(statuses.includes(429), JSON.stringify(statuses))
  }
  const ports = Array.from({ length: 10 }, (_, number) => 50_000 + number)
  await expectShared(ports.map((port) => `203.0.113.7:${port}`))
  expectStatus(await ask('203.99.1.1:50000'), 401)
  await expectShared(ports.map((port) => `[2001:db8::7]:${port}`))
  expectStatus(await ask('[2001:db8:0:1::7]:50000'), 401)
  // Other texts count as the address of the proxy.
  await expectShared(ports.map((port) => `client-${port}:x`))

  const admin = { email: adminEmail, password: adminPassword }
  const from = { 'x-forwarded-for': '203.0.113.9:50000' }
  const { access_token } = expectStatus(
    await server.call('POST', '/v1/auth/login', admin, from),
    200,
  )
  const reader = { ...from, authorization: `Bearer ${access_token}` }
  const log = await server.call('GET', '/v1/audit-log?action=login', undefined, reader)
  assert.equal(expectStatus(log, 200).data[0].address, '203.0.113.9')
})

test('without TRUST_PROXY clients cannot choose the address that they are counted by', async (t) => {
  const server = await start(t, { RATE_LIMIT_ADDRESS: 5 })
  const from = (forwarded: string) =>
    server.call('GET', '/v1/auth/config', undefined, { 'x-forwarded-for': forwarded })
  const areLimited = limiter(5)
  for (let host = 1; host <= 5; host++) expectStatus(await from(`203.0.113.${host}`), 200)
  await areLimited(() => from('203.0.113.99'))
})

test('0 means no limit', async (t) => {
  const names = ['KEY', 'USER', 'ORG', 'ADDRESS']
  const server = await start(t, Object.fromEntries(names.map((one) => [`RATE_LIMIT_${one}`, 0])))
  const person = await registerPerson(server)
  const key = await createKey(server, person)
  await spend(30, () => list(key.call))
  await spend(30, () => list(person.call))
})

test('an empty bucket refills gradually', async (t) => {
  const server = await start(t, { RATE_LIMIT_KEY: 60 })
  const key = await createKey(server, await registerPerson(server))
  const begun = performance.now()
  const answers = await Promise.all(Array.from({ length: 90 }, () => list(key.call)))
  const refilledMax = Math.ceil((performance.now() - begun) / 1_000) + 4
  const admitted = answers.filter(({ status }) => status === 200).length
  assert.ok(admitted >= 60 && admitted <= 60 + refilledMax, String(admitted))
  await until(async () => {
    const { status } = await list(key.call)
    return status === 200
  })
  const limited = await until(async () => {
    const answer = await list(key.call)
    return answer.status === 200 ? undefined : answer
  })
  expectLimited(limited, 60)
})

test('nodes of one database share a bucket', async (t) => {
  const capacity = 300
  const one = await start(t, { RATE_LIMIT_KEY: capacity })
  const two = await start(t, { RATE_LIMIT_KEY: capacity }, one.databaseUrl)
  const person = await registerPerson(one)
  const key = await createKey(one, person)
  const ask = (server: typeof one) =>
    server.call('GET', '/v1/agents', undefined, { authorization: key.key })
  const begun = performance.now()
  const admitted = { one: 0, two: 0 }
  for (let open = [one, two]; open.length > 0; ) {
    for (const server of open) {
      const answer = await ask(server)
      if (answer.status === 429) open = open.filter((other) => other !== server)
      else admitted[server === one ? 'one' : 'two'] += 1
    }
  }
  const total = admitted.one + admitted.two
  const refilled = ((performance.now() - begun) / 60_000) * capacity
  // Separate buckets would admit twice as many. Counts in transit are the tolerance.
  const most = capacity * 1.5 + refilled
  assert.ok(total >= capacity * 0.95 && total < most, JSON.stringify({ ...admitted, most }))
})

test('requests admitted by one node count on another node that served none', async (t) => {
  const one = await start(t, { RATE_LIMIT_KEY: 10 })
  const two = await start(t, { RATE_LIMIT_KEY: 10 }, one.databaseUrl)
  const key = await createKey(one, await registerPerson(one))
  await spend(10, () => list(key.call))
  // Alone, the other node admits ten. Requests that it admits before it receives the count are a
  // debt, which lengthens the wait.
  for (let admitted = 0; ; admitted += 1) {
    assert.ok(admitted < 9, 'the other node does not have the count')
    const answer = await two.call('GET', '/v1/agents', undefined, { authorization: key.key })
    if (answer.status === 429) return
    expectStatus(answer, 200)
    await sleep(askPauseMs)
  }
})

/** Two nodes, one of which receives no hints and reads the table only. */
async function deafNode(t: TestContext) {
  const one = await start(t, {})
  const two = await start(t, {}, one.databaseUrl)
  const listening = `select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and query ilike 'listen%'`
  const deafen = () => runSql(one.databaseUrl, listening)
  await deafen()
  return { one, two, deafen }
}

test('a revoked credential is refused on another node within a second, with and without hints', async (t) => {
  const { one, two, deafen } = await deafNode(t)
  const owner = await registerPerson(one)
  const member = await addMember(one, owner, 'admin')
  const [key, membersKey] = [await createKey(one, owner), await createKey(one, member)]
  const elsewhere = (authorization: string, method = 'GET', body?: object) =>
    two.call(method, '/v1/agents', body, { authorization })
  const becomes = (status: number, ask: () => Promise<HttpAnswer>) =>
    until(async () => {
      const answer = await ask()
      if (answer.status !== status) await deafen()
      return answer.status === status ? answer : undefined
    })

  for (const good of [key.key, membersKey.key, member.bearer, owner.bearer]) {
    expectStatus(await elsewhere(good), 200)
  }
  await owner.call('DELETE', `/v1/auth/api-keys/${key.id}`)
  expectStatus(await becomes(401, () => elsewhere(key.key)), 401, 'invalid_api_key')

  const path = `/v1/orgs/${owner.orgId}/members/${member.id}`
  expectStatus(await owner.call('PATCH', path, { role: 'viewer' }), 200)
  const agent = { name: 'Ada', system_prompt: 'x' }
  for (const lessened of [membersKey.key, member.bearer]) {
    await becomes(403, () => elsewhere(lessened, 'POST', agent))
    expectStatus(await elsewhere(lessened), 200)
  }
  expectStatus(await owner.call('DELETE', path), 204)
  await becomes(401, () => elsewhere(membersKey.key))
  await becomes(401, () => elsewhere(member.bearer))

  expectStatus(await owner.call('POST', '/v1/auth/logout'), 200)
  expectStatus(await becomes(401, () => elsewhere(owner.bearer)), 401, 'invalid_token')
})

test('stores the last use of a key', async (t) => {
  const server = await start(t, {})
  const person = await registerPerson(server)
  const key = await createKey(server, person)
  const lastUse = async () => {
    const { data } = expectStatus(await person.call('GET', '/v1/auth/api-keys'), 200)
    return data.find(({ id }: { id: string }) => id === key.id).last_used_at as string | null
  }
  assert.equal(await lastUse(), null)
  const before = Date.now()
  await list(key.call)
  const used = await until(async () => (await lastUse()) ?? undefined)
  assert.ok(Date.parse(used) >= before - 1_000 && Date.parse(used) <= Date.now() + 1_000, used)
})

test('an invalid X-Forwarded-For has no effect', async (t) => {
  const server = await start(t, { RATE_LIMIT_ADDRESS: 100, TRUST_PROXY: 'loopback' })
  const login = { email: 'nobody@example.com', password: 'a wrong password' }
  for (const nonsense of [
    ',',
    ',,,',
    'unknown',
    '_hidden, x',
    '1.2.3',
    '[::1]:80',
    '::::',
    ':'.repeat(8_000),
  ]) {
    const headers = { 'x-forwarded-for': nonsense }
    expectStatus(await server.call('GET', '/v1/auth/config', undefined, headers), 200)
    const { status } = await server.call('POST', '/v1/auth/login', login, headers)
    assert.ok(status === 401 || status === 429, `${nonsense}: ${status}`)
  }
})

/** Requests from an address of the caller's choice, through a trusted proxy. */
const startBehindProxy = (t: TestContext) => start(t, { TRUST_PROXY: 'loopback' })
const from = (address: string) => ({ 'x-forwarded-for': address })

/** Of more attempts than the limit, some are refused; the number depends on their duration. */
function expectSomeLimited(answers: HttpAnswer[]) {
  // On a loaded machine, others may be refused because no database connection became free in time.
  const limited = answers.filter(({ body }) => body.code === 'too_many_attempts')
  assert.ok(limited.length > 0)
  for (const answer of limited) expectStatus(answer, 429, 'too_many_attempts')
}

test('sign-ups are counted by the /64 of an IPv6 address', async (t) => {
  const { call } = await startBehindProxy(t)
  const signUp = (number: number, address: string) => {
    const email = `prefix${number}@example.com`
    const body = { email, name: 'P', password: 'a long password' }
    return call('POST', '/v1/auth/register', body, from(address))
  }
  const answers = await Promise.all(
    Array.from({ length: 40 }, (_, n) =>
      signUp(n, n % 2 ? `2001:db8:7:7:${n}::1` : `2001:DB8:0007:7::${n + 1}`),
    ),
  )
  expectSomeLimited(answers)
  expectStatus(await signUp(42, '2001:db8:7:8::1'), 201)
})

test('sign-ins are counted by the /64 of an IPv6 address', async (t) => {
  const { call } = await startBehindProxy(t)
  const signIn = (number: number, address: string) => {
    const body = { email: `nobody${number}@example.com`, password: 'guess' }
    return call('POST', '/v1/auth/login', body, from(address))
  }
  const answers = await Promise.all(
    Array.from({ length: 110 }, (_, n) => signIn(n, `2001:db8:9:9::${n + 1}`)),
  )
  expectSomeLimited(answers)
  expectStatus(await signIn(111, '2001:db8:9:a::1'), 401, 'invalid_login')
})
