/** Sessions whose messages are longer than a node could read at once. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import type { Event, Session } from '@outlast/contract'
import { expectStatus } from '../../../../test/access.ts'
import { insistent, type ServerOptions, startServer } from '../../../../test/server.ts'
import { createSession, eventsOf, post, scripted } from '../../../../test/session.ts'
import { eventually } from '../../../../test/waiting.ts'

type Page = { data: Event[]; scanned_to?: number }

const messageLength = 7 * 1024 * 1024

async function emptySession(t: TestContext, options: ServerOptions = {}) {
  const server = await startServer(t, options)
  const session = await createSession(server)
  const path = `/v1/sessions/${session.id}`
  const isIdle = async () => ((await server.call('GET', path)).body as Session).status === 'idle'
  return { server, session, path, isIdle }
}

/** A session with messages of 7 MiB, which PostgreSQL compresses to almost nothing. */
async function longSession(t: TestContext, messages: number) {
  const opened = await emptySession(t)
  const { server, session, isIdle } = opened
  for (let n = 1; n <= messages; n++) {
    const text = `Message ${n} ${'x'.repeat(messageLength)}`
    expectStatus(await post(server, session.id, text), 201)
    await eventually(isIdle)
  }
  return opened
}

test('a model call has the newest 32 MiB of earlier messages', async (t) => {
  const { server, session, path } = await longSession(t, 7)
  const ended = await eventsOf(server, session.id, '?types=reason.completed')
  const tokens = ended.map((event) => (event as Event<'reason.completed'>).data.usage!.input_tokens)
  assert.ok(tokens[4]! - tokens[3]! > 1_000_000, `the fifth call has five messages: ${tokens}`)
  assert.ok(Math.abs(tokens[6]! - tokens[5]!) < 1_000, `no later call is longer: ${tokens}`)
  const { body } = await server.call('GET', `${path}/context-report`)
  const messages = body.sections.find(({ key }: { key: string }) => key === 'messages')
  assert.equal(messages.items, 8, 'four messages and their replies')
})

test('a page of model calls with all their messages ends after 16 MiB', async (t) => {
  const { server, path } = await longSession(t, 6)
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

test('a search stops after 64 MiB of text and continues from there', async (t) => {
  const { server, path } = await longSession(t, 6)
  const found: number[] = []
  const stops: number[] = []
  for (let after: number | undefined = 0; after !== undefined; ) {
    const query = `types=input.message&q=${encodeURIComponent('Message 6 x')}&after_sequence=${after}`
    const { body } = await server.call('GET', `${path}/events?${query}`)
    const { data, scanned_to } = body as Page
    found.push(...data.map(({ sequence }) => sequence!))
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
  const long = randomBytes((messageLength / 4) * 3).toString('base64')
  const queued = () => post(server, session.id, long, { on_busy: 'queue' })
  let accepted = 0
  let last = await queued()
  for (; last.status === 201; last = await queued()) accepted += 1
  expectStatus(last, 429, 'too_many_messages')
  assert.ok(accepted >= 8 && accepted <= 10, `${accepted} messages`)
  expectStatus(await post(server, session.id, 'Short.'), 429, 'too_many_messages')
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
