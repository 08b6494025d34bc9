import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type AgentMessage, addEvent, createOutlast, emptyTranscript, itemsOf } from '@outlast/sdk'
import {
  callerWith,
  createKey,
  expectStatus,
  registerPerson,
  startGuarded,
} from '../../../../test/access.ts'
import { queryRows } from '../../../../test/database.ts'
import { beforeAll } from '../../../../test/hooks.ts'
import { startModel } from '../../../../test/remotes/written-model.ts'
import type { Call } from '../../../../test/server.ts'
import { createAgent, createSession, eventsOf, post } from '../../../../test/session.ts'
import { eventually } from '../../../../test/waiting.ts'

type Server = Awaited<ReturnType<typeof startGuarded>>
let server: Server
let person: Awaited<ReturnType<typeof registerPerson>>
let mine: { url: string; call: Call }
let agentId: string

beforeAll(async (t) => {
  const env = { PRIVATE_HOSTS_ALLOWED: '127.0.0.1@*' }
  server = await startGuarded(t as TestContext, { env })
  person = await registerPerson(server)
  mine = { url: server.url, call: (await createKey(server, person)).call }
  agentId = (await createAgent(mine)).id
})

const isIdle = (path: string) =>
  eventually(async () => (await mine.call('GET', path)).body.status === 'idle')

/** A session with one message and its reply. */
async function conversation(fields: object = {}) {
  const { id } = await createSession(mine, { agent_id: agentId, ...fields })
  const path = `/v1/sessions/${id}`
  expectStatus(await post(mine, id, 'Hello'), 201)
  await isIdle(path)
  const events = await eventsOf(mine, id)
  const reply = events.find(({ type }) => type === 'output.message.completed')!
  const message_id = (reply.data as { message: { id: string } }).message.id
  const rate = async (body: object, call: Call = person.call) =>
    call('POST', `${path}/feedback`, { message_id, ...body })
  const given = async (call: Call = mine.call) =>
    (await eventsOf({ url: server.url, call }, id)).filter(({ type }) => type === 'feedback.given')
  return { id, path, message_id, turn_id: reply.context.turn_id!, rate, given }
}

const listed = async (filter: string, call: Call = mine.call) => {
  const { data } = expectStatus(await call('GET', `/v1/sessions?feedback=${filter}&limit=100`), 200)
  return new Set(data.map(({ id }: { id: string }) => id))
}

async function shownOf(id: string) {
  const transcript = (await eventsOf(mine, id)).reduce(addEvent, emptyTranscript)
  const replies = itemsOf(transcript).filter((item) => item.kind === 'agent_message')
  return (replies as AgentMessage[]).map(({ feedback }) => feedback.map(({ rating }) => rating))
}

test('a rating is one event, a later one of the same person replaces it, and null withdraws it', async () => {
  const { id, rate, given } = await conversation()
  const down = expectStatus(await rate({ rating: 'down', comment: 'Wrong.' }), 200)
  assert.deepEqual(
    [down.rating, down.comment, down.given_by.kind, down.given_by.id, down.given_by.name],
    ['down', 'Wrong.', 'user', person.id, person.name],
  )
  assert.deepEqual(expectStatus(await rate({ rating: 'down', comment: 'Wrong.' }), 200), down)
  assert.equal((await given()).length, 1)
  assert.ok((await listed('down')).has(id) && (await listed('any')).has(id))
  assert.ok(!(await listed('up')).has(id))
  expectStatus(await rate({ rating: 'up' }), 200)
  assert.deepEqual(await shownOf(id), [['up']])
  assert.ok((await listed('up')).has(id) && !(await listed('down')).has(id))
  const withKey = expectStatus(await rate({ rating: 'down' }, mine.call), 200)
  assert.equal(withKey.given_by.kind, 'key')
  assert.deepEqual(await shownOf(id), [['up', 'down']])
  expectStatus(await rate({ rating: null }), 200)
  expectStatus(await rate({ rating: null }, mine.call), 200)
  assert.deepEqual(await shownOf(id), [[]])
  assert.ok(!(await listed('any')).has(id))
  const before = (await given()).length
  assert.equal(expectStatus(await rate({ rating: null }), 200).given_at, null)
  assert.equal((await given()).length, before)
})

test('ratings of several people at the same time are all stored', async () => {
  const { id, rate, given } = await conversation()
  const keys = await Promise.all([1, 2, 3, 4, 5].map(() => createKey(server, person)))
  const rated = keys.map(({ call }, index) => rate({ rating: index < 4 ? 'up' : 'down' }, call))
  for (const answer of await Promise.all(rated)) expectStatus(answer, 200)
  assert.equal((await given()).length, 5)
  assert.ok((await listed('up')).has(id) && (await listed('down')).has(id))
})

test('a turn is rated, also while a later one runs, which ends as usual', async (t) => {
  const { id, path, turn_id } = await conversation()
  const model = await startModel(t)
  const { id: model_id } = await model.addTo(person)
  expectStatus(await post(mine, id, 'Slowly', { controls: { model_id } }), 201)
  const reply = await model.call()
  reply.say('A slow reply')
  const body = { turn_id, rating: 'up' }
  expectStatus(await mine.call('POST', `${path}/feedback`, body), 200)
  reply.end()
  await isIdle(path)
  assert.deepEqual(await shownOf(id), [['up'], []])
  const events = await eventsOf(mine, id)
  const at = (type: string) => events.findLastIndex((event) => event.type === type)
  assert.ok(at('feedback.given') < at('turn.completed'))
  assert.deepEqual(
    events.map(({ sequence }) => sequence),
    events.map((_, index) => index + 1),
  )
})

async function tokenOf(path: string, body: object) {
  return expectStatus(await mine.call('POST', `${path}/tokens`, body), 201).token
}

test('a token rates with write access and sees only ratings of its own user', async () => {
  const { path, rate, given } = await conversation({ user: 'vole' })
  const callOf = (token: string) => callerWith(server.url, `Bearer ${token}`)
  const reads = callOf(await tokenOf(path, { access: 'read' }))
  expectStatus(await rate({ rating: 'up' }, reads), 403, 'forbidden')
  expectStatus(await rate({ rating: 'down', comment: 'Internal note' }, mine.call), 200)
  const ofUser = async (user = 'vole') =>
    callOf(
      expectStatus(await mine.call('POST', '/v1/tokens', { user, access: 'write' }), 201).token,
    )
  expectStatus(await rate({ rating: 'up' }, await ofUser('mole')), 404, 'not_found')
  const first = expectStatus(await rate({ rating: 'down' }, await ofUser()), 200)
  assert.deepEqual([first.given_by.kind, first.given_by.user], ['user', 'vole'])
  const user = await ofUser()
  expectStatus(await rate({ rating: 'up' }, user), 200)
  const own = await given(user)
  assert.deepEqual(
    own.map(({ data }) => (data as { rating: string }).rating),
    ['down', 'up'],
  )
  const [full, one, other] = await Promise.all([
    tokenOf(path, { view: 'full' }),
    tokenOf(path, { access: 'write' }),
    tokenOf(path, { access: 'write' }),
  ])
  assert.deepEqual(await given(callOf(full)), [])
  expectStatus(await rate({ rating: 'down' }, callOf(one)), 200)
  expectStatus(await rate({ rating: 'up' }, callOf(other)), 200)
  assert.equal((await given(callOf(other))).length, 2)
  expectStatus(await user('GET', '/v1/sessions?feedback=up'), 403, 'not_granted')
})

test('ratings of others are neither counted for a token nor part of its pages', async () => {
  const { id, path, rate } = await conversation({ user: 'newt' })
  expectStatus(await rate({ rating: 'down', comment: 'Internal note' }), 200)
  const user = { user: 'newt', access: 'write' }
  const tokens = [
    await tokenOf('/v1', user),
    await tokenOf(path, { access: 'write', view: 'full' }),
  ]
  const queries = ['', '&after_sequence=1', '&order_desc=true', '&from_ts=2020-01-01T00:00:00Z']
  for (const token of tokens) {
    const call = callerWith(server.url, `Bearer ${token}`)
    const page = async (query: string) => {
      const answer = await call('GET', `${path}/events?limit=1&types=feedback.given${query}`)
      const { data, total } = expectStatus(answer, 200)
      return { data, total, all: answer.headers.get('x-total-count') ?? String(total) }
    }
    for (const query of queries) {
      assert.deepEqual(await page(query), { data: [], total: 0, all: '0' }, query)
    }
    expectStatus(await rate({ rating: 'up' }, call), 200)
    for (const query of queries) {
      const { data, ...counts } = await page(query)
      assert.deepEqual([data[0].data.rating, counts], ['up', { total: 1, all: '1' }], query)
    }
    const { events } = createOutlast({ url: server.url, apiKey: token })
    const ids: string[] = []
    for await (const one of events.list(id, { limit: 1 })) ids.push(one.id)
    const all = await eventsOf({ url: server.url, call }, id)
    assert.deepEqual(
      ids,
      all.map((event) => event.id),
    )
  }
})

test('refuses ratings of what is not in the session, and impossible ones', async () => {
  const { path, turn_id, rate } = await conversation()
  const other = await conversation()
  expectStatus(await rate({ rating: 'up', message_id: other.message_id }), 404, 'not_found')
  const ofTurn = (id: string) => ({ turn_id: id, rating: 'up' })
  const call = (body: object) => mine.call('POST', `${path}/feedback`, body)
  expectStatus(await call(ofTurn(other.turn_id)), 404, 'not_found')
  expectStatus(await call(ofTurn(turn_id)), 200)
  const never = 'message_01933b5a00007000800000000000b002'
  expectStatus(await rate({ rating: 'up', message_id: never }), 404, 'not_found')
  const stranger = await registerPerson(server)
  expectStatus(await rate({ rating: 'up' }, stranger.call), 404, 'not_found')
  for (const body of [
    { rating: 'up' },
    { rating: 'up', turn_id, message_id: other.message_id },
    { rating: 'great', turn_id },
    { turn_id },
    { rating: null, turn_id, comment: 'Why' },
    { rating: 'up', turn_id, comment: 'x'.repeat(4_001) },
    { rating: 'up', turn_id, comment: 'x'.repeat(1_000_000) },
    { rating: 'up', turn_id, comment: ['x'] },
    { rating: ['up'], turn_id },
    { rating: 'up', message_id: 'message_01933b5a00007000800000000000b00' },
    { rating: 'up', turn_id, comment: 'a\u0000b' },
    { rating: 'up', turn_id: `turn_%' or 1=1` },
  ]) {
    const { status } = await call(body)
    assert.ok(status === 400, JSON.stringify(body).slice(0, 80))
  }
  const hostile = `"id":"${other.message_id}"`
  expectStatus(await post(mine, path.split('/').at(-1)!, hostile), 201)
  await isIdle(path)
  expectStatus(await rate({ rating: 'up', message_id: other.message_id }), 404, 'not_found')
})

test('a session has at most 1,000 ratings', async () => {
  const { id, path, rate, given } = await conversation()
  expectStatus(await rate({ rating: 'up' }), 200)
  const { data } = (await given())[0]!
  await queryRows(
    server.databaseUrl,
    `with s as (update sessions set sequence = sequence + 999 where id = '${id}' returning sequence - 999 as sequence)
    insert into events (session_id, sequence, type, ts, context, data)
    select '${id}', s.sequence + n, 'feedback.given', now(), '{}', '${JSON.stringify(data)}' from s, generate_series(1, 999) n`,
  )
  expectStatus(await rate({ rating: 'down' }), 400, 'feedback_full')
  expectStatus(await rate({ rating: 'up' }), 200)
  expectStatus(await rate({ rating: null }), 200)
  assert.ok(!(await listed('any')).has(id))
  expectStatus(await mine.call('DELETE', path), 204)
})

test('a fork and an export carry the ratings up to their event', async () => {
  const { id, path, rate } = await conversation()
  expectStatus(await rate({ rating: 'down' }), 200)
  const at_sequence = (await eventsOf(mine, id)).at(-1)!.sequence
  expectStatus(await rate({ rating: 'up' }), 200)
  const early = expectStatus(await mine.call('POST', `${path}/fork`, { at_sequence }), 201)
  const late = expectStatus(await mine.call('POST', `${path}/fork`, {}), 201)
  const downs = await listed('down')
  const ups = await listed('up')
  assert.ok(downs.has(early.id) && !ups.has(early.id))
  assert.ok(ups.has(late.id) && !downs.has(late.id))
  assert.deepEqual(await shownOf(late.id), [['up']])
  const exported = await fetch(`${server.url}${path}/export`, {
    headers: { authorization: person.bearer },
  })
  assert.equal((await exported.text()).match(/feedback\.given/g)?.length, 2)
})
