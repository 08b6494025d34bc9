import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Event } from '@outlast/contract'
import { createOutlast } from '@outlast/sdk'
import { expectStatus, registerPerson, startGuarded } from '../../apps/server/test/access.ts'
import { createTestDatabase } from '../../apps/server/test/database.ts'
import { startModel } from '../../apps/server/test/remotes/written-model.ts'
import { startServer } from '../../apps/server/test/server.ts'
import { dataOf, eventsOf, post } from '../../apps/server/test/session.ts'
import { follow } from '../../apps/server/test/stream.ts'
import { startProcess } from '../process.ts'
import { textOf } from './following.ts'
import { startLossyBus } from './lossy-bus.ts'

const env = { PRIVATE_HOSTS_ALLOWED: '127.0.0.1' }
const capabilities = [{ ref: 'test_math' }]
const add = { id: 'call_a', name: 'add' }
const multiply = { id: 'call_m', name: 'multiply' }

/** The arguments that a client has, by call. A new attempt drops the last one's. */
function inputsOf(events: readonly Event[]): Record<string, string> {
  let inputs: Record<string, string> = {}
  for (const { type, data } of events) {
    if (type === 'output.message.started') inputs = {}
    if (type !== 'tool.input.delta') continue
    const key = `${data.tool_call_id} ${data.name}`
    inputs[key] = (inputs[key] ?? '') + data.delta
  }
  return inputs
}

type Stream = Awaited<ReturnType<typeof follow>>

const has = ({ until, events }: Stream, inputs: Record<string, string>) =>
  until(() => {
    try {
      assert.deepEqual(inputsOf(events), inputs)
      return true
    } catch {
      return undefined
    }
  })

/** A node that runs turns and one that only serves, and a session of an agent with tools. */
async function cluster(t: TestContext) {
  const model = await startModel(t)
  const worker = await startServer(t, { env })
  const { databaseUrl } = worker
  const other = await startServer(t, { databaseUrl, env: { ...env, ROLE: 'api' } })
  const { id } = await model.session(worker, { capabilities })
  const joined = async (url: string, query = '') => {
    const stream = await follow(t, url, { sessionId: id, query })
    await stream.event('session.started')
    return stream
  }
  return { model, worker, other, id, joined }
}

test('arguments reach followers on both nodes while the model writes them', async (t) => {
  const { model, worker, other, id, joined } = await cluster(t)
  const streams = [await joined(worker.url), await joined(other.url)]
  const without = await joined(other.url, '?exclude=tool.input.delta')
  await post(worker, id, 'Calculate')
  const call = await model.call()
  call.say('I calculate.')
  call.input(0, '{"a":', add)
  for (const stream of streams) await has(stream, { 'call_a add': '{"a":' })
  call.input(0, '6,"b":7}')
  call.input(1, '{"a":"🐟', multiply)
  const both = { 'call_a add': '{"a":6,"b":7}', 'call_m multiply': '{"a":"🐟' }
  for (const stream of streams) await has(stream, both)
  await without.event('output.message.delta')
  const late = await joined(other.url)
  await has(late, both)
  const first = late.events.filter(({ type }) => type === 'tool.input.delta')
  assert.equal(first.length, 2, 'one delta for each call with all of it so far')
  call.input(1, '"}')
  call.end()
  const answer = await model.call(2)
  answer.say('Done.')
  answer.end()
  for (const stream of [...streams, late, without]) await stream.event('session.idled')
  const stored = await eventsOf(worker, id)
  assert.ok(!stored.some(({ type }) => type === 'tool.input.delta'))
  const { content } = dataOf(stored, 'output.message.completed').message
  const calls = content.flatMap((part) => (part.type === 'tool_call' ? [part] : []))
  const wanted = { 'call_a add': '{"a":6,"b":7}', 'call_m multiply': '{"a":"🐟"}' }
  for (const { id, name, arguments: given } of calls) {
    assert.deepEqual(JSON.parse(wanted[`${id} ${name}` as keyof typeof wanted]), given)
  }
  for (const { events } of [...streams, late]) {
    const end = events.findIndex(({ type }) => type === 'output.message.completed')
    assert.deepEqual(inputsOf(events.slice(0, end)), wanted)
    assert.equal(textOf(events.slice(0, end)), 'I calculate.')
    for (const { id } of events.filter(({ type }) => type === 'tool.input.delta')) {
      assert.match(id, /^event_/)
    }
  }
  assert.deepEqual(inputsOf(without.events), {})
  const end = without.events.findIndex(({ type }) => type === 'output.message.completed')
  assert.equal(textOf(without.events.slice(0, end)), 'I calculate.')
})

test('a node that loses the end of the arguments fills it in from the stored message', async (t) => {
  const model = await startModel(t)
  const worker = await startServer(t, { env })
  const lossy = await startLossyBus(t, worker.databaseUrl)
  const far = { databaseUrl: lossy.databaseUrl, env: { ...env, ROLE: 'api' } }
  const other = await startServer(t, far)
  const { id } = await model.session(worker, { capabilities })
  const near = await follow(t, worker.url, { sessionId: id })
  const streams = [1, 2].map(() => follow(t, other.url, { sessionId: id }))
  const followers = await Promise.all(streams)
  for (const stream of [near, ...followers]) await stream.event('session.started')
  await post(worker, id, 'Calculate')
  const call = await model.call()
  call.say('I calculate.')
  call.input(0, '{ "a": 6, "b', add)
  for (const stream of [near, ...followers]) await has(stream, { 'call_a add': '{ "a": 6, "b' })
  lossy.loseText()
  call.input(0, '": 7 }')
  call.input(1, '{"a":1,"b":2}', multiply)
  const written = { 'call_a add': '{ "a": 6, "b": 7 }', 'call_m multiply': '{"a":1,"b":2}' }
  await has(near, written)
  call.end()
  ;(await model.call(2)).end()
  for (const stream of [near, ...followers]) await stream.event('session.idled')
  for (const { events } of followers) {
    const end = events.findIndex(({ type }) => type === 'output.message.completed')
    const before = events.slice(0, end)
    assert.deepEqual(inputsOf(before), { ...written, 'call_a add': '{ "a": 6, "b":7}' })
    assert.equal(textOf(before), 'I calculate.')
    const places = before.map(({ id }) => id)
    assert.equal(new Set(places).size, places.length)
  }
})

test('a client that resumes inside the arguments gets the rest, and text after them once', async (t) => {
  const { model, worker, other, id, joined } = await cluster(t)
  const first = await joined(worker.url)
  await post(worker, id, 'Calculate')
  const call = await model.call()
  call.input(0, '{"a":1', add)
  const { id: seen } = await first.event('tool.input.delta')
  first.close()
  const headers = { 'last-event-id': seen }
  call.input(0, ',"b":2}')
  const second = await follow(t, other.url, { sessionId: id, headers })
  await has(second, { 'call_a add': ',"b":2}' })
  call.say('And a word after it.')
  call.end()
  const answer = await model.call(2)
  answer.end()
  await second.event('session.idled')
  const end = second.events.findIndex(({ type }) => type === 'output.message.completed')
  assert.equal(textOf(second.events.slice(0, end)), 'And a word after it.')
})

test('arguments of a superseded attempt reach no late client, and the transcript drops them', async (t) => {
  const { model, worker, other, id, joined } = await cluster(t)
  const early = await joined(other.url)
  const outlast = createOutlast({ url: other.url })
  await post(worker, id, 'Calculate')
  const broken = await model.call()
  broken.input(0, '{"secret of the first attempt":', add)
  await has(early, { 'call_a add': '{"secret of the first attempt":' })
  broken.breakOff()
  const again = await model.call(2)
  again.input(0, '{"a":1,"b":2}', multiply)
  await has(early, { 'call_m multiply': '{"a":1,"b":2}' })
  const late = await joined(other.url)
  await has(late, { 'call_m multiply': '{"a":1,"b":2}' })
  const { addEvent, emptyTranscript, itemsOf } = await import('@outlast/sdk')
  const writing = (events: readonly Event[]) =>
    itemsOf(events.reduce(addEvent, emptyTranscript)).flatMap((item) =>
      item.kind === 'agent_message' ? item.writing : [],
    )
  assert.deepEqual(writing(early.events), [
    { id: 'call_m', name: 'multiply', input: '{"a":1,"b":2}' },
  ])
  again.end()
  ;(await model.call(3)).end()
  await late.event('session.idled')
  await early.event('session.idled')
  assert.ok(!JSON.stringify(late.events).includes('first attempt'))
  assert.deepEqual(writing(early.events), [])
  for await (const event of outlast.events.list(id)) assert.notEqual(event.type, 'tool.input.delta')
})

test('a call whose id and name are longer than a payload between nodes is shortened', async (t) => {
  const { model, worker, id, joined, other } = await cluster(t)
  const stream = await joined(other.url)
  await post(worker, id, 'Calculate')
  const call = await model.call()
  call.input(0, '{"a":1}', { id: '\u0001'.repeat(9_000), name: 'n'.repeat(9_000) })
  await has(stream, { [`${'\u0001'.repeat(200)} ${'n'.repeat(200)}`]: '{"a":1}' })
  call.end()
  ;(await model.call(2)).end()
  await stream.event('session.idled')
})

test('after kill -9 of the node that runs the turn, followers get the arguments of the new attempt', async (t) => {
  const model = await startModel(t)
  const databaseUrl = await createTestDatabase(t)
  const one = await startProcess({ ...env, DATABASE_URL: databaseUrl })
  t.after(() => one.crash())
  const { id } = await model.session(one, { capabilities })
  await post(one, id, 'Calculate')
  const lost = await model.call()
  const two = await startServer(t, { databaseUrl, env })
  const stream = await follow(t, two.url, { sessionId: id })
  await stream.event('output.message.started')
  lost.input(0, '{"a":"lost', add)
  await has(stream, { 'call_a add': '{"a":"lost' })
  await one.crash()
  const again = await model.call(2)
  await stream.event('output.message.started', 2)
  again.input(0, '{"a":2,"b":3}', multiply)
  await has(stream, { 'call_m multiply': '{"a":2,"b":3}' })
  again.end()
  ;(await model.call(3)).end()
  await stream.event('session.idled')
  const late = await follow(t, two.url, { sessionId: id })
  await late.event('session.idled')
  assert.deepEqual(inputsOf(late.events), {}, 'not stored')
})

test('a session token with the chat view gets no arguments, one with the full view does', async (t) => {
  const model = await startModel(t)
  const server = await startGuarded(t, { env: { PRIVATE_HOSTS_ALLOWED: '127.0.0.1@*' } })
  const mine = { url: server.url, call: (await registerPerson(server)).call }
  const { id } = await model.session(mine, { capabilities })
  const follower = async (view: string) => {
    const path = `/v1/sessions/${id}/tokens`
    const { token } = expectStatus(await mine.call('POST', path, { view }), 201)
    const headers = { authorization: `Bearer ${token}` }
    const stream = await follow(t, server.url, { sessionId: id, headers })
    await stream.event('session.started')
    return stream
  }
  const [chat, full] = [await follower('chat'), await follower('full')]
  await post(mine, id, 'Calculate')
  const call = await model.call()
  call.say('Now.')
  call.input(0, '{"a":1,"b":2}', add)
  await has(full, { 'call_a add': '{"a":1,"b":2}' })
  call.end()
  ;(await model.call(2)).end()
  await chat.event('session.idled')
  assert.ok(!JSON.stringify(chat.events).includes('"a":1'))
  assert.deepEqual(inputsOf(chat.events), {})
})
