import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import type { Event } from '@outlast/contract'
import { untilStatus } from '../../../test/access.ts'
import {
  addVendorModel,
  beginStream,
  sendDelta,
  startVendor,
  type VendorMessage,
} from '../../../test/remotes/vendor.ts'
import { startServer } from '../../../test/server.ts'
import { createSession, eventsOf, post, scripted } from '../../../test/session.ts'
import { follow } from '../../../test/stream.ts'

const begun = 'It begins, '
const words = `${begun}and ends.`

/** A session whose first reply has begun, and ends after `finish`. Others repeat the message. */
async function busySession(t: TestContext) {
  const { promise: ending, resolve: finish } = Promise.withResolvers<void>()
  const vendor = await startVendor(t, ({ number, body }) => {
    if (number > 1) return { text: `to ${textOf(body.messages.at(-1)!)}` }
    return async (response) => {
      beginStream(response)
      sendDelta(response, { content: begun })
      await ending
      sendDelta(response, { content: words.slice(begun.length) }, 'stop')
      response.end('data: [DONE]\n\n')
    }
  })
  const server = await startServer(t)
  await addVendorModel(server, vendor)
  const { id } = await createSession(server)
  const stream = await follow(t, server.url, { sessionId: id })
  const say = (text: string, fields?: object) => post(server, id, text, fields)
  await say('slow')
  await stream.event('output.message.delta')
  return { server, id, stream, finish, say }
}

const textOf = ({ content }: VendorMessage) =>
  typeof content === 'string' ? content : (content as { text: string }[])[0]!.text

const textsOf = (events: Event[], type: 'input.message' | 'output.message.completed') =>
  events.flatMap((event) =>
    event.type === type && 'message' in event.data
      ? event.data.message.content.map((part) => (part.type === 'text' ? part.text : part.type))
      : [],
  )

/** The texts of the n-th model call, from an expanded `llm.generation`. */
async function promptOf(server: Parameters<typeof eventsOf>[0], id: string, n: number) {
  const events = await eventsOf(server, id, '?expand=messages&types=llm.generation')
  const { messages } = events[n - 1]!.data as Event<'llm.generation'>['data']
  return messages
    .filter(({ role }) => role === 'user')
    .flatMap(({ content }) => content.map((part) => (part.type === 'text' ? part.text : '')))
}

const inputsOfTurns = (events: Event[]) =>
  events.flatMap((event) => (event.type === 'turn.started' ? [event.data.input_content] : []))

test('queue: each message gets its own turn after the running one, in order', async (t) => {
  const { server, id, stream, finish, say } = await busySession(t)
  assert.equal((await say('one', { on_busy: 'queue' })).status, 201)
  assert.equal((await say('two', { on_busy: 'queue' })).status, 201)
  finish()
  await stream.event('session.idled')
  const events = await eventsOf(server, id)
  assert.deepEqual(textsOf(events, 'output.message.completed'), [words, 'to one', 'to two'])
  assert.equal(inputsOfTurns(events).length, 3)
  assert.equal(events.filter(({ type }) => type === 'session.idled').length, 1)
  assert.deepEqual((await promptOf(server, id, 1)).length, 1, 'what waits is not shown')
  assert.deepEqual((await promptOf(server, id, 2)).length, 2)
  assert.deepEqual((await promptOf(server, id, 3)).length, 3)
  const listed = await server.call('GET', `/v1/sessions/${id}/messages`)
  assert.equal(listed.body.data.length, 6)
})

test('queue: a generation includes a queued message once its turn starts', async (t) => {
  const { server, id, stream, finish, say } = await busySession(t)
  await say('waited', { on_busy: 'queue' })
  finish()
  await stream.event('session.idled')
  const events = await eventsOf(server, id)
  const generations = events.filter((event) => event.type === 'llm.generation')
  assert.deepEqual(
    generations[1]!.data.messages.map(({ role }) => role),
    ['agent', 'user'],
  )
  assert.deepEqual(
    stream.events.filter(({ sequence }) => sequence),
    events,
    'the stream told the same',
  )
})

test('steer: the message is seen before queued messages', async (t) => {
  const { server, id, stream, finish, say } = await busySession(t)
  await say('queued', { on_busy: 'queue' })
  await say('steered')
  finish()
  await stream.event('session.idled')
  const events = await eventsOf(server, id)
  assert.deepEqual(textsOf(events, 'output.message.completed'), [words, 'to steered', 'to queued'])
  assert.equal((await promptOf(server, id, 2)).length, 2)
})

test('interrupt: cancels the running turn, keeps its text and answers the message next', async (t) => {
  const { server, id, stream, say } = await busySession(t)
  await say('queued', { on_busy: 'queue' })
  const { status } = await say('instead', { on_busy: 'interrupt' })
  assert.equal(status, 201)
  await stream.event('session.idled')
  const events = await eventsOf(server, id)
  const [partial, ...rest] = textsOf(events, 'output.message.completed')
  assert.equal(partial, begun)
  assert.deepEqual(rest, ['to instead', 'to queued'])
  const cancelled = events.findIndex(({ type }) => type === 'turn.cancelled')
  assert.equal(events[cancelled + 1]!.type, 'input.message')
  assert.equal(events.filter(({ type }) => type === 'turn.cancelled').length, 1)
  assert.equal(events.filter(({ type }) => type === 'session.idled').length, 1)
  assert.deepEqual(
    events.map(({ sequence }) => sequence),
    events.map((_, index) => index + 1),
  )
})

test('reject: returns 409 while a turn runs and stores nothing', async (t) => {
  const { server, id, stream, finish, say } = await busySession(t)
  const before = (await eventsOf(server, id)).length
  const refused = await say('no', { on_busy: 'reject' })
  assert.deepEqual([refused.status, refused.body.code], [409, 'session_busy'])
  assert.equal((await eventsOf(server, id, '?types=input.message')).length, 1)
  assert.ok((await eventsOf(server, id)).length >= before)
  finish()
  await stream.event('session.idled')
  assert.equal((await say('yes', { on_busy: 'reject' })).status, 201)
})

test('reject: of simultaneous messages one starts a turn and the others get 409', async (t) => {
  const server = await startServer(t)
  const { id } = await createSession(server)
  const text = scripted({ text: 'Slow', delay_ms: 600_000 })
  const all = await Promise.all(
    Array.from({ length: 12 }, () => post(server, id, text, { on_busy: 'reject' })),
  )
  const refused = all.filter(({ status }) => status !== 201)
  assert.equal(refused.length, all.length - 1)
  for (const { status, body } of refused) {
    assert.deepEqual([status, body.code], [409, 'session_busy'])
  }
  assert.equal((await eventsOf(server, id, '?types=input.message')).length, 1)
  await server.call('POST', `/v1/sessions/${id}/cancel`)
})

test('if_sequence: of simultaneous messages after one event, one is stored', async (t) => {
  const server = await startServer(t)
  const { id } = await createSession(server)
  const if_sequence = (await eventsOf(server, id)).at(-1)!.sequence!
  const ways = ['steer', 'queue', 'interrupt', 'reject']
  const text = scripted({ text: 'Slow', delay_ms: 600_000 })
  const all = await Promise.all(
    ways.map((on_busy) => post(server, id, text, { on_busy, if_sequence })),
  )
  const refused = all.filter(({ status }) => status !== 201)
  assert.equal(refused.length, ways.length - 1)
  for (const { body } of refused) {
    assert.ok(['changed_meanwhile', 'session_busy'].includes(body.code), body.code)
  }
  assert.equal((await eventsOf(server, id, '?types=input.message')).length, 1)
  for (const on_busy of ['steer', 'queue', 'interrupt']) {
    const late = await post(server, id, text, { on_busy, if_sequence })
    assert.deepEqual([late.status, late.body.code], [412, 'changed_meanwhile'], on_busy)
  }
  assert.equal((await eventsOf(server, id, '?types=turn.cancelled')).length, 0)
  await server.call('POST', `/v1/sessions/${id}/cancel`)
})

test('if_key: a message is stored only while the session has the key', async (t) => {
  const server = await startServer(t)
  const { id } = await createSession(server, { key: 'chat' })
  const ways = ['steer', 'queue', 'interrupt', 'reject']
  const text = scripted({ text: 'Slow', delay_ms: 600_000 })
  const sendAll = (if_key: string) =>
    Promise.all(ways.map(async (on_busy) => post(server, id, text, { on_busy, if_key })))
  const isRefused = async (if_key: string) => {
    for (const { status, body } of await sendAll(if_key)) {
      assert.deepEqual([status, body.code], [412, 'changed_meanwhile'])
    }
  }
  await isRefused('other')
  assert.equal((await post(server, id, text, { if_key: 'chat' })).status, 201)
  await isRefused('other')
  assert.equal((await post(server, id, text, { on_busy: 'queue', if_key: 'chat' })).status, 201)
  const fork = { at_sequence: 1, take_key: true }
  assert.equal((await server.call('POST', `/v1/sessions/${id}/fork`, fork)).status, 201)
  await isRefused('chat')
  assert.equal((await post(server, id, text, { if_key: 'x'.repeat(201) })).status, 400)
  assert.equal((await eventsOf(server, id, '?types=input.message')).length, 2)
  assert.equal((await eventsOf(server, id, '?types=turn.cancelled')).length, 0)
  await server.call('POST', `/v1/sessions/${id}/cancel`)
})

test('every on_busy value starts a turn in an idle session; other values are refused', async (t) => {
  const server = await startServer(t)
  for (const on_busy of ['steer', 'queue', 'interrupt', 'reject', null]) {
    const { id } = await createSession(server)
    const stream = await follow(t, server.url, { sessionId: id })
    assert.equal((await post(server, id, 'hello', { on_busy })).status, 201)
    await stream.event('session.idled')
    const [input] = await eventsOf(server, id, '?types=input.message')
    assert.deepEqual(Object.keys(input!.data), ['message'])
  }
  const { id } = await createSession(server)
  const bad = await post(server, id, 'hello', { on_busy: 'wait' })
  assert.deepEqual(
    [bad.status, bad.body.code, bad.body.details[0].path],
    [400, 'invalid_request', 'on_busy'],
  )
  assert.equal((await eventsOf(server, id)).length, 1)
  const unknown = `session_${'0'.repeat(32)}`
  for (const on_busy of ['reject', 'interrupt', 'queue']) {
    assert.equal((await post(server, unknown, 'hello', { on_busy })).status, 404)
  }
})

test('interrupt with an Idempotency-Key happens once', async (t) => {
  const { server, id, stream } = await busySession(t)
  const body = {
    message: { content: [{ type: 'text', text: 'once' }] },
    on_busy: 'interrupt',
  }
  const send = () =>
    server.call('POST', `/v1/sessions/${id}/messages`, body, { 'idempotency-key': 'k' })
  // On a slow machine one may wait 5 s for the other, and is refused.
  const [one, two] = await Promise.all([untilStatus(send, 201), untilStatus(send, 201)])
  assert.equal(one.id, two.id)
  await stream.event('session.idled')
  const events = await eventsOf(server, id)
  assert.equal(textsOf(events, 'output.message.completed').at(-1), 'to once')
  assert.equal(events.filter(({ type }) => type === 'turn.cancelled').length, 1)
})
