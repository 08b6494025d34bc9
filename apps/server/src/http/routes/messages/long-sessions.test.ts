/** Sessions whose messages are longer than a node could read at once. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Event, Session } from '@outlast/contract'
import { expectStatus } from '../../../../test/access.ts'
import { beforeAll } from '../../../../test/hooks.ts'
import { insistent, startServer } from '../../../../test/server.ts'
import { createSession, eventsOf, post, scripted } from '../../../../test/session.ts'
import { eventually } from '../../../../test/waiting.ts'

type Page = { data: Event[]; scanned_to?: number }

const messageLength = 7 * 1024 * 1024

async function emptySession(t: Pick<TestContext, 'after'>) {
  const server = await startServer(t)
  const session = await createSession(server)
  const path = `/v1/sessions/${session.id}`
  const isIdle = async () => ((await server.call('GET', path)).body as Session).status === 'idle'
  return { server, session, path, isIdle }
}

/** A session with messages of 7 MiB, which PostgreSQL compresses to almost nothing. */
async function longSession(t: Pick<TestContext, 'after'>, messages: number, first: string[] = []) {
  const opened = await emptySession(t)
  const { server, session, isIdle } = opened
  const long = (_: unknown, n: number) => `Message ${n + 1} ${'x'.repeat(messageLength)}`
  for (const text of [...first, ...Array.from({ length: messages }, long)]) {
    expectStatus(await post(server, session.id, text), 201)
    await eventually(isIdle)
  }
  return opened
}

test('a model call has the newest 128 MiB of earlier messages', async (t) => {
  const failing = scripted({ error: { message: 'Refused.', status: 400 } })
  const { server, session, path } = await longSession(t, 20, [failing])
  const ended = (await eventsOf(server, session.id, '?types=reason.completed')).slice(1)
  const tokens = ended.map((event) => (event as Event<'reason.completed'>).data.usage!.input_tokens)
  assert.ok(tokens[18]! - tokens[17]! > 1_000_000, `the 19th call has 19 messages: ${tokens}`)
  assert.ok(Math.abs(tokens[19]! - tokens[18]!) < 1_000, `the 20th is no longer: ${tokens}`)
  const { body } = await server.call('GET', `${path}/context-report`)
  const messages = body.sections.find(({ key }: { key: string }) => key === 'messages')
  assert.equal(messages.items, 36, '18 messages and their replies')
  const [failed] = await eventsOf(server, session.id, '?types=turn.failed')
  const retry = `/v1/durable/workflows/${failed!.context.turn_id}/retry`
  expectStatus(await server.call('POST', retry), 429, 'too_many_messages')
})

let six: Awaited<ReturnType<typeof longSession>>

beforeAll(async (t) => {
  six = await longSession(t, 6)
})

test('a page of model calls with all their messages ends after 16 MiB', async () => {
  const { server, path } = six
  const query = 'types=llm.generation&expand=messages&limit=100'
  const sequences: number[] = []
  let pages = 0
  for (let before: number | undefined = 1_000; before !== undefined; pages += 1) {
    const { body } = await server.call('GET', `${path}/events?${query}&before_sequence=${before}`)
    const { data, scanned_to } = body as Page
    assert.ok(data.length <= 3, `${data.length} calls`)
    sequences.unshift(...data.map(({ sequence }) => sequence!))
    before = scanned_to
  }
  assert.equal(new Set(sequences).size, 6)
  assert.deepEqual(
    sequences,
    sequences.toSorted((a, b) => a - b),
  )
  assert.ok(pages >= 3)
})

test('a search stops after 64 MiB of text and continues from there', async () => {
  const { server, path } = six
  const found: string[] = []
  const stops: number[] = []
  for (let after: number | undefined = 0; after !== undefined; ) {
    const query = `q=${encodeURIComponent('Message 6 x')}&after_sequence=${after}`
    const { body } = await server.call('GET', `${path}/events?${query}`)
    const { data, scanned_to } = body as Page
    found.push(...data.filter(({ type }) => type === 'input.message').map(({ id }) => id))
    if (scanned_to !== undefined) stops.push(scanned_to)
    after = scanned_to
  }
  assert.ok(stops.length >= 1)
  assert.equal(found.length, 1)
})

test('messages that wait for the end of a turn are limited in bytes', async (t) => {
  const { server, session, path } = await emptySession(t)
  const slow = scripted({ text: 'Slow. '.repeat(1_000), tokens_per_second: 5 })
  expectStatus(await post(server, session.id, slow), 201)
  const long = 'A word and more. '.repeat(messageLength / 17)
  const queued = () => post(server, session.id, long, { on_busy: 'queue' })
  let accepted = 0
  let last = await queued()
  for (; last.status === 201; last = await queued()) accepted += 1
  expectStatus(last, 429, 'too_many_messages')
  assert.equal(accepted, 10)
  for (const on_busy of ['steer', 'queue', 'interrupt']) {
    const short = await post(server, session.id, 'Short.', { on_busy })
    expectStatus(short, 429, 'too_many_messages')
  }
  const { sequence } = (await eventsOf(server, session.id, '?limit=1&order_desc=true'))[0]!
  const next = { if_sequence: sequence }
  expectStatus(await post(server, session.id, 'Next.', next), 429, 'too_many_messages')
  const stored = await eventsOf(server, session.id, '?types=input.message&limit=100')
  assert.equal(stored.length, accepted + 1, 'a refused message is not stored')
  const other = await createSession(server)
  expectStatus(await post(server, other.id, 'Elsewhere.'), 201)

  expectStatus(await server.call('POST', `${path}/cancel`), 200)
  const later = { ...server, call: insistent(server.call) }
  expectStatus(await post(later, session.id, 'Later.', { on_busy: 'queue' }), 201)
})

test('messages of many turns without a model call are presented with the next call', async (t) => {
  const { server, session, path, isIdle } = await emptySession(t)
  for (let n = 1; n <= 6; n++) {
    expectStatus(await post(server, session.id, 'x'.repeat(messageLength)), 201)
    expectStatus(await server.call('POST', `${path}/cancel`), 200)
    await eventually(isIdle)
  }
  expectStatus(await post(server, session.id, 'Short.'), 201)
  await eventually(isIdle)
  // A turn may have called its model before it was cancelled.
  const calls = await eventsOf(server, session.id, '?types=llm.generation')
  const messages = calls.flatMap((call) => (call as Event<'llm.generation'>).data.messages)
  assert.equal(messages.filter(({ role }) => role === 'user').length, 7)
})

test('the events around a long one contain it', async () => {
  const { server, session, path } = six
  const inputs = await eventsOf(server, session.id, '?types=input.message')
  const { sequence, id } = inputs.at(-1)!
  const { body } = await server.call('GET', `${path}/events?around=${id}&window=50`)
  const sequences = (body as Page).data.map((event) => event.sequence!)
  assert.ok(sequences.includes(sequence!))
  assert.deepEqual(
    sequences,
    sequences.toSorted((a, b) => a - b),
  )
})
