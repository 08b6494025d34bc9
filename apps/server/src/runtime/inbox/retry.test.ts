import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { addVendorModel, startVendor, type VendorAnswer } from '../../../test/remotes/vendor.ts'
import { startServer } from '../../../test/server.ts'
import {
  converse,
  createAgent,
  createSession,
  eventsOf,
  post,
  replyOf,
} from '../../../test/session.ts'
import { follow } from '../../../test/stream.ts'
import { eventually } from '../../../test/waiting.ts'

const refusal = { status: 401, body: '{"error":{"message":"Incorrect API key provided."}}' }

/** A model that fails while `fails` is set, and otherwise replies when `gate` is open. */
async function start(t: TestContext) {
  const reply: VendorAnswer = { text: 'Hello.' }
  const model = { fails: true, reply, gate: Promise.withResolvers<void>() }
  model.gate.resolve()
  const vendor = await startVendor(t, async () => {
    if (model.fails) return refusal
    await model.gate.promise
    return model.reply
  })
  const server = await startServer(t)
  await addVendorModel(server, vendor)
  const get = async (id: string) => (await server.call('GET', `/v1/sessions/${id}`)).body
  const retry = (id: string) => server.call('POST', `/v1/sessions/${id}/retry`)
  const list = async (query: string) => (await server.call('GET', `/v1/sessions?${query}`)).body
  return { server, model, get, retry, list }
}

const idled = (t: TestContext, { url }: { url: string }, sessionId: string, after: number) =>
  follow(t, url, { sessionId, query: `?after_sequence=${after}` }).then((stream) =>
    stream.event('session.idled'),
  )

test('the last turn of a session has its outcome, and none while a turn runs', async (t) => {
  const { server, model, get } = await start(t)
  const { id, last_turn } = await createSession(server)
  assert.equal(last_turn, null)
  await converse(t, server, id, 'one')
  const failed = (await get(id)).last_turn
  const { context, data } = (await eventsOf(server, id)).find(({ type }) => type === 'turn.failed')!
  assert.deepEqual(failed, {
    id: context.turn_id,
    status: 'failed',
    error: (data as { error: string }).error,
    error_code: 'llm_bad_key',
  })
  const fork = await server.call('POST', `/v1/sessions/${id}/fork`, {})
  assert.deepEqual(fork.body.last_turn, failed)
  model.fails = false
  model.gate = Promise.withResolvers()
  const { sequence } = (await post(server, id, 'two')).body
  assert.deepEqual([(await get(id)).status, (await get(id)).last_turn], ['active', null])
  const cut = await server.call('POST', `/v1/sessions/${id}/fork`, { at_sequence: sequence })
  assert.equal(cut.body.last_turn.status, 'cancelled')
  const ended = idled(t, server, id, sequence)
  model.gate.resolve()
  await ended
  const { status, error, error_code } = (await get(id)).last_turn
  assert.deepEqual([status, error, error_code], ['completed', null, null])
  model.gate = Promise.withResolvers()
  await post(server, id, 'three')
  await server.call('POST', `/v1/sessions/${id}/cancel`)
  assert.equal((await get(id)).last_turn.status, 'cancelled')
  model.gate.resolve()
})

test('outcome=failed lists idle sessions whose last turn failed, waiting=true those that wait', async (t) => {
  const { server, model, list } = await start(t)
  const agent = await createAgent(server)
  const create = async () => (await createSession(server, { agent_id: agent.id })).id
  const [failed, recovered] = [await create(), await create()]
  for (const id of [failed, failed, recovered]) await converse(t, server, id, 'hi')
  model.fails = false
  await converse(t, server, recovered, 'again')
  const ids = async (query: string) => {
    const { data, total } = await list(query)
    assert.equal(total, data.length)
    return data.map(({ id }: { id: string }) => id)
  }
  assert.deepEqual(await ids('outcome=failed'), [failed])
  assert.deepEqual(await ids(`outcome=failed&agent_id=${agent.id}&status=idle`), [failed])
  assert.deepEqual(await ids('outcome=failed&status=active'), [])
  assert.deepEqual(await ids('waiting=false'), [recovered, failed])
  const tools = [{ type: 'client_side', name: 'open_door', description: 'Opens.', parameters: {} }]
  const waiting = await createSession(server, { tools })
  model.reply = { calls: [{ name: 'open_door', arguments: {} }] }
  await post(server, waiting.id, 'the door')
  await eventually(async () => (await list('waiting=true')).total > 0)
  assert.deepEqual(await ids('waiting=true'), [waiting.id])
  for (const query of ['outcome=completed', 'waiting=maybe']) {
    assert.equal((await server.call('GET', `/v1/sessions?${query}`)).status, 400)
  }
})

test('a failed turn is retried once, however often the retry is requested', async (t) => {
  const { server, model, get, retry } = await start(t)
  const { id } = await createSession(server)
  await converse(t, server, id, 'hi')
  const failed = (await get(id)).last_turn
  const sequence = (await eventsOf(server, id)).at(-1)!.sequence!
  model.fails = false
  model.gate = Promise.withResolvers()
  const answers = await Promise.all(Array.from({ length: 8 }, () => retry(id)))
  const statuses = answers.map(({ status }) => status).sort()
  assert.deepEqual(statuses, [...Array(7).fill(200), 201])
  const { turn_id } = answers[0]!.body
  for (const { body } of answers) {
    assert.deepEqual(body, { session_id: id, turn_id, failed_turn_id: failed.id, sequence })
  }
  assert.notEqual(turn_id, failed.id)
  assert.equal((await get(id)).last_turn, null)
  const ended = idled(t, server, id, sequence)
  model.gate.resolve()
  await ended
  assert.deepEqual((await get(id)).last_turn.id, turn_id)
  const events = await eventsOf(server, id)
  assert.equal(replyOf(events), 'Hello.')
  assert.equal(events.filter(({ type }) => type === 'turn.started').length, 2)
  const late = await retry(id)
  assert.deepEqual([late.status, late.body.code], [409, 'turn_not_failed'])
})

test('a session without a failed last turn has nothing to retry', async (t) => {
  const { server, model, retry } = await start(t)
  const { id } = await createSession(server)
  const refused = async (code: string, status = 409) => {
    const answer = await retry(id)
    assert.deepEqual([answer.status, answer.body.code], [status, code])
  }
  await refused('turn_not_failed')
  await converse(t, server, id, 'fails')
  model.fails = false
  model.gate = Promise.withResolvers()
  await post(server, id, 'runs')
  await refused('session_not_idle')
  model.gate.resolve()
  const unknown = await retry(`session_${'a'.repeat(32)}`)
  assert.deepEqual([unknown.status, unknown.body.code], [404, 'not_found'])
})

test('a fork of a session whose last turn failed can be retried once', async (t) => {
  const { server, model, get, retry } = await start(t)
  const { id } = await createSession(server)
  await converse(t, server, id, 'hi')
  const failed = (await get(id)).last_turn
  const { body: fork } = await server.call('POST', `/v1/sessions/${id}/fork`, {})
  const sequence = (await eventsOf(server, fork.id)).at(-1)!.sequence!
  model.fails = false
  model.gate = Promise.withResolvers()
  const answers = await Promise.all(Array.from({ length: 4 }, () => retry(fork.id)))
  const statuses = answers.map(({ status }) => status).sort()
  assert.deepEqual(statuses, [201, ...Array(3).fill(409)])
  const { body } = answers.find(({ status }) => status === 201)!
  assert.deepEqual([body.failed_turn_id, body.sequence], [failed.id, sequence])
  const ended = idled(t, server, fork.id, sequence)
  model.gate.resolve()
  await ended
  const events = await eventsOf(server, fork.id)
  assert.equal(replyOf(events), 'Hello.')
  assert.equal(events.filter(({ type }) => type === 'input.message').length, 1)
  assert.equal((await retry(id)).status, 201, 'the source is as it was')
})
