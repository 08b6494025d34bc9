import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Event } from '@outlast/contract'
import {
  addVendorModel,
  startVendor,
  type VendorAnswer,
  type VendorRequest,
} from '../../apps/server/test/remotes/vendor.ts'
import { startServer } from '../../apps/server/test/server.ts'
import {
  converse,
  createSession,
  eventsOf,
  post,
  replyOf,
  typesOf,
} from '../../apps/server/test/session.ts'
import { follow } from '../../apps/server/test/stream.ts'
import { eventually } from '../../apps/server/test/waiting.ts'

const refusal = { status: 401, body: '{"error":{"message":"Incorrect API key provided."}}' }

/** A session on two nodes with a scripted model. */
async function start(
  t: TestContext,
  answer: (request: VendorRequest) => VendorAnswer | Promise<VendorAnswer>,
) {
  const vendor = await startVendor(t, answer)
  const one = await startServer(t)
  const two = await startServer(t, { databaseUrl: one.databaseUrl })
  await addVendorModel(one, vendor)
  const session = await createSession(one)
  return { vendor, one, two, session }
}

type Server = Awaited<ReturnType<typeof startServer>>

const workflows = async ({ call }: Server, query = '') =>
  (await call('GET', `/v1/durable/workflows${query}`)).body

const retry = ({ call }: Server, turnId: string) =>
  call('POST', `/v1/durable/workflows/${turnId}/retry`)

/** Retries a turn and waits for the end of the retry. */
async function retried(t: TestContext, server: Server, { id, turn }: { id: string; turn: string }) {
  const before = (await eventsOf(server, id)).at(-1)!.sequence
  const stream = await follow(t, server.url, { sessionId: id, query: `?after_sequence=${before}` })
  const answer = await retry(server, turn)
  assert.equal(answer.status, 201, JSON.stringify(answer.body))
  await stream.event('session.idled')
  return { answer: answer.body, events: stream.events }
}

const saidIn = ({ body }: VendorRequest) =>
  body.messages.filter(({ role }) => role !== 'system').map(({ role, content }) => [role, content])

test('retrying a permanently failed turn adds another turn for the same message and keeps the earlier events', async (t) => {
  const answer = ({ number }: VendorRequest) => (number === 1 ? refusal : { text: 'Hello.' })
  const { vendor, one, two, session } = await start(t, answer)
  const { id } = session
  const before = await converse(t, one, id, 'hi')
  const list = await workflows(two, '?status=failed')
  const [failed] = list.data
  assert.equal(list.total, 1)
  assert.deepEqual(
    [failed.session_id, failed.error_code, failed.retried_as, failed.attempts],
    [id, 'llm_bad_key', null, 1],
  )
  const { answer: begun, events } = await retried(t, two, { id, turn: failed.turn_id })
  assert.equal(begun.input_message_id, failed.input_message_id)
  assert.notEqual(begun.turn_id, failed.turn_id)
  assert.equal(replyOf(events), 'Hello.')
  assert.deepEqual((await eventsOf(one, id)).slice(1, 1 + stored(before).length), stored(before))
  const asked = saidIn(vendor.requests[1]!)
  assert.deepEqual(
    [asked.length, asked[0], asked[1]![0], asked[2]],
    [3, ['user', 'hi'], 'assistant', ['user', 'hi']],
  )
  const { total, data } = await workflows(one)
  assert.deepEqual([total, data[0].retried_as], [1, begun.turn_id])
  const detail = await one.call('GET', `/v1/durable/workflows/${failed.turn_id}`)
  assert.equal(detail.body.why.state, 'failed')
  assert.match(
    detail.body.why.sentence,
    /failed permanently with llm_bad_key and was retried as turn_/,
  )
  const events2 = await one.call('GET', `/v1/durable/workflows/${failed.turn_id}/events`)
  const types = typesOf(events2.body.data as Event[])
  assert.deepEqual(
    [types[0], types.at(-1), types.length, events2.body.total],
    ['input.message', 'session.idled', stored(before).length, stored(before).length],
  )
  const again = await retry(one, failed.turn_id)
  assert.deepEqual([again.status, again.body.code], [409, 'turn_retried'])
  const { body: audit } = await one.call('GET', '/v1/audit-log?action=retry_workflow')
  assert.deepEqual([audit.total, audit.data[0].target], [1, failed.turn_id])
})

const stored = (events: Event[]) => events.filter(({ sequence }) => sequence !== undefined)

test('a failed retry is a failure of its own, and after other messages it calls the model with the message last', async (t) => {
  const answer = ({ number }: VendorRequest) =>
    number < 3 ? refusal : { text: `Reply ${number}.` }
  const { vendor, one, two, session } = await start(t, answer)
  const { id } = session
  await converse(t, one, id, 'first')
  const [failed] = (await workflows(one)).data
  await retried(t, two, { id, turn: failed.turn_id })
  const [second, first] = (await workflows(one)).data
  assert.deepEqual(
    [first.retried_as, second.retried_as, second.input_message_id],
    [second.turn_id, null, first.input_message_id],
  )
  await converse(t, one, id, 'other')
  await retried(t, two, { id, turn: second.turn_id })
  const asked = saidIn(vendor.requests[3]!).filter(([role]) => role === 'user')
  assert.deepEqual(
    asked.map(([, text]) => text),
    ['first', 'first', 'other', 'first'],
  )
  await converse(t, one, id, 'last')
  const whole = saidIn(vendor.requests[4]!).filter(([role]) => role === 'user')
  assert.deepEqual(
    whole.map(([, text]) => text),
    ['first', 'first', 'other', 'first', 'last'],
  )
  assert.equal((await workflows(one, `?session_id=${id}&status=failed`)).total, 2)
  assert.equal((await one.call('DELETE', `/v1/sessions/${id}`)).status, 204)
  assert.equal((await workflows(one)).total, 0)
})

test('the retry of an earlier message does not repeat an answered queued message', async (t) => {
  const queued = Promise.withResolvers<void>()
  const { vendor, one, session } = await start(t, async ({ number }) => {
    if (number > 1) return { text: `Reply ${number}.` }
    await queued.promise
    return refusal
  })
  const { id } = session
  const stream = await follow(t, one.url, { sessionId: id })
  await post(one, id, 'first')
  await stream.event('output.message.started')
  await post(one, id, 'second', { on_busy: 'queue' })
  queued.resolve()
  await stream.event('session.idled')
  assert.equal(vendor.requests.length, 2)
  const [failed] = (await workflows(one, '?status=failed')).data
  const { events } = await retried(t, one, { id, turn: failed.turn_id })
  assert.deepEqual(
    typesOf(events).filter((type) => /^(turn|session)\./.test(type)),
    ['session.activated', 'turn.started', 'turn.completed', 'session.idled'],
  )
  assert.equal(replyOf(events), 'Reply 3.')
  assert.equal(vendor.requests.length, 3, 'one model call for each message and retry')
})

test('of many concurrent retries one succeeds; a session with a running turn is unchanged', async (t) => {
  const answer = ({ number }: VendorRequest): VendorAnswer => (number === 1 ? refusal : () => {})
  const { one, two, session } = await start(t, answer)
  const { id } = session
  await converse(t, one, id, 'hi')
  const [failed] = (await workflows(one)).data
  const answers = await Promise.all(
    Array.from({ length: 8 }, (_, n) => retry(n % 2 === 0 ? one : two, failed.turn_id)),
  )
  const statuses = answers.map(({ status }) => status).sort()
  assert.deepEqual(statuses, [201, ...Array(7).fill(409)])
  const running = answers.find(({ status }) => status === 201)!.body.turn_id
  const notFailed = await retry(one, running)
  assert.deepEqual([notFailed.status, notFailed.body.code], [409, 'turn_not_failed'])
  const cancelled = await two.call('POST', `/v1/durable/workflows/${running}/cancel`)
  assert.equal(cancelled.body.status, 'cancelled')
})

test('refuses a retry in a session that runs another turn', async (t) => {
  const answer = ({ number }: VendorRequest): VendorAnswer => (number === 1 ? refusal : () => {})
  const { one, session } = await start(t, answer)
  await converse(t, one, session.id, 'hi')
  const [failed] = (await workflows(one)).data
  await post(one, session.id, 'another')
  const busy = await retry(one, failed.turn_id)
  assert.deepEqual([busy.status, busy.body.code], [409, 'session_not_idle'])
  const { data } = await workflows(one, '?limit=1')
  const none = await one.call('POST', `/v1/durable/workflows/${failed.turn_id}/cancel`)
  assert.equal(none.body.status, 'no_op', 'another turn is running')
  const done = await one.call('POST', `/v1/durable/workflows/${data[0].turn_id}/cancel`)
  assert.equal(done.body.status, 'cancelled')
})

test('filters narrow the list of open and failed turns, alone and together', async (t) => {
  const answer = ({ number }: VendorRequest): VendorAnswer => (number === 1 ? refusal : () => {})
  const { one, session } = await start(t, answer)
  await converse(t, one, session.id, 'hi')
  const other = await createSession(one)
  await post(one, other.id, 'hi')
  const [failed] = (await workflows(one, '?status=failed')).data
  const running = await eventually(async () => (await workflows(one, '?status=running')).data[0])
  const both = [running.turn_id, failed.turn_id]
  const unknown = '0'.repeat(32)
  for (const [query, found] of [
    ['', both],
    ['limit=1&offset=1', [failed.turn_id]],
    [
      `node=${running.node}`,
      both.filter((id) => id !== failed.turn_id || failed.node === running.node),
    ],
    [`node=${failed.node}&status=failed`, [failed.turn_id]],
    ['node=another', []],
    [`agent_id=${session.agent_id}&status=failed`, [failed.turn_id]],
    [`agent_id=${other.agent_id}&session_id=${other.id}`, [running.turn_id]],
    [`agent_id=agent_${unknown}`, []],
    [`session_id=${session.id}`, [failed.turn_id]],
    [`session_id=${session.id}&status=running`, []],
    [`session_id=${other.id}&status=running&node=${running.node}`, [running.turn_id]],
    [`session_id=${other.id}&status=failed`, []],
    ['status=waiting', []],
  ] as const) {
    const { data, total } = await workflows(one, `?${query}`)
    const ids = data.map(({ turn_id }: { turn_id: string }) => turn_id)
    assert.deepEqual([ids, total], [found, query.startsWith('limit') ? 2 : found.length], query)
  }
})

test('refuses invalid filters and ids', async (t) => {
  const { call } = await startServer(t)
  for (const path of [
    '/v1/durable/workflows?status=done',
    '/v1/durable/workflows?session_id=1',
    '/v1/durable/workflows?limit=0',
    '/v1/durable/workflows/turn_1',
    '/v1/durable/workers?offset=-1',
    '/v1/sessions/session_1/why',
  ]) {
    assert.equal((await call('GET', path)).status, 400, path)
  }
})
