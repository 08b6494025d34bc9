import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Budget } from '@outlast/contract'
import {
  addMember,
  callerWith,
  createKey,
  expectStatus,
  registerPerson,
  startGuarded,
} from '../../../../test/access.ts'
import { whenParked } from '../../../../test/budgets.ts'
import { openChannel } from '../../../../test/channel.ts'
import { runSql } from '../../../../test/database.ts'
import { type Call, startServer } from '../../../../test/server.ts'
import { createAgent, createSession, post } from '../../../../test/session.ts'
import { follow } from '../../../../test/stream.ts'
import { eventually } from '../../../../test/waiting.ts'

type Client = { call: Call }

async function create({ call }: Client, subject_type: string, subject_id: string, fields = {}) {
  const body = { subject_type, subject_id, currency: 'usd', limit: 10, ...fields }
  return expectStatus(await call('POST', '/v1/budgets', body), 201) as Budget
}

const read = async ({ call }: Client, sessionId: string, what = 'budgets') =>
  expectStatus(await call('GET', `/v1/sessions/${sessionId}/${what}`), 200)

const idsOf = (budgets: Budget[]) => budgets.map(({ id }) => id).sort()

test('every budget that applies to a session is listed, and no other one', async (t) => {
  const server = await startServer(t)
  const agent = await createAgent(server)
  const other = await createAgent(server, { name: 'Other' })
  const session = await createSession(server, { agent_id: agent.id, user: 'ada' })
  const binding = [
    await create(server, 'organization', session.organization_id),
    await create(server, 'agent', agent.id),
    await create(server, 'session', session.id),
    await create(server, 'end_user', 'ada'),
    await create(server, 'agent', agent.id, { currency: 'tokens', limit: 1_000 }),
  ]
  await create(server, 'agent', other.id)
  await create(server, 'end_user', 'Ada')
  const deleted = await create(server, 'session', session.id)
  expectStatus(await server.call('DELETE', `/v1/budgets/${deleted.id}`), 204)
  assert.deepEqual(idsOf(await read(server, session.id)), idsOf(binding))
})

test('a session of a channel has the budgets of the channel, and none of an end user', async (t) => {
  const server = await startServer(t)
  const channel = await openChannel(server)
  const { id } = await create(server, 'agent_channel', channel.id)
  await create(server, 'end_user', 'ada')
  for (const caller of [channel, channel.as('ada')]) {
    assert.deepEqual(idsOf(await read(server, await caller.create())), [id])
  }
})

test('the budgets of a session move to the session that takes its place', async (t) => {
  const server = await startServer(t)
  const { id } = await createSession(server, { key: 'chat' })
  const own = [await create(server, 'session', id), await create(server, 'session', id)]
  const deleted = await create(server, 'session', id)
  expectStatus(await server.call('DELETE', `/v1/budgets/${deleted.id}`), 204)
  await create(server, 'session', (await createSession(server)).id)
  const message = expectStatus(await post(server, id, 'Hello'), 201)
  const status = async () => (await server.call('GET', `/v1/sessions/${id}`)).body.status
  await eventually(async () => (await status()) === 'idle')
  const fork = (body: object) => server.call('POST', `/v1/sessions/${id}/fork`, body)
  const copy = expectStatus(await fork({}), 201)
  assert.deepEqual(await read(server, copy.id), [])
  const path = `/v1/sessions/${id}/retake`
  const retaken = expectStatus(await server.call('POST', path, { message_id: message.id }), 201)
  const next = retaken.session.id
  assert.deepEqual(await read(server, id), [])
  const moved = await read(server, next)
  assert.deepEqual(idsOf(moved), idsOf(own))
  assert.deepEqual([...new Set(moved.map((one: Budget) => one.subject_id))], [next])
  const forking = server.call('POST', `/v1/sessions/${next}/fork`, { take_key: true })
  const last = expectStatus(await forking, 201)
  assert.deepEqual(idsOf(await read(server, last.id)), idsOf(own))
  expectStatus(await server.call('DELETE', `/v1/sessions/${next}`), 204)
  assert.deepEqual(idsOf(await read(server, last.id)), idsOf(own))
  const { subject_id } = expectStatus(await server.call('GET', `/v1/budgets/${deleted.id}`), 200)
  assert.equal(subject_id, last.id)
})

test('a turn continues when the budget that it waits for moves to another session', async (t) => {
  const server = await startServer(t)
  const { id } = await createSession(server, { key: 'chat' })
  const budget = await create(server, 'session', id, { currency: 'tokens', limit: 1 })
  const stream = await follow(t, server.url, { sessionId: id })
  expectStatus(await post(server, id, 'Hello'), 201)
  assert.equal((await whenParked(server, id)).budget_id, budget.id)
  const forking = server.call('POST', `/v1/sessions/${id}/fork`, { take_key: true })
  const fork = expectStatus(await forking, 201)
  await stream.event('session.idled')
  assert.equal(stream.events.filter(({ type }) => type === 'turn.completed').length, 1)
  assert.deepEqual(idsOf(await read(server, fork.id)), [budget.id])
})

test('the check of a session is that of its most restrictive budget', async (t) => {
  const server = await startServer(t)
  const session = await createSession(server)
  const check = () => read(server, session.id, 'budget-check')
  const none = { budget_id: null, balance: null, currency: null }
  const quiet = { message: null, error_code: null, error_fields: null }
  assert.deepEqual(await check(), { action: 'continue', ...none, ...quiet })
  const large = await create(server, 'organization', session.organization_id)
  const small = await create(server, 'agent', session.agent_id)
  const uses = (id: string, amount: number) =>
    runSql(server.databaseUrl, `update budgets set used = ${amount} where id = '${id}'`)
  await uses(small.id, 1)
  assert.deepEqual([(await check()).budget_id, (await check()).action], [small.id, 'continue'])
  await uses(large.id, 9)
  assert.deepEqual([(await check()).budget_id, (await check()).action], [large.id, 'warn'])
  await uses(small.id, 10)
  const { budget_id, action, error_code } = await check()
  assert.deepEqual([budget_id, action, error_code], [small.id, 'stop', 'budget_exhausted'])
})

test('resuming a session makes its paused budgets active, and leaves exhausted ones', async (t) => {
  const server = await startServer(t)
  const session = await createSession(server)
  const paused = await create(server, 'agent', session.agent_id)
  const exhausted = await create(server, 'session', session.id)
  const elsewhere = await create(server, 'end_user', 'ada')
  const set = (id: string, status: string, used: number) =>
    runSql(
      server.databaseUrl,
      `update budgets set status = '${status}', used = ${used} where id = '${id}'`,
    )
  await set(paused.id, 'paused', 1)
  await set(exhausted.id, 'exhausted', 10)
  await set(elsewhere.id, 'paused', 1)
  const resume = () => server.call('POST', `/v1/sessions/${session.id}/resume`, {})
  const first = expectStatus(await resume(), 200)
  assert.deepEqual(first, { session_id: session.id, resumed_budgets: 1 })
  assert.equal(expectStatus(await resume(), 200).resumed_budgets, 0)
  const statusOf = async (id: string) => (await server.call('GET', `/v1/budgets/${id}`)).body.status
  assert.deepEqual(
    [await statusOf(paused.id), await statusOf(exhausted.id), await statusOf(elsewhere.id)],
    ['active', 'exhausted', 'paused'],
  )
})

test('a turn that waits continues after a top-up, a higher limit, a resume and a deletion', async (t) => {
  const server = await startServer(t)
  const session = await createSession(server)
  const { id } = await create(server, 'session', session.id, { currency: 'tokens' })
  const path = `/v1/budgets/${id}`
  const stream = await follow(t, server.url, { sessionId: session.id })
  const waits = async (status: string) => {
    expectStatus(await post(server, session.id, 'Hello'), 201)
    await eventually(async () => {
      const { body } = await server.call('GET', `/v1/sessions/${session.id}`)
      return body.waiting_for?.budget_id === id
    })
    const check = await read(server, session.id, 'budget-check')
    assert.deepEqual([check.action, check.budget_id], [status, id])
  }
  const ended = (count: number) => stream.event('session.idled', count)
  const empty = () =>
    runSql(server.databaseUrl, 'update budgets set credits = 0, limit_amount = 10')

  await waits('stop')
  expectStatus(await server.call('POST', `${path}/top-up`, { amount: 1_000_000 }), 200)
  await ended(1)
  await empty()
  await waits('stop')
  expectStatus(await server.call('PATCH', path, { limit: 2_000_000 }), 200)
  await ended(2)
  expectStatus(await server.call('PATCH', path, { status: 'paused' }), 200)
  await waits('pause')
  const resumed = await server.call('POST', `/v1/sessions/${session.id}/resume`, {})
  assert.equal(expectStatus(resumed, 200).resumed_budgets, 1)
  await ended(3)
  await empty()
  await waits('stop')
  expectStatus(await server.call('DELETE', path), 204)
  await ended(4)
})

test('members read budgets, and only administrators change or resume them', async (t) => {
  const server = await startGuarded(t)
  const owner = await registerPerson(server)
  const session = await createSession({ url: server.url, call: owner.call })
  const { id } = await create(owner, 'session', session.id)
  const body = { subject_type: 'session', subject_id: session.id, currency: 'usd', limit: 1 }
  const changes = [
    ['POST', '/v1/budgets', body],
    ['PATCH', `/v1/budgets/${id}`, { limit: 1_000 }],
    ['POST', `/v1/budgets/${id}/top-up`, { amount: 1 }],
    ['DELETE', `/v1/budgets/${id}`, undefined],
    ['POST', `/v1/sessions/${session.id}/resume`, {}],
  ] as const
  for (const role of ['member', 'viewer']) {
    const { call } = await addMember(server, owner, role)
    assert.deepEqual(idsOf(await read({ call }, session.id)), [id])
    for (const [method, path, sent] of changes) {
      expectStatus(await call(method, path, sent), 403, 'forbidden')
    }
  }
  const admin = await addMember(server, owner, 'admin')
  expectStatus(await admin.call('POST', `/v1/budgets/${id}/top-up`, { amount: 1 }), 200)
  expectStatus(await admin.call('POST', `/v1/sessions/${session.id}/resume`, {}), 200)
})

/** A session of the end user `ada` with a budget of each kind, and its tokens. */
async function tokensOf(t: TestContext) {
  const server = await startGuarded(t)
  const owner = await registerPerson(server)
  const { call } = await createKey(server, owner)
  const session = await createSession({ url: server.url, call }, { user: 'ada' })
  const metadata = { note: 'internal' }
  const ofSession = await create(owner, 'session', session.id, { metadata })
  const ofUser = await create(owner, 'end_user', 'ada')
  const secret = await create(owner, 'organization', owner.orgId, { limit: 77_777 })
  const made = async (path: string, body: object) => {
    const { token } = expectStatus(await call('POST', path, body), 201)
    return callerWith(server.url, `Bearer ${token}`)
  }
  const path = `/v1/sessions/${session.id}/tokens`
  return {
    server,
    session,
    budgets: { ofSession, ofUser, secret },
    sessionToken: await made(path, { access: 'approve', view: 'full' }),
    userToken: await made('/v1/tokens', { user: 'ada', access: 'approve', view: 'full' }),
    otherToken: await made('/v1/tokens', { user: 'eve', access: 'approve', view: 'full' }),
  }
}

test('a token reads the budgets of its session and its end user, and changes none', async (t) => {
  const { session, budgets, sessionToken, userToken, otherToken } = await tokensOf(t)
  const { ofSession, ofUser } = budgets
  const ids = async (call: Call) => idsOf(await read({ call }, session.id))
  const [shown] = await read({ call: sessionToken }, session.id)
  assert.deepEqual(shown, { ...ofSession, metadata: null })
  assert.deepEqual(await ids(sessionToken), [ofSession.id])
  assert.deepEqual(await ids(userToken), [ofSession.id, ofUser.id].sort())
  const path = `/v1/sessions/${session.id}`
  for (const what of ['budgets', 'budget-check']) {
    expectStatus(await otherToken('GET', `${path}/${what}`), 404, 'not_found')
  }
  for (const call of [sessionToken, userToken]) {
    for (const [method, at, body] of [
      ['POST', `${path}/resume`, {}],
      ['GET', '/v1/budgets', undefined],
      ['GET', `/v1/budgets/${ofSession.id}`, undefined],
      ['GET', `/v1/budgets/${ofSession.id}/ledger`, undefined],
      ['POST', `/v1/budgets/${ofSession.id}/top-up`, { amount: 1 }],
      ['PATCH', `/v1/budgets/${ofSession.id}`, { limit: 1_000 }],
      ['DELETE', `/v1/budgets/${ofSession.id}`, undefined],
      ['GET', '/v1/usage', undefined],
    ] as const) {
      expectStatus(await call(method, at, body), 403, 'users_only')
    }
  }
})

test('a token sees that a budget of the organization stops its calls, and no amount', async (t) => {
  const { server, session, budgets, sessionToken, userToken } = await tokensOf(t)
  await runSql(
    server.databaseUrl,
    `update budgets set used = 77777, status = 'exhausted' where id = '${budgets.secret.id}'`,
  )
  for (const call of [sessionToken, userToken]) {
    assert.deepEqual(await read({ call }, session.id, 'budget-check'), {
      action: 'stop',
      budget_id: null,
      balance: null,
      currency: null,
      message: 'A budget does not allow model calls now.',
      error_code: 'budget_exhausted',
      error_fields: null,
    })
  }
})
