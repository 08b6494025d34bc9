/** What followers may rely on, on whichever node they are and whatever carries hints between nodes. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import { Readable } from 'node:stream'
import { type TestContext, test } from 'node:test'
import type { Event } from '@outlast/contract'
import pg from 'pg'
import { startServer } from '../../apps/server/test/server.ts'
import { createSession, eventsOf, post, replyOf, scripted } from '../../apps/server/test/session.ts'
import { follow, framesOf } from '../../apps/server/test/stream.ts'

type Server = Awaited<ReturnType<typeof startServer>>
type Stream = Awaited<ReturnType<typeof follow>>

export type Following = {
  /** Settings of every node. */
  env: Record<string, string>
  /** Breaks the connections that carry hints between nodes. */
  cut: (databaseUrl: string) => Promise<void>
}

const words = Array.from({ length: 60 }, (_, n) => `word${n}`).join(' ')
/** About a second of text. */
const slow = scripted({ text: words, tokens_per_second: 60 })

/** A node that runs turns and some that only serve, on one database, and a session. */
async function cluster(t: TestContext, { env }: Following, count = 2) {
  const worker = await startServer(t, { env })
  const { databaseUrl } = worker
  const others: Server[] = []
  while (others.length < count - 1) {
    others.push(await startServer(t, { databaseUrl, env: { ...env, ROLE: 'api' } }))
  }
  return { worker, other: others[0]!, third: others[1]!, id: (await createSession(worker)).id }
}

const textOf = (events: Event[], type: Event['type'] = 'output.message.delta') =>
  events
    .filter((event) => event.type === type)
    .map(({ data }) => (data as { delta: string }).delta)
    .join('')

const storedOf = (events: Event[]) => events.filter(({ sequence }) => sequence !== undefined)

/** The text that a client has made of the deltas: an attempt that begins again drops the last one's. */
function shownText(events: Event[]): string {
  const began = events.findLastIndex(({ type }) => type === 'output.message.started')
  return textOf(events.slice(began + 1))
}

/** Contract: deltas continue each other, and `accumulated` says so. */
function checkDeltas(events: Event[]): void {
  let text = ''
  for (const event of events) {
    if (event.type === 'output.message.started') text = ''
    if (event.type !== 'output.message.delta') continue
    text += event.data.delta
    assert.equal(event.data.accumulated, text)
  }
}

async function query<Row>(databaseUrl: string, text: string): Promise<Row[]> {
  const client = new pg.Client(databaseUrl)
  await client.connect()
  const { rows } = await client.query(text)
  await client.end()
  return rows
}

/** Remembers every row that is written to the table of snapshots. */
async function watchSnapshots(databaseUrl: string) {
  await query(
    databaseUrl,
    `create table seen (session_id text, length integer);
    create function see() returns trigger language plpgsql as
      'begin insert into seen values (new.session_id, new.length); return new; end';
    create trigger see after insert or update on snapshots for each row execute function see()`,
  )
  return () => query<{ session_id: string; length: number }>(databaseUrl, 'select * from seen')
}

/** Waits for something that no stream tells. */
async function eventually<T>(find: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const found = await find()
    if (found !== undefined) return found
  }
}

const noSnapshots = (databaseUrl: string) =>
  eventually(async () => {
    const rows = await query(databaseUrl, 'select * from snapshots')
    return rows.length === 0 || undefined
  })

/** All that one message makes a stream tell. */
async function told(server: Server, id: string, stream: Stream, text: string) {
  const { status } = await post(server, id, text)
  assert.equal(status, 201)
  await stream.event('session.idled')
  return stream.events
}

export function followingTests(following: Following): void {
  test('text reaches followers on another node as it comes, all of it and once', async (t) => {
    const { worker, other, id } = await cluster(t, following)
    const seen = await watchSnapshots(worker.databaseUrl)
    const stream = await follow(t, other.url, { sessionId: id })
    await stream.event('session.started')
    const events = await told(worker, id, stream, slow)
    assert.equal(textOf(events), words)
    checkDeltas(events)
    const deltas = events.filter(({ type }) => type === 'output.message.delta')
    assert.ok(deltas.length > 5, `${deltas.length} deltas of a second of text`)
    assert.deepEqual(storedOf(events), await eventsOf(worker, id))
    assert.deepEqual(await seen(), [])
  })

  test('who comes in the middle on another node gets one delta with all text so far, then the rest', async (t) => {
    const { worker, other, third, id } = await cluster(t, following, 3)
    const seen = await watchSnapshots(worker.databaseUrl)
    const early = await follow(t, worker.url, { sessionId: id })
    await post(worker, id, slow)
    const fifth = await early.event('output.message.delta', 5)
    const late = await Promise.all(
      [other, third].map(({ url }) => follow(t, url, { sessionId: id })),
    )
    for (const stream of late) {
      const first = await stream.event('output.message.delta')
      assert.equal(first.data.delta, first.data.accumulated)
      assert.ok(first.data.delta.startsWith(fifth.data.accumulated!))
      await stream.event('session.idled')
      assert.equal(textOf(stream.events), words)
      checkDeltas(stream.events)
    }
    assert.ok((await seen()).length <= 2)
    await noSnapshots(worker.databaseUrl)
  })

  test('who comes late where others follow already needs no snapshot', async (t) => {
    const { worker, other, id } = await cluster(t, following)
    const seen = await watchSnapshots(worker.databaseUrl)
    const early = await follow(t, other.url, { sessionId: id })
    await early.event('session.started')
    await post(worker, id, slow)
    await early.event('output.message.delta', 4)
    const late = await follow(t, other.url, { sessionId: id })
    const first = await late.event('output.message.delta')
    assert.equal(first.data.delta, first.data.accumulated)
    await late.event('session.idled')
    assert.equal(textOf(late.events), words)
    assert.deepEqual(await seen(), [])
  })

  test('a client goes on inside a message on another node', async (t) => {
    const { worker, other, id } = await cluster(t, following)
    const first = await follow(t, worker.url, { sessionId: id })
    await post(worker, id, slow)
    const third = await first.event('output.message.delta', 3)
    first.close()
    const before = first.events.slice(0, first.events.indexOf(third) + 1)
    const headers = { 'last-event-id': third.id }
    const second = await follow(t, other.url, { sessionId: id, headers })
    await second.event('output.message.delta')
    await second.event('session.idled')
    assert.equal(textOf(before) + textOf(second.events), words)
    assert.deepEqual(
      storedOf([...before, ...second.events]),
      await eventsOf(worker, id),
      'no event is missing or there twice',
    )
    const last = second.events.findLast((event) => event.type === 'output.message.delta')!
    assert.equal(last.data.accumulated, words)
  })

  test('through a cancel, what a follower was told is what is kept', async (t) => {
    const { worker, other, id } = await cluster(t, following)
    const stream = await follow(t, other.url, { sessionId: id })
    await stream.event('session.started')
    await post(worker, id, scripted({ text: words.repeat(20), tokens_per_second: 60 }))
    await stream.event('output.message.delta', 3)
    const { body } = await other.call('POST', `/v1/sessions/${id}/cancel`)
    assert.equal(body.status, 'cancelled')
    await stream.event('session.idled')
    const kept = replyOf(await eventsOf(worker, id))
    assert.notEqual(kept, '')
    assert.equal(textOf(stream.events), kept)
    checkDeltas(stream.events)
  })

  test('thinking comes as it is thought, and apart from the answer', async (t) => {
    const { worker, other, id } = await cluster(t, following)
    const stream = await follow(t, other.url, { sessionId: id })
    await stream.event('session.started')
    const thinking = words.toUpperCase()
    const script = scripted({ thinking, text: words, tokens_per_second: 300 })
    const message = { content: [{ type: 'text', text: script }] }
    const controls = { reasoning: { effort: 'high' } }
    await worker.call('POST', `/v1/sessions/${id}/messages`, { message, controls })
    await stream.event('output.message.delta', 2)
    const late = await follow(t, worker.url, { sessionId: id })
    for (const { event, events } of [stream, late]) {
      await event('session.idled')
      assert.equal(textOf(events, 'reason.thinking.delta'), thinking)
      assert.equal(textOf(events), words)
      checkDeltas(events)
    }
  })

  test('text of every kind and size arrives as it is', async (t) => {
    const { worker, other, id } = await cluster(t, following)
    const stream = await follow(t, other.url, { sessionId: id })
    await stream.event('session.started')
    const text = `${'\u{1f600}\0"\\é漢'.repeat(5_000)}\ud800 end`
    const events = await told(
      worker,
      id,
      stream,
      scripted({ text, chunk: 7_001, tokens_per_second: 8 }),
    )
    const reply = replyOf(await eventsOf(worker, id))
    assert.ok(reply === text.toWellFormed())
    assert.ok(textOf(events) === reply)
    checkDeltas(events)
  })

  test('a reply that is asked for again begins again, also for who comes late', async (t) => {
    const { worker, other, third, id } = await cluster(t, following, 3)
    const stream = await follow(t, other.url, { sessionId: id })
    await stream.event('session.started')
    const error = { message: 'broken', after_characters: 150, fail_attempts: 1 }
    await post(worker, id, scripted({ text: words, tokens_per_second: 60, error }))
    await stream.event('output.message.started', 2)
    await stream.event('output.message.delta')
    const again = () => stream.events.findLastIndex(({ type }) => type === 'output.message.started')
    await stream.until(() =>
      stream.events.slice(again()).find(({ type }) => type.endsWith('delta')),
    )
    const late = await follow(t, third.url, { sessionId: id })
    const early = stream.events.find(({ type }) => type === 'output.message.delta')!
    const headers = { 'last-event-id': early.id }
    const resumed = await follow(t, third.url, { sessionId: id, headers })
    for (const { event, events } of [stream, late, resumed]) {
      await event('session.idled')
      assert.equal(shownText(events), words)
      checkDeltas(events)
    }
    const [next] = resumed.events
    assert.equal(next!.type, 'output.message.started', 'nothing more of the attempt that broke')
  })

  test('a client that does not read for a while gets all text once it does', async (t) => {
    const { worker, other, id } = await cluster(t, following)
    const reader = await follow(t, other.url, { sessionId: id, query: '?accumulated=false' })
    await reader.event('session.started')
    const text = words.repeat(10_000)
    await post(worker, id, scripted({ text, chunk: 50_000, tokens_per_second: 40 }))
    const { sequence } = await reader.event('output.message.started')
    await reader.event('output.message.delta')
    const query = `?accumulated=false&after_sequence=${sequence}`
    const request = http.get(`${other.url}/v1/sessions/${id}/sse${query}`)
    t.after(() => request.destroy())
    const [response] = (await once(request, 'response')) as [http.IncomingMessage]
    const frames = framesOf(new Response(Readable.toWeb(response) as ReadableStream))
    const events: Event[] = []
    const read = async () => {
      const { value: frame } = await frames.next()
      if (frame?.id !== undefined) events.push(JSON.parse(frame.data!) as Event)
      return events.at(-1)?.type
    }
    while ((await read()) !== 'output.message.delta');
    await reader.event('session.idled')
    while ((await read()) !== 'session.idled');
    assert.ok(textOf(reader.events) === text)
    assert.ok(textOf(events) === text)
    const after = storedOf(reader.events).filter((event) => event.sequence! > sequence!)
    assert.deepEqual(storedOf(events), after)
  })

  test('a session that is deleted elsewhere ends its streams', async (t) => {
    const { worker, other, id } = await cluster(t, following)
    const stream = await follow(t, other.url, { sessionId: id })
    await stream.event('session.started')
    await post(worker, id, slow)
    await stream.event('output.message.delta')
    assert.equal((await worker.call('DELETE', `/v1/sessions/${id}`)).status, 204)
    await stream.ended
    assert.match(stream.frames.at(-1)!.data!, /session_deleted/)
    await noSnapshots(worker.databaseUrl)
  })

  test('connections between nodes that break come back, and nothing is missing', async (t) => {
    const { worker, other, id } = await cluster(t, following)
    const stream = await follow(t, other.url, { sessionId: id })
    await stream.event('session.started')
    const text = words.repeat(4)
    await post(worker, id, scripted({ text, tokens_per_second: 80 }))
    await stream.event('output.message.delta', 3)
    await following.cut(worker.databaseUrl)
    const { length } = textOf(stream.events)
    await stream.until(() => (textOf(stream.events).length > length + 100 ? true : undefined))
    assert.equal(stream.events.at(-1)!.type, 'output.message.delta')
    await stream.event('session.idled')
    assert.equal(textOf(stream.events), text)
    checkDeltas(stream.events)
    assert.deepEqual(storedOf(stream.events), await eventsOf(worker, id))
  })

  test('twenty followers on two nodes, come at any time, all have the same text', async (t) => {
    const { worker, other, id } = await cluster(t, following)
    const seen = await watchSnapshots(worker.databaseUrl)
    const first = await follow(t, worker.url, { sessionId: id })
    await post(worker, id, scripted({ text: words.repeat(2), tokens_per_second: 60 }))
    const streams = [first]
    for (let n = 1; n < 20; n += 1) {
      await first.event('output.message.delta', n)
      const { url } = n % 2 === 0 ? worker : other
      streams.push(await follow(t, url, { sessionId: id }))
    }
    for (const { event, events } of streams) {
      await event('session.idled')
      assert.equal(textOf(events), words.repeat(2))
      checkDeltas(events)
    }
    assert.ok((await seen()).length <= 3, 'a node asks once')
  })
}
