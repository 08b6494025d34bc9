/**
 * Adapters call operations for their client. Nothing that a client sends gives it more than the
 * operations do: each test tries an adapter of the AI SDK, and the first ones try all adapters.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import {
  addMember,
  callerWith,
  createKey,
  expectStatus,
  type Person,
  registerPerson,
  startGuarded,
} from '../../../apps/server/test/access.ts'
import { beforeAll } from '../../../apps/server/test/hooks.ts'
import type { Call } from '../../../apps/server/test/server.ts'
import { createAgent, createSession, scripted } from '../../../apps/server/test/session.ts'
import { eventually } from '../../../apps/server/test/waiting.ts'
import { allOperationsOf, ask, isAdapter, type Operation, unlimited } from './operations.ts'

let server: Awaited<ReturnType<typeof startGuarded>>
let adapters: Operation[]
let owner: Person
let stranger: Person
let key: Awaited<ReturnType<typeof createKey>>
let agentId: string

beforeAll(async (t) => {
  server = await startGuarded(t as TestContext, { env: unlimited })
  const described = (await allOperationsOf(server)).filter(isAdapter)
  adapters = described.flatMap((one) => [one, ...ofVersion6(one)])
  owner = await registerPerson(server)
  stranger = await registerPerson(server)
  key = await createKey(server, owner)
  agentId = (await createAgent({ url: server.url, call: key.call })).id
})

const unknownAgent = `agent_${'0'.repeat(31)}9`
const chatsOf = (agent = agentId) => `/v1/ai-sdk/agents/${agent}/chat`

const message = (text: string, id = 'm1') => ({ id, role: 'user', parts: [{ type: 'text', text }] })
const chat = (id: string, text = 'Hello', more: object = {}) => ({
  id,
  messages: [message(text)],
  ...more,
})

/** The same operation for version 6 of the AI SDK, which the document does not have. */
const ofVersion6 = ({ path, ...operation }: Operation): Operation[] =>
  path.startsWith('/v1/ai-sdk/')
    ? [{ ...operation, path: path.replace('/ai-sdk/', '/ai-sdk/v6/') }]
    : []

const isAgUi = ({ path }: Operation) => path.startsWith('/v1/ag-ui/')

function filled(operation: Operation, agent = agentId): string {
  const { method, path } = operation
  const named = path.replace('{agent_id}', agent).replace(/\{\w+\}/g, 'chat')
  return isAgUi(operation) && method === 'GET' ? `${named}?threadId=chat` : named
}

function bodyOf(operation: Operation): object | undefined {
  if (operation.method !== 'POST') return undefined
  if (!isAgUi(operation)) return chat('chat')
  const messages = [{ id: 'm1', role: 'user', content: 'Hello' }]
  return { threadId: 'chat', runId: 'run', messages, tools: [], context: [] }
}

async function tokenOf(user: string, fields: object = {}) {
  const body = { user, access: 'approve', ...fields }
  const { token } = expectStatus(await key.call('POST', '/v1/tokens', body), 201)
  return callerWith(server.url, `Bearer ${token}`)
}

const textsOf = async (call: Call, id: string, agent = agentId) => {
  const { messages } = expectStatus(
    await call('GET', `${chatsOf(agent)}/${encodeURIComponent(id)}/messages`),
    200,
  ) as { messages: { parts: { text?: string }[] }[] }
  return messages.map(({ parts }) => parts.map(({ text }) => text ?? '').join(''))
}

test('an adapter is closed to callers without a credential, and to keys of channels', async () => {
  assert.ok(adapters.some(({ path }) => path.startsWith('/v1/ai-sdk/v6/')))
  for (const operation of adapters) {
    const path = filled(operation)
    for (const [headers, code] of [
      [{}, 'unauthenticated'],
      [{ authorization: 'Bearer nonsense' }, 'invalid_token'],
      [{ 'x-forwarded-user': 'admin', 'outlast-user': owner.id }, 'unauthenticated'],
    ] as const) {
      const body = bodyOf(operation)
      const heard = await ask(server.url, { method: operation.method, path, headers, body })
      assert.deepEqual([heard.status, heard.code], [401, code], `${operation.id} ${heard.text}`)
    }
  }
})

test('an agent of another organization looks like one that does not exist', async () => {
  for (const operation of adapters) {
    const heard = []
    for (const agent of [agentId, unknownAgent]) {
      const body = bodyOf(operation)
      const asked = { method: operation.method, path: filled(operation, agent), body }
      const headers = { authorization: stranger.bearer }
      const { status, text } = await ask(server.url, { ...asked, headers })
      heard.push([status, text.replace(/"instance":"[^"]*"/, '')])
    }
    assert.deepEqual(heard[0], heard[1], operation.id)
    const [status] = heard[0]!
    assert.ok([200, 204, 404].includes(status as number), `${operation.id} ${status}`)
  }
  const sent = await stranger.call('POST', chatsOf(), chat('theirs'))
  expectStatus(sent, 404, 'not_found')
})

test('a header names no other organization, user or address', async () => {
  expectStatus(await key.call('POST', chatsOf(), chat('headers', 'Secret of the owner')), 200)
  const other = await createKey(server, stranger)
  const foreign = { 'x-org-id': owner.orgId }
  for (const call of [other.call, stranger.call]) {
    const path = `${chatsOf()}/headers/messages`
    expectStatus(await call('GET', path, undefined, foreign), 404, 'not_found')
    expectStatus(await call('GET', `${path}?org_id=${owner.orgId}`), 404, 'not_found')
    expectStatus(await call('POST', chatsOf(), chat('headers'), foreign), 404, 'not_found')
  }
  const named = { 'outlast-user': stranger.id }
  expectStatus(await key.call('POST', chatsOf(), chat('x'), named), 403, 'user_mismatch')
})

test('a member of two organizations works in the one that the request names', async () => {
  const created = await owner.call('POST', '/v1/orgs', { name: 'Second' })
  const second = expectStatus(created, 201).id
  const inSecond = callerWith(server.url, owner.bearer, { 'x-org-id': second })
  const agent = await createAgent({ url: server.url, call: inSecond })
  const path = `${chatsOf(agent.id)}/both/messages`
  expectStatus(await inSecond('POST', chatsOf(agent.id), chat('both', 'Second')), 200)
  const inQuery = await owner.call('GET', `${path}?org_id=${second}`)
  assert.equal(expectStatus(inQuery, 200).messages.length, 2)
  const inFirst = await owner.call('GET', path, undefined, { 'x-org-id': owner.orgId })
  assert.deepEqual(expectStatus(inFirst, 200).messages, [])
})

test('a viewer reads chats and sends none', async () => {
  const viewer = await addMember(server, owner, 'viewer')
  const call = callerWith(server.url, viewer.bearer, { 'x-org-id': owner.orgId })
  expectStatus(await key.call('POST', chatsOf(), chat('view', 'Shown')), 200)
  assert.equal((await textsOf(call, 'view'))[0], 'Shown')
  expectStatus(await call('POST', chatsOf(), chat('new')), 403, 'forbidden')
  expectStatus(await call('POST', `${chatsOf()}/view/stop`), 403, 'forbidden')
  assert.deepEqual(await textsOf(key.call, 'new'), [])
})

test('an end user has the chats of that user only, also under the id of another one', async () => {
  const [ada, bob] = [await tokenOf('ada'), await tokenOf('bob')]
  expectStatus(await ada('POST', chatsOf(), chat('same', 'From Ada')), 200)
  assert.deepEqual(await textsOf(bob, 'same'), [])
  expectStatus(await bob('POST', `${chatsOf()}/same/stop`), 404, 'not_found')
  expectStatus(await bob('GET', `${chatsOf()}/same/stream`), 204)
  expectStatus(await bob('POST', chatsOf(), chat('same', 'From Bob')), 200)
  assert.equal((await textsOf(ada, 'same'))[0], 'From Ada')
  assert.equal((await textsOf(bob, 'same'))[0], 'From Bob')
  const asAda = chat('same', 'Forged', { user: 'ada' })
  expectStatus(await bob('POST', chatsOf(), asAda), 403, 'not_granted')
  assert.equal((await textsOf(ada, 'same')).length, 2)
  // A key names the user.
  const path = `${chatsOf()}/same/messages?user=bob`
  assert.match(JSON.stringify((await key.call('GET', path)).body), /From Bob/)
  assert.deepEqual(await textsOf(key.call, 'same'), [])
})

test('grants of a token hold: access, agents, operations and settings of a turn', async () => {
  const reading = await tokenOf('eve', { access: 'read' })
  expectStatus(await reading('POST', chatsOf(), chat('e')), 403, 'forbidden')
  assert.deepEqual(await textsOf(reading, 'e'), [])
  const other = await createAgent({ url: server.url, call: key.call })
  const narrow = await tokenOf('eve', { agent_ids: [other.id] })
  expectStatus(await narrow('POST', chatsOf(), chat('e')), 403, 'not_granted')
  await createAgent({ url: server.url, call: key.call }, { name: 'hidden' })
  for (const name of ['hidden', 'unknown']) {
    const refused = await narrow('POST', chatsOf(name), chat('e'))
    assert.match(expectStatus(refused, 403, 'not_granted').error, new RegExp(name))
  }
  const writing = await tokenOf('eve', { access: 'write' })
  const settings = { instructions: 'Obey.' }
  expectStatus(await writing('POST', chatsOf(), chat('e', 'Hi', settings)), 403, 'not_granted')
  expectStatus(await writing('POST', chatsOf(), chat('e')), 200)
  const again = { ...chat('e'), trigger: 'regenerate-message' }
  expectStatus(await writing('POST', chatsOf(), again), 403, 'not_granted')
  const few = await tokenOf('eve', { operations: ['list_sessions', 'list_events'] })
  assert.equal((await textsOf(few, 'e')).length, 2)
  expectStatus(await few('GET', `${chatsOf()}/e/stream`), 403, 'not_granted')
})

test('a request that is refused ends no turn', async () => {
  const config = { requires_approval: ['write_file'] }
  const capabilities = [{ ref: 'session_file_system', config }]
  const agent = await createAgent({ url: server.url, call: key.call }, { capabilities })
  const call = { id: 'call_1', name: 'write_file', arguments: { path: '/a', content: 'x' } }
  const asked = chat('held', scripted({ tool_calls: [call] }), { user: 'joe' })
  expectStatus(await key.call('POST', chatsOf(agent.id), asked), 200)
  const joe = await tokenOf('joe')
  for (const body of [
    { ...chat('held'), messages: [message('Next', 'm2')], instructions: 'Obey.' },
    { ...chat('held'), trigger: 'regenerate-message' },
    { ...chat('held', 'Edited'), messageId: 'm1' },
  ]) {
    expectStatus(await joe('POST', chatsOf(agent.id), body), 403, 'not_granted')
    const page = await joe('GET', `${chatsOf(agent.id)}/held/messages`)
    assert.equal(expectStatus(page, 200).status, 'waiting')
  }
  const next = { ...chat('held'), messages: [message('Next', 'm2')] }
  expectStatus(await joe('POST', chatsOf(agent.id), next), 200)
  assert.equal((await textsOf(joe, 'held', agent.id)).length, 4)
})

test('a token of one session reaches the chat of that session only', async () => {
  const mine = { url: server.url, call: key.call }
  const session = await createSession(mine, { agent_id: agentId, key: 'one' })
  const made = await key.call('POST', `/v1/sessions/${session.id}/tokens`, { access: 'write' })
  const call = callerWith(server.url, `Bearer ${expectStatus(made, 201).token}`)
  expectStatus(await call('POST', chatsOf(), chat('one', 'By token')), 200)
  assert.equal((await textsOf(call, 'one'))[0], 'By token')
  assert.deepEqual(await textsOf(call, 'view'), [])
  expectStatus(await call('POST', chatsOf(), chat('two')), 404, 'not_found')
})

test('a token of one session does not learn the names of other agents', async () => {
  const mine = { url: server.url, call: key.call }
  const own = await createAgent(mine, { name: 'own-agent' })
  await createAgent(mine, { name: 'other-agent' })
  const session = await createSession(mine, { agent_id: own.id })
  const made = await key.call('POST', `/v1/sessions/${session.id}/tokens`, { access: 'write' })
  const call = callerWith(server.url, `Bearer ${expectStatus(made, 201).token}`)
  const capabilities = (name: string) => call('GET', `/v1/ag-ui/agents/${name}/capabilities`)
  expectStatus(await capabilities('own-agent'), 200)
  for (const name of ['other-agent', 'no-agent']) {
    expectStatus(await capabilities(name), 403, 'not_granted')
    expectStatus(await call('POST', chatsOf(name), chat('names')), 403, 'not_granted')
  }
})

test('a link opens no adapter', async () => {
  const session = await createSession(
    { url: server.url, call: key.call },
    { agent_id: agentId, key: 'chat' },
  )
  const body = { include: ['details'] }
  const shares = `/v1/sessions/${session.id}/shares`
  const { token } = expectStatus(await key.call('POST', shares, body), 201)
  for (const operation of adapters) {
    const headers = { authorization: `Bearer ${token}` }
    const { method } = operation
    const asked = { method, path: filled(operation), headers, body: bodyOf(operation) }
    const heard = await ask(server.url, asked)
    assert.deepEqual([heard.status, heard.code], [403, 'users_only'], operation.id)
  }
})

test('a page of another origin cannot use the cookie of a user', async () => {
  const cookie = `access_token=${owner.tokens.access_token}; outlast_org=${owner.orgId}`
  const send = (headers: Record<string, string>) =>
    server.call('POST', chatsOf(), chat('cookie'), { cookie, ...headers })
  const attacks: Record<string, string>[] = [
    {},
    { origin: 'https://attacker.example.com' },
    { origin: 'null' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
  ]
  for (const headers of attacks) expectStatus(await send(headers), 403, 'origin_not_allowed')
  const stop = `${chatsOf()}/cookie/stop`
  expectStatus(await server.call('POST', stop, {}, { cookie }), 403, 'origin_not_allowed')
  assert.deepEqual(await textsOf(key.call, 'cookie'), [])
  expectStatus(await send({ origin: server.url }), 200)
  assert.equal((await textsOf(key.call, 'cookie')).length, 2)
})

test('each operation that an adapter calls counts against the limits of its caller', async (t) => {
  const limited = await startGuarded(t, { env: { RATE_LIMIT_KEY: '12' } })
  const person = await registerPerson(limited)
  const agent = await createAgent({ url: limited.url, call: person.call })
  expectStatus(await person.call('POST', chatsOf(agent.id), chat('one')), 200)
  const { call } = await createKey(limited, person)
  const begun = performance.now()
  let admitted = 0
  const refused = await eventually(async () => {
    const answer = await call('GET', `${chatsOf(agent.id)}/one/messages`)
    if (answer.status === 429) return answer
    admitted += 1
    return undefined
  })
  const refilled = ((performance.now() - begun) * 12) / 60_000
  // Each request is at least two: its own, and the one that reads the session.
  assert.ok(2 * admitted <= 12 + refilled, String(admitted))
  assert.equal(refused.body.code, 'rate_limited')
  assert.ok(Number(refused.headers.get('retry-after')) > 0)
})

test('the quotas of an organization hold for chats', async (t) => {
  const limited = await startGuarded(t, { env: { ...unlimited, QUOTA_SESSIONS: '2' } })
  const { call } = await registerPerson(limited)
  const agent = await createAgent({ url: limited.url, call })
  for (const id of ['one', 'two']) {
    expectStatus(await call('POST', chatsOf(agent.id), chat(id)), 200)
  }
  expectStatus(await call('POST', chatsOf(agent.id), chat('three')), 403, 'quota_exceeded')
  expectStatus(await call('POST', chatsOf(agent.id), chat('one', 'More')), 409)
  assert.equal((await textsOf(call, 'one', agent.id)).length, 2)
})

test('an adapter has no entries of its own in the audit log', async () => {
  const inFirst = callerWith(server.url, owner.bearer, { 'x-org-id': owner.orgId })
  const count = async () =>
    expectStatus(await inFirst('GET', '/v1/audit-log?limit=1'), 200).total as number
  const before = await count()
  expectStatus(await key.call('POST', chatsOf(), chat('audit')), 200)
  assert.equal(await count(), before)
})

test('a stream ends with the token that opened it', async () => {
  const { id: userTokenId, token } = expectStatus(
    await key.call('POST', '/v1/tokens', { user: 'kim', access: 'write' }),
    201,
  )
  const wait = { type: 'client_side', name: 'wait', description: 'Waits.' }
  const agent = await createAgent({ url: server.url, call: key.call }, { tools: [wait] })
  const authorization = `Bearer ${token}`
  const response = await fetch(`${server.url}${chatsOf(agent.id)}`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json' },
    body: JSON.stringify(chat('kim', 'word '.repeat(2_000))),
  })
  assert.equal(response.headers.get('x-vercel-ai-ui-message-stream'), 'v1')
  expectStatus(await key.call('DELETE', `/v1/tokens/${userTokenId}`), 204)
  const text = await response.text()
  assert.ok(text.includes('access_ended') || text.includes('[DONE]'), text.slice(-300))
  await eventually(async () => {
    const again = await ask(server.url, {
      method: 'GET',
      path: `${chatsOf(agent.id)}/kim/messages`,
      headers: { authorization },
    })
    return again.status === 401
  })
})
