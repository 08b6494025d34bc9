/** Tokens of end users: one user's sessions of some agents, and nothing else. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Session } from '@outlast/contract'
import {
  callerWith,
  createKey,
  expectStatus,
  registerPerson,
  startGuarded,
  untilStatus,
} from '../../../../test/access.ts'
import type { Call } from '../../../../test/server.ts'
import { createAgent, createSession, post, scripted } from '../../../../test/session.ts'
import { follow, framesOf } from '../../../../test/stream.ts'
import { eventually } from '../../../../test/waiting.ts'

async function startProduct(t: TestContext, env: Record<string, string> = {}) {
  const server = await startGuarded(t, { env })
  const person = await registerPerson(server)
  const key = await createKey(server, person)
  const mine = { url: server.url, call: key.call }
  const agent = await createAgent(mine)
  return { server, person, key, mine, agent, ...tokensOf(mine) }
}

/** Makes tokens of end users, and callers that have one. */
function tokensOf({ url, call }: { url: string; call: Call }) {
  const make = async (user: string, more: object = {}) =>
    expectStatus(await call('POST', '/v1/tokens', { user, access: 'write', ...more }), 201)
  const as = async (user: string, more: object = {}) => {
    const { token } = await make(user, more)
    return { token: token as string, url, call: callerWith(url, `Bearer ${token}`) }
  }
  return { make, as }
}

const idsOf = (answer: { data: Session[] }) => answer.data.map(({ id }) => id)

test('an end user creates sessions, lists them and talks in them, and another user finds none', async (t) => {
  const { server, agent, as, mine } = await startProduct(t)
  const [ada, bob] = [await as('ada'), await as('bob')]
  const made = await createSession(ada, { agent_id: agent.id, title: 'Order 7' })
  assert.equal(made.user, 'ada')
  const ofBob = await createSession(bob, { agent_id: agent.id })
  const ofNobody = await createSession(mine, { agent_id: agent.id })
  assert.equal(ofNobody.user, null)
  const stream = await follow(t, server.url, {
    sessionId: made.id,
    query: `?access_token=${ada.token}`,
  })
  expectStatus(await post(ada, made.id, 'Hello'), 201)
  await stream.event('session.idled')
  for (const [who, own] of [
    [ada, made],
    [bob, ofBob],
  ] as const) {
    const page = expectStatus(await who.call('GET', '/v1/sessions'), 200)
    assert.deepEqual([idsOf(page), page.total], [[own.id], 1])
  }
  for (const { id } of [ofBob, ofNobody]) {
    for (const path of ['', '/messages', '/events', '/why', '/sse']) {
      expectStatus(await ada.call('GET', `/v1/sessions/${id}${path}`), 404, 'not_found')
    }
    expectStatus(await post(ada, id, 'Hello'), 404, 'not_found')
    expectStatus(await ada.call('POST', `/v1/sessions/${id}/cancel`), 404, 'not_found')
  }
  const search = expectStatus(await bob.call('GET', '/v1/sessions?search=Order'), 200)
  assert.deepEqual([search.data, search.total], [[], 0])
  const named = expectStatus(await bob.call('GET', '/v1/sessions?user=ada'), 200)
  assert.deepEqual(named.data, [])
  const filtered = expectStatus(await mine.call('GET', '/v1/sessions?user=ada'), 200)
  assert.deepEqual(idsOf(filtered), [made.id])
})

test('a token of an end user creates sessions only of its user, its agents and its models', async (t) => {
  const { agent, mine, as } = await startProduct(t)
  const other = await createAgent(mine)
  const ada = await as('ada', { agent_ids: [agent.id] })
  const create = (body: object) => ada.call('POST', '/v1/sessions', body)
  expectStatus(await create({ agent_id: agent.id, user: 'ada' }), 201)
  const model_id = `model_${'0'.repeat(32)}`
  for (const refused of [
    { agent_id: agent.id, user: 'bob' },
    { agent_id: other.id },
    { agent_id: agent.id, model_id },
    { agent_id: agent.id, tags: ['x'] },
    { agent_id: agent.id, tools: [] },
    { agent_id: agent.id, capabilities: [] },
  ]) {
    expectStatus(await create(refused), 403, 'not_granted')
  }
  const hidden = await createSession(mine, { agent_id: other.id, user: 'ada' })
  const page = expectStatus(await ada.call('GET', '/v1/sessions'), 200)
  assert.deepEqual([page.total, page.data[0].agent_id], [1, agent.id])
  expectStatus(await ada.call('GET', `/v1/sessions/${hidden.id}`), 404, 'not_found')
})

test('user ids that only look equal are different users', async (t) => {
  const { mine, agent, as, key } = await startProduct(t)
  const names = [
    'Ada',
    'ada',
    'Z\u00fc',
    'Zu\u0308',
    '\ufb01',
    'fi',
    'a\u200bb',
    'ab',
    '..',
    '.',
    'a/b',
    '%2e',
  ]
  for (const user of names) await createSession(mine, { agent_id: agent.id, user })
  for (const user of names) {
    const token = await as(user)
    const page = expectStatus(await token.call('GET', '/v1/sessions'), 200)
    assert.deepEqual(
      page.data.map((one: Session) => one.user),
      [user],
    )
    const query = `?user=${encodeURIComponent(user)}`
    assert.equal(expectStatus(await mine.call('GET', `/v1/sessions${query}`), 200).total, 1)
  }
  const unusable = [
    '',
    ' ada',
    'ada ',
    'ada\u00a0',
    'a\u0000b',
    'a\nb',
    'x'.repeat(257),
    'a\ud800',
    7,
    {},
  ]
  for (const user of unusable) {
    const session = await key.call('POST', '/v1/sessions', { agent_id: agent.id, user })
    expectStatus(session, 400, 'invalid_request')
    expectStatus(await key.call('POST', '/v1/tokens', { user }), 400, 'invalid_request')
  }
})

test('refuses tokens that cannot be, and rights that the caller does not have', async (t) => {
  const { server, agent, person } = await startProduct(t)
  const stranger = await registerPerson(server)
  const reader = await createKey(server, person, { scopes: ['read'] })
  const make = (call: Call, body: object) => call('POST', '/v1/tokens', { user: 'ada', ...body })
  for (const body of [
    { access: 'admin' },
    { expires_in: 0 },
    { expires_in: 86_401 },
    { agent_ids: [] },
    { operations: ['create_api_key'] },
    { operations: ['no_such_operation'] },
    { files: 'write' },
    { models: [`model_${'0'.repeat(32)}`], access: 'write' },
  ]) {
    const { status } = await make(person.call, body)
    assert.equal(status, 400, JSON.stringify(body))
  }
  expectStatus(await make(stranger.call, { agent_ids: [agent.id] }), 404, 'not_found')
  const missing = [agent.id, `agent_${'0'.repeat(32)}`]
  expectStatus(await make(person.call, { agent_ids: missing }), 404, 'not_found')
  expectStatus(await make(person.call, { agent_ids: [agent.id] }), 201)
  for (const access of ['write', 'approve']) {
    expectStatus(await make(reader.call, { access }), 403, 'forbidden')
  }
  expectStatus(await make(reader.call, {}), 201)
})

test('a token makes no tokens, and another organization does not know its user', async (t) => {
  const { server, agent, as, mine } = await startProduct(t)
  const ada = await as('ada', { access: 'approve' })
  const { id } = await createSession(ada, { agent_id: agent.id })
  for (const [method, path] of [
    ['POST', '/v1/tokens'],
    ['POST', `/v1/sessions/${id}/tokens`],
    ['GET', '/v1/tokens'],
    ['GET', `/v1/sessions/${id}/export`],
    ['GET', `/v1/sessions/${id}/preview`],
    ['GET', '/v1/changes'],
    ['GET', '/v1/agents'],
    ['POST', '/v1/auth/api-keys'],
  ] as const) {
    const body = method === 'POST' ? { user: 'ada', name: 'X', access: 'approve' } : undefined
    expectStatus(await ada.call(method, path, body), 403, 'users_only')
  }
  const foreign = await registerPerson(server)
  const same = await tokensOf({ url: server.url, call: foreign.call }).as('ada')
  assert.equal(expectStatus(await same.call('GET', '/v1/sessions'), 200).total, 0)
  expectStatus(await same.call('GET', `/v1/sessions/${id}`), 404, 'not_found')
  assert.equal(expectStatus(await mine.call('GET', '/v1/tokens?user=ada'), 200).total, 1)
  assert.equal(expectStatus(await foreign.call('GET', '/v1/tokens'), 200).total, 1)
})

test('operations of a token narrow what it may do, and open what it must name', async (t) => {
  const { agent, as, mine } = await startProduct(t)
  const listing = await as('ada', { operations: ['list_sessions'] })
  const { id } = await createSession(mine, { agent_id: agent.id, user: 'ada' })
  expectStatus(await listing.call('GET', '/v1/sessions'), 200)
  expectStatus(await listing.call('GET', `/v1/sessions/${id}`), 403, 'not_granted')
  expectStatus(await post(listing, id, 'Hello'), 403, 'not_granted')
  const plain = await as('ada')
  const named = await as('ada', { operations: ['update_session', 'delete_session'] })
  const rename = { title: 'Mine' }
  expectStatus(await plain.call('PATCH', `/v1/sessions/${id}`, rename), 403, 'not_granted')
  expectStatus(await plain.call('DELETE', `/v1/sessions/${id}`), 403, 'not_granted')
  expectStatus(await named.call('PATCH', `/v1/sessions/${id}`, { tags: ['x'] }), 403, 'not_granted')
  expectStatus(await named.call('PATCH', `/v1/sessions/${id}`, { legal_hold: true }), 403)
  expectStatus(await named.call('PATCH', `/v1/sessions/${id}`, rename), 200)
  expectStatus(await named.call('DELETE', `/v1/sessions/${id}`), 204)
  expectStatus(await mine.call('GET', `/v1/sessions/${id}`), 404, 'not_found')
})

test('lists tokens of end users and revokes one, on every node within a second, also for its stream', async (t) => {
  const { server, agent, make, mine, person, key } = await startProduct(t)
  const other = await startGuarded(t, { databaseUrl: server.databaseUrl })
  const [kept, ended] = [await make('ada'), await make('ada', { files: 'read' })]
  await make('bob')
  const callsOf = ({ token }: { token: string }) =>
    [server, other].map(({ url }) => callerWith(url, `Bearer ${token}`))
  const session = await createSession(mine, { agent_id: agent.id, user: 'ada' })
  const path = `/v1/sessions/${session.id}`
  for (const call of [...callsOf(kept), ...callsOf(ended)])
    expectStatus(await call('GET', path), 200)
  const stream = await fetch(`${other.url}${path}/sse?access_token=${ended.token}`)
  assert.equal(stream.status, 200)
  const listed = expectStatus(await key.call('GET', '/v1/tokens?user=ada'), 200)
  const { token, ...info } = ended
  assert.deepEqual(listed.data[0], { ...info, user_id: person.id, key_id: key.id })
  assert.deepEqual(
    listed.data.map(({ id }: { id: string }) => id),
    [ended.id, kept.id],
  )
  assert.ok(!JSON.stringify(listed).includes(token))
  expectStatus(await key.call('DELETE', `/v1/tokens/${ended.id}`), 204)
  for (const call of callsOf(ended)) await untilStatus(() => call('GET', path), 401)
  const frames = []
  for await (const frame of framesOf(stream)) frames.push(frame)
  assert.equal(JSON.parse(frames.at(-1)!.data!).reason, 'access_ended')
  for (const call of callsOf(kept)) expectStatus(await call('GET', path), 200)
  expectStatus(await key.call('DELETE', `/v1/tokens/${ended.id}`), 404, 'not_found')
  expectStatus(await person.call('DELETE', `/v1/auth/api-keys/${key.id}`), 204)
  for (const call of callsOf(kept)) await untilStatus(() => call('GET', path), 401)
})

test('a token of an end user expires', async (t) => {
  const { as } = await startProduct(t)
  const ada = await as('ada', { expires_in: 1 })
  await untilStatus(() => ada.call('GET', '/v1/sessions'), 401)
})

test('tokens of one user share Idempotency-Keys, and those of two users do not', async (t) => {
  const { agent, as } = await startProduct(t)
  const [ada, renewed, bob] = [await as('ada'), await as('ada'), await as('bob')]
  const headers = { 'idempotency-key': 'chat-1' }
  const create = async ({ call }: { call: Call }) =>
    expectStatus(await call('POST', '/v1/sessions', { agent_id: agent.id }, headers), 201)
  const [first, again, ofBob] = [await create(ada), await create(renewed), await create(bob)]
  assert.equal(again.id, first.id)
  assert.deepEqual([ofBob.user, ofBob.id === first.id], ['bob', false])
})

test('limits requests and streams of an end user across all of their tokens', async (t) => {
  const { server, agent, as, mine } = await startProduct(t, {
    RATE_LIMIT_USER: '40',
    STREAMS_PER_CREDENTIAL: '1',
  })
  const [ada, second, bob] = [await as('ada'), await as('ada'), await as('bob')]
  const { id } = await createSession(mine, { agent_id: agent.id, user: 'ada' })
  const url = (token: string) => `${server.url}/v1/sessions/${id}/sse?access_token=${token}`
  const open = await fetch(url(ada.token))
  assert.equal(open.status, 200)
  const more = await fetch(url(second.token))
  assert.equal(more.status, 429)
  await more.body?.cancel()
  let refused = 0
  for (let n = 0; n < 120 && refused === 0; n++) {
    const { call } = n % 2 === 0 ? ada : second
    if ((await call('GET', '/v1/sessions')).status === 429) refused = n
  }
  assert.ok(refused > 0, 'both tokens together are limited')
  expectStatus(await bob.call('GET', '/v1/sessions'), 200)
  await open.body?.cancel()
})

test('an end user runs as many turns and opens as many streams as one user may', async (t) => {
  const { server, agent, as, mine, key } = await startProduct(t, {
    TURNS_PER_END_USER: '2',
    STREAMS_PER_END_USER: '2',
    SIMULATED_SCRIPTS: 'true',
  })
  const [ada, second, bob] = [await as('ada'), await as('ada'), await as('bob')]
  const of = (user: string) => createSession(mine, { agent_id: agent.id, user })
  const [one, two, three] = [await of('ada'), await of('ada'), await of('ada')]
  const slow = scripted({ text: 'Slow', delay_ms: 600_000 })
  for (const { id } of [one, two]) expectStatus(await post(mine, id, slow), 201)
  expectStatus(await post(ada, three.id, 'Now?'), 429, 'too_many_turns')
  expectStatus(await post(second, three.id, 'Now?'), 429, 'too_many_turns')
  expectStatus(await post(ada, one.id, 'More for the turn that runs'), 201)
  expectStatus(await post(bob, (await of('bob')).id, 'Hello'), 201)
  expectStatus(await post(mine, three.id, slow), 201)
  const open = (credential: string) =>
    fetch(`${server.url}/v1/sessions/${one.id}/sse`, { headers: { authorization: credential } })
  const opened = [await open(`Bearer ${ada.token}`), await open(`Bearer ${second.token}`)]
  opened.push(await open(`Bearer ${ada.token}`))
  for (let n = 0; n < 3; n++) opened.push(await open(key.key))
  const statuses = opened.map(({ status }) => status)
  assert.deepEqual(statuses, [200, 200, 429, 200, 200, 200])
  for (const { body } of opened) await body?.cancel()
})

for (const kind of ['end user', 'session'] as const) {
  test(`only a token of the ${kind} with the access approve decides on a call, without other arguments, and the log names who`, async (t) => {
    const { mine, as } = await startProduct(t, { SIMULATED_SCRIPTS: 'true' })
    const agent = await createAgent(mine, {
      capabilities: [{ ref: 'current_time', config: { requires_approval: ['get_current_time'] } }],
    })
    const { id } = await createSession(mine, { agent_id: agent.id, user: 'ada' })
    const tokenWith = async (access: string) => {
      if (kind === 'end user') return as('ada', { access })
      const made = await mine.call('POST', `/v1/sessions/${id}/tokens`, { access })
      return { call: callerWith(mine.url, `Bearer ${expectStatus(made, 201).token}`) }
    }
    const call = { id: 'call_1', name: 'get_current_time', arguments: {} }
    expectStatus(await post(mine, id, scripted({ tool_calls: [call] }, { text: 'Done.' })), 201)
    await eventually(
      async () => (await mine.call('GET', `/v1/sessions/${id}`)).body.waiting_for !== null,
    )
    const path = `/v1/sessions/${id}/approvals/call_1`
    const decide = ({ call }: { call: Call }) => call('POST', path, { decision: 'approve' })
    const [writer, approver] = [await tokenWith('write'), await tokenWith('approve')]
    const stranger = await as('bob', { access: 'approve' })
    expectStatus(await decide(writer), 403, 'forbidden')
    expectStatus(await decide(stranger), 404, 'not_found')
    const other = { decision: 'approve', arguments: { timezone: 'Asia/Tokyo' } }
    expectStatus(await approver.call('POST', path, other), 403, 'not_granted')
    const approvals = [{ ...other, tool_call_id: 'call_1' }]
    const list = `/v1/sessions/${id}/approvals`
    expectStatus(await approver.call('POST', list, { approvals }), 403, 'not_granted')
    expectStatus(await decide(approver), 200)
    expectStatus(await decide(approver), 409, 'approval_not_pending')
    const types = 'tool.approval_resolved'
    const events = expectStatus(
      await mine.call('GET', `/v1/sessions/${id}/events?types=${types}`),
      200,
    )
    const { decided_by } = events.data[0].data
    const { kind: who, user } = decided_by
    assert.deepEqual([who, user], kind === 'end user' ? ['user', 'ada'] : ['token', undefined])
  })
}

test('stores who wrote a message elsewhere, and believes no token about it', async (t) => {
  const { mine, agent, as } = await startProduct(t)
  const { id } = await createSession(mine, { agent_id: agent.id, user: 'ada' })
  const external_actor = {
    source: 'slack',
    actor_id: 'U1',
    actor_name: 'Ada',
    metadata: { team: 7 },
  }
  const body = { message: { content: [{ type: 'text', text: 'Hello' }] }, external_actor }
  const path = `/v1/sessions/${id}/messages`
  const posted = expectStatus(await mine.call('POST', path, body), 201)
  assert.deepEqual(posted.external_actor, external_actor)
  const [first] = expectStatus(await mine.call('GET', path), 200).data
  assert.deepEqual(first.external_actor, external_actor)
  const token = await as('ada')
  expectStatus(await token.call('POST', path, body), 403, 'not_granted')
  for (const wrong of [{ source: 'slack' }, { source: '', actor_id: 'x' }, 'Ada']) {
    const answer = await mine.call('POST', path, { ...body, external_actor: wrong })
    expectStatus(answer, 400, 'invalid_request')
  }
})
