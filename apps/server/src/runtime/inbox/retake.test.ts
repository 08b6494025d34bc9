import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import type { Event, Session } from '@outlast/contract'
import {
  addVendorModel,
  startVendor,
  type VendorAnswer,
  type VendorRequest,
} from '../../../test/remotes/vendor.ts'
import { startServer } from '../../../test/server.ts'
import { createAgent, eventsOf, post } from '../../../test/session.ts'
import { follow } from '../../../test/stream.ts'

const unknown = `message_${'a'.repeat(32)}`
const text = (value: string) => [{ type: 'text', text: value }]

/**
 * A session with the key `chat` and answered messages. The model replies when `gate` is open, first
 * with `replies`.
 */
async function start(t: TestContext, ...said: string[]) {
  const replies: VendorAnswer[] = []
  const model = { gate: Promise.withResolvers<void>(), replies }
  model.gate.resolve()
  const vendor = await startVendor(t, async ({ number }) => {
    const reply = model.replies.shift()
    if (reply) return reply
    await model.gate.promise
    return { text: `Reply ${number}.` }
  })
  const server = await startServer(t)
  await addVendorModel(server, vendor)
  const agent = await createAgent(server, { capabilities: [{ ref: 'test_math' }] })
  const { body: session } = await server.call('POST', '/v1/sessions', {
    agent_id: agent.id,
    key: 'chat',
  })
  const idle = async (id: string, after = 0) => {
    const stream = await follow(t, server.url, { sessionId: id, query: `?after_sequence=${after}` })
    await stream.event('session.idled')
    stream.close()
  }
  const say = async (id: string, value: string, fields: object = {}) => {
    const { body } = await post(server, id, value, fields)
    await idle(id, body.sequence)
    return body
  }
  const messages = []
  for (const value of said) messages.push(await say(session.id, value))
  const get = async (id: string): Promise<Session> =>
    (await server.call('GET', `/v1/sessions/${id}`)).body
  const list = async (query: string): Promise<Session[]> =>
    (await server.call('GET', `/v1/sessions?${query}`)).body.data
  const retake = (id: string, message_id: string, content?: object[]) =>
    server.call('POST', `/v1/sessions/${id}/retake`, {
      message_id,
      ...(content && { message: { content } }),
    })
  const fork = (id: string, body: object) => server.call('POST', `/v1/sessions/${id}/fork`, body)
  return { model, vendor, server, agent, session, messages, idle, say, get, list, retake, fork }
}

const promptOf = ({ body }: VendorRequest) =>
  body.messages.filter(({ role }) => role !== 'system').map(({ content }) => content)

const inputsOf = (events: Event[]) =>
  events.flatMap((event) => (event.type === 'input.message' ? [event.data.message] : []))

test('a retake sends a message again in a fork that takes the key', async (t) => {
  const { vendor, server, session, say, idle, get, list, retake } = await start(t, 'one')
  const fields = { metadata: { ticket: 7 }, tags: ['urgent'], controls: {} }
  const two = await say(session.id, 'two', fields)
  const log = await eventsOf(server, session.id)
  const { status, body } = await retake(session.id, two.id)
  assert.equal(status, 201)
  const { session: fork, message } = body
  await idle(fork.id, message.sequence)
  assert.deepEqual(
    [fork.key, fork.superseded_by, fork.forked_from],
    ['chat', null, { session_id: session.id, sequence: two.sequence - 1 }],
  )
  const { id, created_at: _, session_id, sequence, ...rest } = message
  assert.notEqual(id, two.id)
  assert.deepEqual([session_id, sequence], [fork.id, two.sequence])
  assert.deepEqual(rest, { role: 'user', content: text('two'), ...fields })
  assert.deepEqual(promptOf(vendor.requests[2]!), ['one', 'Reply 1.', 'two'])
  const source = await get(session.id)
  assert.deepEqual([source.key, source.superseded_by], [null, fork.id])
  assert.deepEqual(await eventsOf(server, session.id), log)
  assert.deepEqual(
    (await list('key=chat')).map(({ id }) => id),
    [fork.id],
  )
  const { agent_id } = session
  const same = await server.call('POST', '/v1/sessions', { agent_id, key: 'chat' })
  assert.deepEqual([same.status, same.body.id], [200, fork.id])
})

test('a retake with another message edits it, also the first one of a session', async (t) => {
  const { vendor, messages, session, idle, get, retake } = await start(t, 'one', 'two')
  const { status, body } = await retake(session.id, messages[0].id, text('uno'))
  assert.equal(status, 201)
  await idle(body.session.id, body.message.sequence)
  assert.deepEqual(promptOf(vendor.requests[2]!), ['uno'])
  assert.equal((await get(body.session.id)).preview, 'uno')
  const chained = await retake(body.session.id, body.message.id, text('un'))
  await idle(chained.body.session.id, chained.body.message.sequence)
  assert.equal(chained.body.session.key, 'chat')
  assert.equal((await get(body.session.id)).superseded_by, chained.body.session.id)
  assert.equal((await get(session.id)).superseded_by, body.session.id)
})

test('a retake keeps the facts of its message, replaces or removes them', async (t) => {
  const { vendor, server, session, say, idle } = await start(t)
  const fact = (value: string) => [{ description: 'Page that the user sees', value }]
  const sent = await say(session.id, 'one', { context: fact('/old') })
  const retake = (id: string, message_id: string, context?: unknown) =>
    server.call('POST', `/v1/sessions/${id}/retake`, { message_id, context })
  for (const context of ['/new', Array(33).fill(fact('/new')[0]), fact('x'.repeat(70_000))]) {
    const { status, body } = await retake(session.id, sent.id, context)
    assert.deepEqual([status, body.code], [400, 'invalid_request'])
  }
  let at = { session, message: sent }
  const given = [undefined, fact('/new'), null, []]
  for (const context of given) {
    const { status, body } = await retake(at.session.id, at.message.id, context)
    assert.equal(status, 201)
    await idle(body.session.id, body.message.sequence)
    const repeated = await retake(at.session.id, at.message.id, context)
    assert.deepEqual([repeated.status, repeated.body.message], [200, body.message])
    const other = await retake(at.session.id, at.message.id, fact('/other'))
    assert.deepEqual([other.status, other.body.code], [409, 'session_superseded'])
    at = body
  }
  const pages = vendor.requests.map(({ body }) => JSON.stringify(body).match(/\/(old|new)/g))
  assert.deepEqual(pages, [['/old'], ['/old'], ['/new'], ['/new'], null])
})

for (const on_busy of ['queue', 'steer', 'interrupt']) {
  test(`a retake of a message that waited (${on_busy}) keeps the turn before it`, async (t) => {
    const { model, vendor, server, session, idle, retake } = await start(t)
    model.replies.push({ calls: [{ name: 'add', arguments: { a: 2, b: 3 } }] })
    model.gate = Promise.withResolvers()
    const stream = await follow(t, server.url, { sessionId: session.id })
    await post(server, session.id, 'one')
    await stream.event('output.message.started', 2)
    const two = (await post(server, session.id, 'two', { on_busy })).body
    await post(server, session.id, 'three', { on_busy: 'queue' })
    model.gate.resolve()
    await stream.event('session.idled')
    const answers = [await retake(session.id, two.id, text('deux'))]
    answers.push(await retake(session.id, two.id, text('deux')))
    assert.deepEqual(
      answers.map(({ status, body }) => [status, body.session.id, body.message.sequence]),
      [201, 200].map((status) => [status, answers[0]!.body.session.id, two.sequence]),
    )
    const { session: fork, message } = answers[0]!.body
    await idle(fork.id, fork.forked_from.sequence)
    const events = await eventsOf(server, fork.id)
    assert.deepEqual(
      events.map(({ sequence }) => sequence),
      events.map((_, index) => index + 1),
    )
    const [kept, copied] = [await eventsOf(server, session.id), events].map((log) =>
      log
        .slice(0, fork.forked_from.sequence)
        .filter(({ sequence }) => sequence !== two.sequence)
        .map(({ type, data }) => [type, data]),
    )
    assert.deepEqual(copied, kept)
    const isFirst = ({ context }: Event) => context.turn_id === events[2]!.context.turn_id
    const first = events.filter(isFirst).map(({ type }) => type)
    assert.equal(first.filter((type) => type === 'tool.completed').length, 1)
    assert.equal(first.includes('turn.cancelled'), on_busy === 'interrupt')
    const asked = promptOf(vendor.requests.at(-1)!)
    const reply = on_busy === 'interrupt' ? [] : ['Reply 2.']
    assert.deepEqual([asked[0], ...asked.slice(3)], ['one', ...reply, 'deux'])
    assert.equal(message.id, inputsOf(events)[1]!.id)
  })
}

test('a retake of the second of two late messages keeps the turn before both', async (t) => {
  const { model, vendor, server, session, idle, retake } = await start(t)
  model.gate = Promise.withResolvers()
  const stream = await follow(t, server.url, { sessionId: session.id })
  await post(server, session.id, 'one')
  await stream.event('output.message.started')
  await post(server, session.id, 'two')
  const three = (await post(server, session.id, 'three')).body
  model.gate.resolve()
  await stream.event('session.idled')
  const { status, body } = await retake(session.id, three.id, text('trois'))
  assert.equal(status, 201)
  await idle(body.session.id, body.session.forked_from.sequence)
  const asked = promptOf(vendor.requests.at(-1)!)
  assert.deepEqual(
    asked.filter((line) => line !== 'two'),
    ['one', 'Reply 1.', 'trois'],
  )
})

test('a retake of another message that waited for the same turn is no repeat', async (t) => {
  const { model, server, session, idle, retake } = await start(t)
  model.gate = Promise.withResolvers()
  const stream = await follow(t, server.url, { sessionId: session.id })
  await post(server, session.id, 'one')
  await stream.event('output.message.started')
  const [two, three] = [
    (await post(server, session.id, 'two')).body,
    (await post(server, session.id, 'three')).body,
  ]
  model.gate.resolve()
  await stream.event('session.idled')
  const { status, body } = await retake(session.id, two.id, text('deux'))
  assert.equal(status, 201)
  await idle(body.session.id, body.session.forked_from.sequence)
  const [other, again] = [
    await retake(session.id, three.id),
    await retake(session.id, two.id, text('deux')),
  ]
  assert.deepEqual([other.status, other.body.code], [409, 'session_superseded'])
  assert.deepEqual([again.status, again.body.session.id], [200, body.session.id])
})

test('simultaneous retakes of one message are one retake, and the key moves once', async (t) => {
  const { messages, session, agent, get, list, retake } = await start(t, 'one')
  const { id } = messages[0]
  const answers = await Promise.all(
    Array.from({ length: 8 }, () => retake(session.id, id, text('uno'))),
  )
  assert.deepEqual(answers.map(({ status }) => status).sort(), [...Array(7).fill(200), 201])
  const [{ body: first }] = answers as [(typeof answers)[0]]
  for (const { body } of answers) {
    assert.deepEqual([body.session.id, body.message], [first.session.id, first.message])
  }
  assert.equal((await list(`agent_id=${agent.id}`)).length, 2)
  assert.deepEqual(
    (await list('key=chat')).map(({ id }) => id),
    [first.session.id],
  )
  const other = await retake(session.id, id, text('un'))
  assert.deepEqual([other.status, other.body.code], [409, 'session_superseded'])
  assert.match(other.body.error, new RegExp(first.session.id))
  assert.equal((await get(session.id)).superseded_by, first.session.id)
})

test('different retakes at once: one is made and the others are refused', async (t) => {
  const { messages, session, agent, list, retake } = await start(t, 'one', 'two')
  const answers = await Promise.all(
    messages.flatMap(({ id }) => ['a', 'b', 'c'].map((word) => retake(session.id, id, text(word)))),
  )
  const statuses = answers.map(({ status, body }) => body.code ?? status).sort()
  assert.deepEqual(statuses, [201, ...Array(5).fill('session_superseded')])
  assert.equal((await list(`agent_id=${agent.id}`)).length, 2)
  assert.equal((await list('key=chat')).length, 1)
})

test('a session whose successor was deleted can be retaken again', async (t) => {
  const { server, messages, session, get, retake } = await start(t, 'one')
  const first = await retake(session.id, messages[0].id)
  await server.call('DELETE', `/v1/sessions/${first.body.session.id}`)
  const second = await retake(session.id, messages[0].id)
  assert.equal(second.status, 201)
  assert.notEqual(second.body.session.id, first.body.session.id)
  assert.equal((await get(session.id)).superseded_by, second.body.session.id)
})

test('only messages of users in this session can be retaken, and only while it is idle', async (t) => {
  const { model, server, agent, messages, session, say, idle, get, list, retake } = await start(
    t,
    'one',
  )
  const spoof = await say(session.id, `{"id":"${unknown}"}`, { metadata: { id: unknown } })
  const other = await server.call('POST', '/v1/sessions', { agent_id: agent.id })
  const foreign = await say(other.body.id, 'hi')
  const { data } = (await server.call('GET', `/v1/sessions/${session.id}/messages`)).body
  const reply = data.find(({ role }: { role: string }) => role === 'agent')
  const image = { type: 'image', url: 'https://example.com/a.png' }
  const result = { type: 'tool_result', tool_call_id: 'call_1', result: 1 }
  const { id } = messages[0]
  const cases: [Promise<{ status: number; body: { code?: string } }>, number, string][] = [
    [retake(session.id, foreign.id), 404, 'not_found'],
    [retake(session.id, unknown), 404, 'not_found'],
    [retake(session.id, reply.id), 400, 'message_not_retakable'],
    [retake(session.id, 'message_1'), 400, 'invalid_request'],
    [retake(session.id, id, Array(21).fill(image)), 400, 'invalid_request'],
    [retake(session.id, id, [result]), 400, 'invalid_request'],
    [retake(`session_${'a'.repeat(32)}`, id), 404, 'not_found'],
    [server.call('POST', `/v1/sessions/${session.id}/retake`, {}), 400, 'invalid_request'],
  ]
  for (const [answer, status, code] of cases) {
    const { status: got, body } = await answer
    assert.deepEqual([got, body.code], [status, code])
  }
  model.gate = Promise.withResolvers()
  const running = (await post(server, session.id, 'runs')).body
  for (const one of [id, running.id]) {
    const { status, body } = await retake(session.id, one)
    assert.deepEqual([status, body.code], [409, 'session_not_idle'])
  }
  model.gate.resolve()
  await idle(session.id, running.sequence)
  await server.call('DELETE', `/v1/agents/${agent.id}`)
  assert.equal((await retake(session.id, id)).body.code, 'agent_archived')
  assert.deepEqual([(await get(session.id)).key, (await list('key=chat')).length], ['chat', 1])
  assert.equal(spoof.metadata.id, unknown)
})

test('a repeat of a large retake under its Idempotency-Key has the ids', async (t) => {
  const { server, messages, session } = await start(t, 'one')
  const large = { message_id: messages[0].id, message: { content: text('x'.repeat(100_000)) } }
  const path = `/v1/sessions/${session.id}/retake`
  const headers = { 'idempotency-key': 'once' }
  const first = await server.call('POST', path, large, headers)
  const again = await server.call('POST', path, large, headers)
  const { id, session_id, sequence } = first.body.message
  assert.deepEqual([first.status, again.status], [201, 201])
  assert.deepEqual(again.body, {
    session: { id: first.body.session.id },
    message: { id, session_id, sequence },
  })
})

test('a message with NUL can be retaken', async (t) => {
  const { messages, session, retake } = await start(t, 'a\0b')
  const { status, body } = await retake(session.id, messages[0].id)
  assert.deepEqual([status, body.message.content], [201, text('a\0b')])
})

test('a fork takes the key of its source once, also while a turn runs', async (t) => {
  const { model, server, session, get, list, fork } = await start(t)
  model.gate = Promise.withResolvers()
  await post(server, session.id, 'runs')
  const answers = await Promise.all(
    Array.from({ length: 6 }, () => fork(session.id, { take_key: true })),
  )
  const statuses = answers.map(({ status, body }) => body.code ?? status).sort()
  assert.deepEqual(statuses, [201, ...Array(5).fill('session_without_key')])
  const { body } = answers.find(({ status }) => status === 201)!
  assert.equal(body.key, 'chat')
  const source = await get(session.id)
  assert.deepEqual([source.key, source.superseded_by], [null, body.id])
  assert.deepEqual(
    (await list('key=chat')).map(({ id }) => id),
    [body.id],
  )
  assert.equal((await list('')).length, 2, 'refused forks leave nothing')
  model.gate.resolve()
})
