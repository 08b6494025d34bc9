import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import type { Event } from '@outlast/contract'
import { startServer } from '../../../test/server.ts'
import { createSession, eventsOf, post, scripted } from '../../../test/session.ts'
import { follow } from '../../../test/stream.ts'

const words = Array.from({ length: 200 }, (_, n) => `word${n}`).join(' ')
const slow = scripted({ text: words, tokens_per_second: 200 })

async function busySession(t: TestContext) {
  const server = await startServer(t)
  const { id } = await createSession(server)
  const stream = await follow(t, server.url, { sessionId: id })
  await post(server, id, slow)
  await stream.event('output.message.delta', 2)
  return {
    server,
    id,
    stream,
    say: (text: string, fields?: object) => post(server, id, text, fields),
  }
}

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
  const { server, id, stream, say } = await busySession(t)
  assert.equal((await say('llmsim-script: [{"text":"to one"}]', { on_busy: 'queue' })).status, 201)
  assert.equal((await say('llmsim-script: [{"text":"to two"}]', { on_busy: 'queue' })).status, 201)
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
  const { server, id, stream, say } = await busySession(t)
  await say('llmsim-script: [{"text":"waited"}]', { on_busy: 'queue' })
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
  const { server, id, stream, say } = await busySession(t)
  await say('llmsim-script: [{"text":"queued"}]', { on_busy: 'queue' })
  await say('llmsim-script: [{"text":"steered"}]')
  await stream.event('session.idled')
  const events = await eventsOf(server, id)
  assert.deepEqual(textsOf(events, 'output.message.completed'), [words, 'steered', 'queued'])
  assert.equal((await promptOf(server, id, 2)).length, 2)
})

test('interrupt: cancels the running turn, keeps its text and answers the message next', async (t) => {
  const { server, id, stream, say } = await busySession(t)
  await say('llmsim-script: [{"text":"queued"}]', { on_busy: 'queue' })
  const { status } = await say('llmsim-script: [{"text":"instead"}]', { on_busy: 'interrupt' })
  assert.equal(status, 201)
  await stream.event('session.idled')
  const events = await eventsOf(server, id)
  const [partial, ...rest] = textsOf(events, 'output.message.completed')
  assert.ok(partial !== '' && words.startsWith(partial!) && partial !== words)
  assert.deepEqual(rest, ['instead', 'queued'])
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
  const { server, id, stream, say } = await busySession(t)
  const before = (await eventsOf(server, id)).length
  const refused = await say('no', { on_busy: 'reject' })
  assert.deepEqual([refused.status, refused.body.code], [409, 'session_busy'])
  assert.equal((await eventsOf(server, id, '?types=input.message')).length, 1)
  assert.ok((await eventsOf(server, id)).length >= before)
  await stream.event('session.idled')
  assert.equal((await say('yes', { on_busy: 'reject' })).status, 201)
})

test('reject: of simultaneous messages one starts a turn and the others get 409', async (t) => {
  const server = await startServer(t)
  const { id } = await createSession(server)
  const text = scripted({ text: 'Slow', delay_ms: 20_000 })
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
  const text = scripted({ text: 'Slow', delay_ms: 20_000 })
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
    message: { content: [{ type: 'text', text: 'llmsim-script: [{"text":"once"}]' }] },
    on_busy: 'interrupt',
  }
  const send = () =>
    server.call('POST', `/v1/sessions/${id}/messages`, body, { 'idempotency-key': 'k' })
  const [one, two] = await Promise.all([send(), send()])
  assert.deepEqual([one.status, two.status], [201, 201])
  assert.equal(one.body.id, two.body.id)
  await stream.event('session.idled')
  const events = await eventsOf(server, id)
  assert.equal(textsOf(events, 'output.message.completed').at(-1), 'once')
  assert.equal(events.filter(({ type }) => type === 'turn.cancelled').length, 1)
})
