/** The text of a message in a stream while the model writes it. */
import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Event } from '@outlast/contract'
import { type ModelCall, startModel } from '../../../../test/remotes/written-model.ts'
import { startServer } from '../../../../test/server.ts'
import { createSession, eventsOf, post } from '../../../../test/session.ts'
import { follow } from '../../../../test/stream.ts'

const words = Array.from({ length: 10 }, (_, n) => `word${n} `)
const whole = words.join('')

type Stream = Awaited<ReturnType<typeof follow>>

async function session(t: TestContext) {
  const server = await startServer(t, { env: { PRIVATE_HOSTS_ALLOWED: '127.0.0.1' } })
  const model = await startModel(t)
  const { id: model_id } = await model.addTo(server)
  const { id } = await createSession(server, { model_id })
  const open = (about: { query?: string; headers?: Record<string, string> } = {}) =>
    follow(t, server.url, { sessionId: id, ...about })
  return { server, id, reply: model.call, open }
}

const deltasOf = (events: Event[]) => events.filter(({ type }) => type === 'output.message.delta')

const textOf = (events: Event[]) =>
  (deltasOf(events) as Event<'output.message.delta'>[]).map(({ data }) => data.delta).join('')

const storedOf = (events: Event[]) => events.filter(({ sequence }) => sequence !== undefined)

/** Writes words, each once the stream has the one before. */
async function write(reply: ModelCall, { events, until }: Stream, some: string[]) {
  for (const word of some) {
    const text = textOf(events) + word
    reply.say(word)
    await until(() => textOf(events) === text)
  }
}

function finish(reply: ModelCall, rest: string[]) {
  for (const word of rest) reply.say(word)
  reply.end()
}

test('resuming from an event inside a message continues inside the message', async (t) => {
  const { server, id, reply, open } = await session(t)
  const cases = [
    ['input.message', () => post(server, id, 'Meanwhile')],
    ['turn.cancelled', () => server.call('POST', `/v1/sessions/${id}/cancel`)],
  ] as const
  for (const [type, meanwhile] of cases) {
    const isCancelled = type === 'turn.cancelled'
    const before = (await eventsOf(server, id)).at(-1)!.sequence
    const query = `?after_sequence=${before}`
    const one = await open({ query })
    const all = await open({ query })
    await post(server, id, 'Speak.')
    const first = await reply(isCancelled ? 3 : 1)
    await write(first, one, words.slice(0, 2))
    await all.event('output.message.delta')
    first.say(words[2]!)
    await meanwhile()
    const { id: at } = await one.event(type, isCancelled ? 1 : 2)
    const frame = one.frames.find(({ data }) => data?.includes(at))!
    const seen = one.events.slice(0, one.events.findIndex((event) => event.id === at) + 1)
    one.close()
    if (!isCancelled) {
      finish(first, words.slice(3))
      finish(await reply(2), ['Yes.'])
    }
    await all.event('session.idled')
    const headers = { 'last-event-id': frame.id! }
    const rest = await open({ headers })
    await rest.event('session.idled')
    const begun = all.events.findIndex((event) => event.type === 'output.message.completed')
    const end = rest.events.findIndex((event) => event.type === 'output.message.completed')
    assert.equal(
      textOf([...seen, ...rest.events.slice(0, end)]),
      textOf(all.events.slice(0, begun)),
      type,
    )
    rest.close()
  }
})

test('resuming at any event, a delta included, loses nothing and repeats nothing', async (t) => {
  const { server, id, reply, open } = await session(t)
  const all = await open()
  await post(server, id, 'Speak.')
  const written = await reply()
  await write(written, all, words)
  written.end()
  await all.event('session.idled')
  assert.equal(textOf(all.events), whole)
  for (const [index, { id: since }] of all.events.entries()) {
    const stream = await open({ query: `?since_id=${since}` })
    const rest = all.events.slice(index + 1)
    if (rest.length === 0) break
    await stream.event('session.idled')
    assert.deepEqual(
      storedOf(stream.events).map((event) => event.id),
      storedOf(rest).map((event) => event.id),
    )
    const seen = textOf(all.events.slice(0, index + 1))
    if (all.events[index]!.type === 'output.message.delta') {
      assert.equal(seen + textOf(stream.events), whole, `after delta ${index}`)
    }
    stream.close()
  }
})

test('resuming from a delta of a running message returns the text after it', async (t) => {
  const { server, id, reply, open } = await session(t)
  const first = await open()
  await post(server, id, 'Speak.')
  const written = await reply()
  await write(written, first, words.slice(0, 3))
  const third = await first.event('output.message.delta', 3)
  first.close()
  written.say(words[3]!)
  const second = await open({ headers: { 'last-event-id': third.id } })
  await second.event('output.message.delta')
  finish(written, words.slice(4))
  await second.event('session.idled')
  assert.equal(words.slice(0, 3).join('') + textOf(second.events), whole)
  assert.equal(second.events.filter(({ type }) => type === 'output.message.started').length, 0)
  const last = second.events.findLast((event) => event.type === 'output.message.delta')!
  assert.equal(last.data.accumulated, whole)
})

test('a new client inside a message gets one delta with all text so far', async (t) => {
  const { server, id, reply, open } = await session(t)
  const early = await open()
  await post(server, id, 'Speak.')
  const written = await reply()
  await write(written, early, words.slice(0, 4))
  const late = await open()
  const first = await late.event('output.message.delta')
  assert.equal(first.data.delta, first.data.accumulated)
  assert.equal(first.data.delta, words.slice(0, 4).join(''))
  finish(written, words.slice(4))
  await late.event('session.idled')
  assert.equal(textOf(late.events), whole)
  await early.event('session.idled')
  assert.deepEqual(storedOf(late.events), storedOf(early.events))
})

test('deltas come at most every 50 ms, accumulate, and can leave the accumulated text out', async (t) => {
  const { server, id, reply, open } = await session(t)
  const full = await open()
  const bare = await open({ query: '?accumulated=false' })
  const begun = performance.now()
  await post(server, id, 'Speak.')
  const written = await reply()
  for (let round = 0; round < 6; round += 1) {
    for (const word of words) {
      written.say(word)
      await sleep(5)
    }
  }
  const all = whole.repeat(6)
  for (const { events, until } of [full, bare]) {
    await until(() => textOf(events) === all)
  }
  written.end()
  await Promise.all([full.event('session.idled'), bare.event('session.idled')])
  const pauses = Math.ceil((performance.now() - begun) / 50) + 2
  const deltas = full.events.filter((event) => event.type === 'output.message.delta')
  let text = ''
  for (const { data } of deltas) {
    text += data.delta
    assert.equal(data.accumulated, text)
  }
  assert.ok(deltas.length <= pauses, `${deltas.length} deltas in ${pauses} pauses`)
  assert.doesNotMatch(JSON.stringify(bare.events), /accumulated/)
})

test('a message that came meanwhile does not stop the text', async (t) => {
  const { server, id, reply, open } = await session(t)
  const stream = await open()
  await post(server, id, 'Speak.')
  const written = await reply()
  await write(written, stream, words.slice(0, 2))
  await post(server, id, 'meanwhile')
  await write(written, stream, words.slice(2))
  written.end()
  await stream.event('turn.completed')
  const upTo = stream.events.findIndex(({ type }) => type === 'turn.completed')
  assert.equal(textOf(stream.events.slice(0, upTo)), whole)
  finish(await reply(2), ['Yes.'])
})
