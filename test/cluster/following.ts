/** Guarantees for followers of a session, on any node and over any bus. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import { Readable } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Event } from '@outlast/contract'
import pg from 'pg'
import { startModel } from '../../apps/server/test/remotes/written-model.ts'
import { startServer } from '../../apps/server/test/server.ts'
import { eventsOf, post, replyOf } from '../../apps/server/test/session.ts'
import { follow, framesOf, watch } from '../../apps/server/test/stream.ts'
import { type Following, hears } from './watching.ts'

type Server = Awaited<ReturnType<typeof startServer>>
type Stream = Awaited<ReturnType<typeof follow>>

/** A node that runs turns and some that only serve, on one database, and a session. */
async function cluster(t: TestContext, { env }: Following, count = 2) {
  const model = await startModel(t)
  const worker = await startServer(t, { env })
  const { databaseUrl } = worker
  const changes = await watch(t, worker.url)
  const others: Server[] = []
  while (others.length < count - 1) {
    others.push(await startServer(t, { databaseUrl, env: { ...env, ROLE: 'api' } }))
  }
  const moves = () =>
    changes.told.flatMap(({ data }) => (data.noun === 'worker' ? [data.id as string] : []))
  await changes.until(() => new Set(moves()).size >= others.length || undefined)
  for (const node of others) await receivedAll(t, node, worker)
  const { id } = await model.session(worker)
  const known = moves().length
  /** False if the worker sent no text for a while, as the lease of another node had expired. */
  const isQuiet = () => moves().length === known
  return { model, worker, other: others[0]!, third: others[1]!, id, isQuiet }
}

/** Resolves when a node has received all that another one has published: hints keep their order. */
async function receivedAll(t: TestContext, { url }: Server, sender: Server) {
  const stream = await watch(t, url)
  await hears(stream, sender)
  stream.close()
}

/** Follows a session from its beginning; returns once the stream has caught up. */
async function followed(t: TestContext, { url }: Server, sessionId: string) {
  const stream = await follow(t, url, { sessionId })
  await stream.event('session.started')
  return stream
}

type Delta = 'output.message.delta' | 'reason.thinking.delta'

/** The text that a client has from the deltas: a new attempt drops the last one's. */
export function textOf(events: Event[], type: Delta = 'output.message.delta'): string {
  let text = ''
  for (const event of events) {
    if (event.type === 'output.message.started') text = ''
    if (event.type === type) text += (event as Event<Delta>).data.delta
  }
  return text
}

/** Waits until a client has exactly this text. */
export const shows = ({ until, events }: Pick<Stream, 'until' | 'events'>, text: string) =>
  until(() => (textOf(events) === text ? true : undefined))

export const storedOf = (events: Event[]) => events.filter(({ sequence }) => sequence !== undefined)

/** Contract: deltas are contiguous, and `accumulated` matches them. */
function checkDeltas(events: Event[]): void {
  for (const [index, event] of events.entries()) {
    if (event.type !== 'output.message.delta') continue
    assert.equal(event.data.accumulated, textOf(events.slice(0, index + 1)))
  }
}

async function query<Row>(databaseUrl: string, text: string): Promise<Row[]> {
  const client = new pg.Client(databaseUrl)
  await client.connect()
  const { rows } = await client.query(text)
  await client.end()
  return rows
}

/** Records every row that is written to the table of snapshots. */
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

/** Waits until the table of snapshots is empty, which no stream reports. */
async function noSnapshots(databaseUrl: string): Promise<void> {
  while ((await query(databaseUrl, 'select from snapshots')).length > 0);
}

export function followingTests(following: Following): void {
  test('live text reaches followers on another node completely and once', async (t) => {
    const { model, worker, other, id, isQuiet } = await cluster(t, following)
    const seen = await watchSnapshots(worker.databaseUrl)
    const stream = await followed(t, other, id)
    await post(worker, id, 'Go on')
    const call = await model.call()
    let text = ''
    for (const word of ['one ', 'two ', 'three ', 'four']) {
      call.say(word)
      text += word
      await shows(stream, text)
    }
    call.end()
    await stream.event('session.idled')
    assert.equal(textOf(stream.events), text)
    checkDeltas(stream.events)
    const stored = await eventsOf(worker, id)
    assert.equal(replyOf(stored), text)
    assert.deepEqual(storedOf(stream.events), stored)
    if (isQuiet()) assert.deepEqual(await seen(), [], 'writes nothing without a late follower')
  })

  test('a follower that joins in the middle on another node gets one delta with all text so far, then the rest', async (t) => {
    const { model, worker, other, third, id, isQuiet } = await cluster(t, following, 3)
    const seen = await watchSnapshots(worker.databaseUrl)
    const early = await followed(t, worker, id)
    await post(worker, id, 'Go on')
    const call = await model.call()
    call.say('so far ')
    await shows(early, 'so far ')
    call.say('and further ')
    await shows(early, 'so far and further ')
    for (const node of [other, third]) await receivedAll(t, node, worker)
    const late = await Promise.all(
      [other, third].map(({ url }) => follow(t, url, { sessionId: id })),
    )
    for (const stream of late) {
      const { data } = await stream.event('output.message.delta')
      assert.deepEqual([data.delta, data.accumulated], Array(2).fill('so far and further '))
    }
    call.say('to the end')
    for (const stream of late) await shows(stream, 'so far and further to the end')
    call.end()
    for (const { event, events } of late) {
      await event('session.idled')
      assert.equal(textOf(events), 'so far and further to the end')
      checkDeltas(events)
    }
    if (isQuiet()) assert.ok((await seen()).length <= 2, 'a node sends one request')
    await noSnapshots(worker.databaseUrl)
  })

  test('a late follower needs no snapshot on a node that already follows', async (t) => {
    const { model, worker, other, id, isQuiet } = await cluster(t, following)
    const seen = await watchSnapshots(worker.databaseUrl)
    const early = await followed(t, other, id)
    await post(worker, id, 'Go on')
    const call = await model.call()
    call.say('so far ')
    await shows(early, 'so far ')
    const late = await follow(t, other.url, { sessionId: id })
    await shows(late, 'so far ')
    call.say('so good')
    await shows(late, 'so far so good')
    call.end()
    await late.event('session.idled')
    assert.equal(textOf(late.events), 'so far so good')
    if (isQuiet()) assert.deepEqual(await seen(), [])
  })

  test('a client resumes inside a message on another node', async (t) => {
    const { model, worker, other, id } = await cluster(t, following)
    const first = await followed(t, worker, id)
    await post(worker, id, 'Go on')
    const call = await model.call()
    call.say('one ')
    const { id: seen } = await first.event('output.message.delta')
    first.close()
    const before = [...first.events]
    call.say('two ')
    const headers = { 'last-event-id': seen }
    const second = await follow(t, other.url, { sessionId: id, headers })
    await shows(second, 'two ')
    call.say('three')
    await shows(second, 'two three')
    call.end()
    await second.event('session.idled')
    assert.equal(textOf([...before, ...second.events]), 'one two three')
    checkDeltas([...before, ...second.events])
    const stored = await eventsOf(worker, id)
    assert.deepEqual(storedOf([...before, ...second.events]), stored, 'none missing, none repeated')
  })

  test('a cancel stores exactly the text that followers received', async (t) => {
    const { model, worker, other, id } = await cluster(t, following)
    const stream = await followed(t, other, id)
    await post(worker, id, 'Go on')
    const call = await model.call()
    call.say('half of ')
    await shows(stream, 'half of ')
    const { body } = await other.call('POST', `/v1/sessions/${id}/cancel`)
    assert.equal(body.status, 'cancelled')
    await stream.event('session.idled')
    assert.equal(replyOf(await eventsOf(worker, id)), 'half of ')
    assert.equal(textOf(stream.events), 'half of ')
  })

  test('thinking is streamed as it arrives, separate from the answer', async (t) => {
    const { model, worker, other, id } = await cluster(t, following)
    const stream = await followed(t, other, id)
    await post(worker, id, 'Go on', { controls: { reasoning: { effort: 'high' } } })
    const call = await model.call()
    call.think('Hm. ')
    await stream.event('reason.thinking.delta')
    call.think('Aha.')
    await stream.event('reason.thinking.delta', 2)
    call.say('Yes')
    await shows(stream, 'Yes')
    const late = await follow(t, other.url, { sessionId: id })
    await shows(late, 'Yes')
    call.say(' indeed')
    for (const one of [stream, late]) await shows(one, 'Yes indeed')
    call.end()
    for (const { event, events } of [stream, late]) {
      await event('session.idled')
      assert.equal(textOf(events, 'reason.thinking.delta'), 'Hm. Aha.')
      assert.equal(textOf(events), 'Yes indeed')
      checkDeltas(events)
    }
  })

  test('all followers on one node get text that precedes thinking once', async (t) => {
    const { model, worker, other, id } = await cluster(t, following)
    const streams = [await followed(t, other, id), await followed(t, other, id)]
    await post(worker, id, 'Go on', { controls: { reasoning: { effort: 'high' } } })
    const call = await model.call()
    call.say('First. ')
    for (const stream of streams) await shows(stream, 'First. ')
    // The end is stored before the pause between deltas is over.
    call.say('Second. ')
    call.think('Hm.')
    call.say('Third.')
    call.end()
    for (const { event, events } of streams) {
      await event('session.idled')
      assert.equal(textOf(events), 'First. Second. Third.')
      assert.equal(textOf(events, 'reason.thinking.delta'), 'Hm.')
      checkDeltas(events)
    }
  })

  test('text of every kind and size arrives unchanged', async (t) => {
    const { model, worker, other, third, id } = await cluster(t, following, 3)
    const stream = await followed(t, other, id)
    await post(worker, id, 'Go on')
    const call = await model.call()
    const parts = ['\u{1f600}\0"\\é漢\n'.repeat(5_000), '\ud83d', '\ude00', '\ud800 end']
    for (const part of parts) call.say(part)
    const text = parts.join('').toWellFormed()
    await shows(stream, text)
    const late = await follow(t, third.url, { sessionId: id })
    await shows(late, text)
    call.end()
    await stream.event('session.idled')
    assert.ok(replyOf(await eventsOf(worker, id)) === text)
    checkDeltas(stream.events)
  })

  test('a retried reply starts again from the beginning, also for late followers', async (t) => {
    const { model, worker, other, third, id } = await cluster(t, following, 3)
    const stream = await followed(t, other, id)
    await post(worker, id, 'Go on')
    const broken = await model.call()
    broken.say('in vain')
    const { id: before } = await stream.event('output.message.delta')
    broken.breakOff()
    const call = await model.call(2)
    call.say('again ')
    await shows(stream, 'again ')
    const headers = { 'last-event-id': before }
    const resumed = await follow(t, third.url, { sessionId: id, headers })
    const late = await follow(t, third.url, { sessionId: id })
    for (const one of [resumed, late]) await shows(one, 'again ')
    call.say('and whole')
    for (const one of [stream, resumed, late]) await shows(one, 'again and whole')
    call.end()
    for (const { event, events } of [stream, resumed, late]) {
      await event('session.idled')
      assert.equal(textOf(events), 'again and whole')
      checkDeltas(events)
    }
    const [next] = resumed.events
    assert.equal(next!.type, 'output.message.started', 'no more text of the failed attempt')
  })

  test('a client that pauses reading receives all text once it reads again', async (t) => {
    const { model, worker, other, id } = await cluster(t, following)
    const reader = await follow(t, other.url, { sessionId: id, query: '?accumulated=false' })
    await post(worker, id, 'Go on')
    const call = await model.call()
    call.say('first ')
    await shows(reader, 'first ')
    const { sequence } = await reader.event('output.message.started')
    const path = `/v1/sessions/${id}/sse?accumulated=false&after_sequence=${sequence}`
    const request = http.get(other.url + path)
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
    const part = 'more of it '.repeat(5_000)
    for (let n = 0; n < 30; n += 1) call.say(part)
    await shows(reader, `first ${part.repeat(30)}`)
    call.end()
    await reader.event('session.idled')
    while ((await read()) !== 'session.idled');
    assert.ok(textOf(events) === textOf(reader.events))
    const after = storedOf(reader.events).filter((event) => event.sequence! > sequence!)
    assert.deepEqual(storedOf(events), after)
  })

  test('deleting a session on another node ends its streams', async (t) => {
    const { model, worker, other, id } = await cluster(t, following)
    const early = await followed(t, worker, id)
    await post(worker, id, 'Go on')
    const call = await model.call()
    call.say('so far')
    await shows(early, 'so far')
    const stream = await follow(t, other.url, { sessionId: id })
    await shows(stream, 'so far')
    assert.equal((await other.call('DELETE', `/v1/sessions/${id}`)).status, 204)
    for (const { ended, frames } of [early, stream]) {
      await ended
      assert.match(frames.at(-1)!.data!, /session_deleted/)
    }
    await noSnapshots(worker.databaseUrl)
  })

  test('broken connections between nodes are restored without losing text', async (t) => {
    const { model, worker, other, id } = await cluster(t, following)
    const stream = await followed(t, other, id)
    await post(worker, id, 'Go on')
    const call = await model.call()
    call.say('before ')
    await shows(stream, 'before ')
    await following.cut(worker.databaseUrl)
    let text = 'before '
    const { length } = stream.events
    while (stream.events.length === length) {
      call.say('meanwhile ')
      text += 'meanwhile '
      await sleep(50)
    }
    call.say('after')
    await shows(stream, `${text}after`)
    call.end()
    await stream.event('session.idled')
    checkDeltas(stream.events)
    assert.deepEqual(storedOf(stream.events), await eventsOf(worker, id))
  })

  test('twenty followers on two nodes that join at different times get the same text', async (t) => {
    const { model, worker, other, id } = await cluster(t, following)
    const seen = await watchSnapshots(worker.databaseUrl)
    const streams = [await followed(t, worker, id)]
    await post(worker, id, 'Go on')
    const call = await model.call()
    let text = ''
    // The first two words have gone out to all nodes before a follower joins on the other one.
    for (let n = 1; n <= 22; n += 1) {
      call.say(`word${n} `)
      text += `word${n} `
      await shows(streams[0]!, text)
      if (n === 2) await receivedAll(t, other, worker)
      const { url } = n % 2 === 0 ? worker : other
      if (n > 2 && n < 22) streams.push(await follow(t, url, { sessionId: id }))
    }
    for (const stream of streams) await shows(stream, text)
    call.end()
    for (const { event, events } of streams) {
      await event('session.idled')
      assert.equal(textOf(events), text)
      checkDeltas(events)
    }
    assert.ok((await seen()).length > 0)
  })
}
