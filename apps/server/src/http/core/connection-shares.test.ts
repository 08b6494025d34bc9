import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { type TestContext, test } from 'node:test'
import { setImmediate, setTimeout } from 'node:timers/promises'
import {
  callerWith,
  createKey,
  expectStatus,
  registerPerson,
  startGuarded,
  untilStatus,
} from '../../../test/access.ts'
import { lockWaits, queryRows, runSql, untilLocked } from '../../../test/database.ts'
import { endless, hold, lockAgents } from '../../../test/locks.ts'
import { addVendorModel, startVendor, type VendorAnswer } from '../../../test/remotes/vendor.ts'
import { type HttpAnswer, startServer } from '../../../test/server.ts'
import { createAgent, createSession, post, scripted } from '../../../test/session.ts'
import { follow } from '../../../test/stream.ts'
import { eventually, patient } from '../../../test/waiting.ts'
import { databaseWaits } from '../../store/database.ts'

type Server = Awaited<ReturnType<typeof startGuarded>>
type Person = Awaited<ReturnType<typeof registerPerson>>
type Key = Awaited<ReturnType<typeof createKey>>

/** Connections of the pool: all, those for requests, and those for requests of one organization. */
const forAll = 9
const forRequests = 5
const forOne = 4

/** Requests give up a lock as soon as in the product. */
const shortLocks = { ...patient, lock: databaseWaits.lock }

/** A key that the node has looked up already. */
async function knownKey(server: Server, person: Person) {
  const known = await createKey(server, person)
  expectStatus(await known.call('GET', '/v1/agents'), 200)
  return known
}

/** A change, a read and a turn of another organization. */
async function useServer(t: TestContext, server: Server, { key, call }: Key) {
  const mine = { url: server.url, call }
  const { id } = await createSession(mine, { agent_id: (await createAgent(mine)).id })
  expectStatus(await call('GET', '/v1/agents'), 200)
  const headers = { authorization: key }
  const stream = await follow(t, server.url, { sessionId: id, headers })
  expectStatus(await post(mine, id, scripted({ text: 'Done.' })), 201)
  await stream.event('turn.completed')
}

/** Resolves when the server has taken a request and done all that it does before it waits. */
async function nextRequest() {
  const taken = Promise.withResolvers<void>()
  const listen = () => taken.resolve()
  subscribe('http.server.request.start', listen)
  await taken.promise
  unsubscribe('http.server.request.start', listen)
  for (let n = 0; n < 5; n += 1) await setImmediate()
}

/** Turns whose statements hold all connections and wait for a lock, with others behind them. */
async function blockTurns(t: TestContext) {
  const server = await startServer(t, { databaseWaits: endless })
  const replies = Promise.withResolvers<VendorAnswer>()
  const vendor = await startVendor(t, () => replies.promise)
  await addVendorModel(server, vendor)
  const agent_id = (await createAgent(server)).id
  const create = async () => (await createSession(server, { agent_id })).id
  const ids = await Promise.all(Array.from({ length: 2 * forAll }, create))
  const streams = await Promise.all(ids.map((sessionId) => follow(t, server.url, { sessionId })))
  for (const id of ids) expectStatus(await post(server, id, 'Hello'), 201)
  await eventually(async () => vendor.requests.length === ids.length)
  for (const stream of streams) await stream.event('reason.started')
  const letGo = await hold(t, server, 'lock table counters in exclusive mode')
  replies.resolve({ text: 'Hello.' })
  await untilLocked(server.databaseUrl, forAll)
  return {
    server,
    sessionId: ids[0]!,
    async freeOneConnection() {
      const [cancelled] = await queryRows(server.databaseUrl, cancelOneWaiting)
      assert.ok(cancelled)
    },
    async endTurns() {
      await letGo()
      for (const stream of streams) await stream.event('turn.completed')
    },
  }
}

test('a request is served before the statements of turns that wait for a connection', async (t) => {
  const { server, freeOneConnection, endTurns } = await blockTurns(t)
  const taken = nextRequest()
  const answer = server.call('GET', '/v1/agents')
  await taken
  await freeOneConnection()
  expectStatus(await answer, 200)
  await endTurns()
})

test('a stream begins before the statements of turns that wait for a connection', async (t) => {
  const { server, sessionId, freeOneConnection, endTurns } = await blockTurns(t)
  // Owners whose slot time differs by less than 250 ms count as equal: nine slots for 100 ms.
  await setTimeout(100)
  const taken = nextRequest()
  const following = follow(t, server.url, { sessionId })
  await taken
  await freeOneConnection()
  const stream = await following
  await freeOneConnection()
  await stream.event('reason.started')
  await endTurns()
})

const cancelOneWaiting = `
select pg_cancel_backend(pid) from pg_stat_activity
where wait_event_type = 'Lock' and datname = current_database() limit 1`

test('an organization whose requests wait for locks leaves connections to others', async (t) => {
  const server = await startGuarded(t)
  const [slow, other] = [await registerPerson(server), await registerPerson(server)]
  const key = await knownKey(server, other)
  const { letGo, changes } = await lockAgents(t, server, [slow])
  const answers = Array.from({ length: 8 }, () => changes[0]!())
  await untilLocked(server.databaseUrl, forOne)
  await useServer(t, server, key)
  await letGo()
  for (const { status } of await Promise.all(answers)) assert.ok([200, 429, 503].includes(status))
})

test('organizations whose requests wait for locks leave turns and other organizations their turn', async (t) => {
  // Behind all waiting changes, a request would wait longer for a connection: 96 / 5 s.
  const server = await startGuarded(t, { databaseWaits: { ...shortLocks, connection: 15_000 } })
  const people: Person[] = []
  while (people.length < 13) people.push(await registerPerson(server))
  const [other, ...slow] = people
  const key = await knownKey(server, other!)
  const { letGo, changes } = await lockAgents(t, server, slow)
  const refused = new Set<unknown>()
  let isOver = false
  const all = changes.flatMap((change) =>
    Array.from({ length: 8 }, async () => {
      while (!isOver) {
        const { status } = await change()
        assert.ok([200, 429, 503].includes(status))
        if (status === 503) refused.add(change)
      }
    }),
  )
  await eventually(async () => refused.size === slow.length)
  await untilLocked(server.databaseUrl, forRequests)
  await useServer(t, server, key)
  isOver = true
  await letGo()
  await Promise.all(all)
})

test('an organization whose reads are slow leaves connections to others', async (t) => {
  const server = await startGuarded(t)
  const [slow, other] = [await registerPerson(server), await registerPerson(server)]
  const path = `/v1/orgs/${slow.orgId}/invitations`
  const invited = { email: 'ada@example.com', role: 'member' }
  expectStatus(await slow.call('POST', path, invited), 201)
  const key = await knownKey(server, other)
  await runSql(server.databaseUrl, slowInvitations)
  const letGo = await hold(t, server, 'select pg_advisory_xact_lock(1)')
  const answers = Array.from({ length: 12 }, () => slow.call('GET', path))
  await untilLocked(server.databaseUrl, forOne)
  await useServer(t, server, key)
  await letGo()
  for (const { status } of await Promise.all(answers)) assert.ok([200, 429, 503].includes(status))
})

test('an organization near its quota leaves connections to others', async (t) => {
  const server = await startGuarded(t, { env: { QUOTA_STORAGE_MB: '1' } })
  const [full, other] = [await registerPerson(server), await registerPerson(server)]
  const key = await knownKey(server, other)
  const mine = { url: server.url, call: full.call }
  const { id } = await createSession(mine)
  await createAgent(mine, { system_prompt: 'x'.repeat(1_000_000) })
  await runSql(server.databaseUrl, slowAgentsOf(full.orgId))
  const letGo = await hold(t, server, 'select pg_advisory_xact_lock(1)')
  const answers = Array.from({ length: 16 }, () => post(mine, id, 'Full?'))
  await untilLocked(server.databaseUrl, forOne)
  await useServer(t, server, key)
  await letGo()
  for (const { status } of await Promise.all(answers)) {
    assert.ok([201, 403, 429, 503].includes(status), String(status))
  }
})

/** Reading an agent of an organization waits for a lock from now on. */
const slowAgentsOf = (orgId: string) => `
alter table agents rename to stored_agents;
create view agents as
select *, xmax from stored_agents where org_id <> '${orgId}' or pg_advisory_xact_lock_shared(1) is not null`

const unknownKey = (number: number) => `evr_${String(number).padStart(64, '0')}`

type Flood = { table: string; ask: (server: Server, number: number) => Promise<HttpAnswer> }

/** Unauthenticated callers send many requests that read a locked table. */
async function flood(t: TestContext, { table, ask }: Flood) {
  const server = await startGuarded(t)
  const key = await knownKey(server, await registerPerson(server))
  const letGo = await hold(t, server, `lock table ${table} in access exclusive mode`)
  const answers = Array.from({ length: 16 }, (_, number) => ask(server, number))
  await untilLocked(server.databaseUrl, forOne)
  await useServer(t, server, key)
  await letGo()
  for (const { status } of await Promise.all(answers)) {
    assert.ok([201, 401, 429, 503].includes(status), String(status))
  }
}

test('a slow check for revocations makes no node look up a known key again', async (t) => {
  const server = await startGuarded(t)
  const key = await knownKey(server, await registerPerson(server))
  const check = await hold(t, server, 'lock table access_revision in access exclusive mode')
  const keys = await hold(t, server, 'lock table api_keys in access exclusive mode')
  // Longer than a node trusts its caches: before the check, and while it waits.
  await setTimeout(500)
  const answer = key.call('GET', '/v1/agents')
  await untilLocked(server.databaseUrl, 1)
  await setTimeout(500)
  await check()
  expectStatus(await answer, 200)
  await keys()
})

test('a flood of unknown API keys leaves connections to known callers and turns', (t) =>
  flood(t, {
    table: 'api_keys',
    ask: ({ url }, number) => callerWith(url, unknownKey(number))('GET', '/v1/agents'),
  }))

test('a flood of sign-ins leaves connections to known callers and turns', (t) =>
  flood(t, {
    table: 'users',
    ask({ call }, number) {
      const login = { email: `nobody${number}@example.com`, password: 'wrong' }
      return call('POST', '/v1/auth/login', login)
    },
  }))

test('a flood of registrations leaves connections to known callers and turns', (t) =>
  flood(t, {
    table: 'users',
    ask({ call }, number) {
      const email = `new${number}@example.com`
      return call('POST', '/v1/auth/register', { email, password: 'a long password', name: 'New' })
    },
  }))

/** Sign-ins that wait until the result is called. */
async function floodSignIns(t: TestContext, server: Server) {
  const letGo = await hold(t, server, 'lock table rate_limits in access exclusive mode')
  const login = { email: 'nobody@example.com', password: 'wrong' }
  const answers = Array.from({ length: 16 }, () => server.call('POST', '/v1/auth/login', login))
  await untilLocked(server.databaseUrl, forOne)
  return async () => {
    await letGo()
    for (const { status } of await Promise.all(answers)) {
      assert.ok([401, 429, 503].includes(status), String(status))
    }
  }
}

test('a flood of sign-ins leaves connections to callers that were cached before an organization was deleted', async (t) => {
  const server = await startGuarded(t)
  const [deleting, other] = [await registerPerson(server), await registerPerson(server)]
  const key = await knownKey(server, other)
  const end = await floodSignIns(t, server)
  const { call, orgId } = deleting
  expectStatus(await call('DELETE', `/v1/orgs/${orgId}`), 204)
  const read = () => call('GET', '/v1/agents', undefined, { 'x-org-id': orgId })
  await untilStatus(read, 404)
  await useServer(t, server, key)
  await end()
})

test('a flood of sign-ins leaves connections for refreshes and sign-outs', async (t) => {
  const server = await startGuarded(t)
  const { tokens } = await registerPerson(server)
  const end = await floodSignIns(t, server)
  const { refresh_token } = tokens
  const renewed = await server.call('POST', '/v1/auth/refresh', { refresh_token })
  const { access_token } = expectStatus(renewed, 200)
  const renewing = callerWith(server.url, `Bearer ${access_token}`)
  expectStatus(await renewing('POST', '/v1/auth/logout'), 200)
  await untilStatus(() => renewing('GET', '/v1/auth/me'), 401)
  await end()
})

test('requests that wait for their Idempotency-Key leave connections to others of their organization', async (t) => {
  const server = await startGuarded(t, { databaseWaits: shortLocks })
  const { call } = await registerPerson(server)
  const create = (number: number) =>
    call(
      'POST',
      '/v1/agents',
      { name: 'Ada', system_prompt: 'Be Ada.' },
      { 'idempotency-key': `key-${number}` },
    )
  const first: string[] = []
  while (first.length < forOne) first.push(expectStatus(await create(first.length), 201).id)
  const repeated = await eventually(async () => {
    const letGo = await hold(t, server, 'select from idempotency_keys for update')
    let isOver = false
    const repeating = Promise.all(first.map((_, number) => create(number))).finally(() => {
      isOver = true
    })
    await eventually(async () => isOver || (await lockWaits(server.databaseUrl)) >= forOne)
    expectStatus(await call('GET', '/v1/agents'), 200)
    await letGo()
    const answers = await repeating
    // A request gives up after 5 s, which a loaded machine may need.
    return answers.some(({ status }) => status === 409) ? undefined : answers
  })
  assert.deepEqual(
    repeated.map(({ status, body }) => [status, body.id]),
    first.map((id) => [201, id]),
  )
})

test('no change of a password waits for a connection while it holds one', async (t) => {
  const server = await startGuarded(t)
  const { call, password } = await registerPerson(server)
  const change = { current_password: password, new_password: `${password}, changed` }
  const answers = Array.from({ length: 8 }, () => call('POST', '/v1/auth/password', change))
  const statuses = new Set((await Promise.all(answers)).map(({ status }) => status))
  assert.ok(statuses.delete(204))
  statuses.delete(401)
  assert.deepEqual([...statuses], [])
})

/** Reading an invitation waits for a lock from now on. */
const slowInvitations = `
alter table invitations rename to stored_invitations;
create view invitations as
select * from stored_invitations where pg_advisory_xact_lock_shared(1) is not null`
