import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import test, { type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Event } from '@outlast/contract'
import { createKey, registerPerson, startGuarded } from '../../../../test/access.ts'
import { connectTo, lockWaits, queryRows, untilLocked } from '../../../../test/database.ts'
import { startServer } from '../../../../test/server.ts'
import { converse, createSession, eventsOf, post, typesOf } from '../../../../test/session.ts'
import { follow } from '../../../../test/stream.ts'
import { eventually } from '../../../../test/waiting.ts'

async function session(t: TestContext, env: Record<string, string> = {}) {
  const server = await startServer(t, { env })
  return { server, id: (await createSession(server)).id }
}

const storedOf = (events: Event[]) => events.filter(({ sequence }) => sequence !== undefined)

test('a stream starts with connected, replays all events and continues live', async (t) => {
  const { server, id } = await session(t)
  await converse(t, server, id, 'one')
  const stream = await follow(t, server.url, { sessionId: id })
  assert.equal(stream.response.headers.get('content-type'), 'text/event-stream; charset=utf-8')
  assert.match(stream.response.headers.get('cache-control')!, /no-cache/)
  await stream.event('session.idled')
  assert.deepEqual(
    [stream.frames[0]!.event, stream.frames[0]!.data],
    ['connected', '{"status":"connected"}'],
  )
  await post(server, id, 'two')
  await stream.event('session.idled', 2)
  const stored = await eventsOf(server, id)
  assert.deepEqual(
    storedOf(stream.events).map((event) => event.id),
    stored.map((event) => event.id),
  )
  assert.deepEqual(storedOf(stream.events), stored)
  // A stream of a loaded machine lasts until its first heartbeat.
  const shown = stream.frames.filter(({ comment }) => comment === undefined)
  for (const frame of shown.slice(1)) {
    const event = JSON.parse(frame.data!) as Event
    assert.equal(frame.event, event.type)
    assert.equal(frame.id, event.id)
    assert.match(event.id, /^event_[0-9a-f]{32}$/)
  }
})

test('exclude and types choose, as repeated keys or with commas, and positions still advance', async (t) => {
  const { server, id } = await session(t)
  await converse(t, server, id, 'hi')
  const typesWith = async (query: string) => {
    const stream = await follow(t, server.url, { sessionId: id, query })
    await stream.event('session.idled')
    return typesOf(stream.events)
  }
  const all = typesOf(await eventsOf(server, id))
  const without = all.filter((type) => type !== 'llm.generation' && type !== 'turn.started')
  for (const query of [
    '?exclude=llm.generation&exclude=turn.started',
    '?exclude=llm.generation,turn.started',
    '?exclude=llm.generation,turn.started&exclude=not.a.type',
  ]) {
    assert.deepEqual(await typesWith(query), without)
    assert.deepEqual(typesOf(await eventsOf(server, id, query)), without)
  }
  const only = ['input.message', 'session.idled']
  assert.deepEqual(await typesWith('?types=input.message,session.idled'), only)
  assert.deepEqual(typesOf(await eventsOf(server, id, '?types=input.message,session.idled')), only)
  const { status, body } = await server.call('GET', `/v1/sessions/${id}/events?types=not.a.type`)
  assert.deepEqual([status, body.code], [400, 'invalid_request'])
})

test('positions: all zeros is the start, a sequence works too, foreign and malformed ids do not', async (t) => {
  const { server, id } = await session(t)
  await converse(t, server, id, 'hi')
  const all = await eventsOf(server, id)
  const zero = `event_${'0'.repeat(32)}`
  assert.deepEqual(await eventsOf(server, id, `?since_id=${zero}`), all)
  assert.deepEqual(await eventsOf(server, id, `?since_id=${all[3]!.id}`), all.slice(4))
  assert.deepEqual(await eventsOf(server, id, '?after_sequence=5&limit=2'), all.slice(5, 7))
  const later = await follow(t, server.url, { sessionId: id, query: `?since_id=${all[1]!.id}` })
  const { id: last } = await later.event('session.idled')
  assert.equal(later.frames.find(({ id: at }) => at && at !== all[1]!.id)?.id, all[2]!.id)
  assert.equal(last, all.at(-1)!.id)
  const other = (await createSession(server)).id
  const [foreign] = await eventsOf(server, other)
  const late = all[1]!.id.replace(/^event_.{12}/, 'event_ffffffffffff')
  for (const path of ['events', 'sse']) {
    const at = (since: string) => server.call('GET', `/v1/sessions/${id}/${path}?since_id=${since}`)
    assert.equal((await at(late)).body.code, 'history_changed')
    assert.deepEqual((await at(foreign!.id)).body.code, 'unknown_event_id')
    for (const wrong of ['event_1', 'EVENT_0', foreign!.id.toUpperCase(), 'agent_x']) {
      assert.equal((await at(wrong)).status, 400, wrong)
    }
  }
})

test('problems come before the stream, as plain answers', async (t) => {
  const { server } = await session(t)
  const at = (id: string) => server.call('GET', `/v1/sessions/${id}/sse`)
  assert.equal((await at(`session_${'1'.repeat(32)}`)).status, 404)
  const { error, code } = (await at('session_1')).body
  assert.deepEqual(
    [error, code],
    [
      'Invalid session ID: it must look like session_0123456789abcdef0123456789abcdef.',
      'invalid_id',
    ],
  )
})

test('a silent stream shows that it lives, and is closed with notice after its time', async (t) => {
  const { server, id } = await session(t, { SSE_HEARTBEAT_MS: '50', SSE_CYCLE_MS: '300' })
  const plain = await follow(t, server.url, { sessionId: id })
  const named = await follow(t, server.url, { sessionId: id, query: '?heartbeat=event' })
  await plain.until(() => plain.frames.find(({ comment }) => comment === 'heartbeat'))
  await named.until(() => named.frames.find(({ event }) => event === 'heartbeat'))
  await plain.ended
  const last = plain.frames.at(-1)!
  assert.equal(last.event, 'disconnecting')
  assert.deepEqual(JSON.parse(last.data!), { reason: 'connection_cycle', retry_ms: 100 })
})

test('a deleted session ends its streams', async (t) => {
  const { server, id } = await session(t)
  const stream = await follow(t, server.url, { sessionId: id })
  await stream.event('session.started')
  assert.equal((await server.call('DELETE', `/v1/sessions/${id}`)).status, 204)
  await stream.ended
  assert.match(stream.frames.at(-1)!.data!, /session_deleted/)
})

/** A client of a stream that reads only on request. */
async function openByHand(
  t: TestContext,
  url: string,
  query = '',
  headers: Record<string, string> = {},
) {
  const { hostname, port, pathname } = new URL(url)
  const socket = net.connect({ host: hostname, port: Number(port) })
  t.after(() => socket.destroy())
  socket.on('error', () => {})
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk
    socket.pause()
  })
  const lines = Object.entries({ host: `${hostname}:${port}`, ...headers })
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')
  socket.write(`GET ${pathname}${query} HTTP/1.1\r\n${lines}\r\n`)
  return {
    text: () => text,
    read: () => socket.resume(),
    reset: () => socket.resetAndDestroy(),
    isClosed: () => socket.closed,
  }
}

const big = 'x'.repeat(7_000_000)
const metricsToken = 'm'.repeat(32)

/** A session with events of megabytes, and a server that has not been busy with them. */
async function longSession(t: TestContext, env: Record<string, string>) {
  const first = await session(t)
  await converse(t, first.server, first.id, big)
  const { databaseUrl } = first.server
  return { server: await startServer(t, { databaseUrl, env }), id: first.id }
}

test('a client that reads slowly gets all of an event, however long it takes', async (t) => {
  const stallMs = 3_000
  const { server, id } = await longSession(t, { SSE_STALL_MS: String(stallMs) })
  const url = `${server.url}/v1/sessions/${id}/sse`
  let pause = stallMs
  let text = ''
  // A client that a loaded machine stopped for so long is disconnected, and reads it again.
  while (pause >= stallMs && !text.includes(big)) {
    const client = await openByHand(t, url, '?types=input.message')
    pause = 0
    for (let at = performance.now(); !text.includes(big) && !client.isClosed(); ) {
      client.read()
      await sleep(40)
      text = client.text()
      pause = Math.max(pause, performance.now() - at)
      at = performance.now()
    }
  }
  assert.ok(text.includes(big), `the longest pause was ${Math.round(pause)} ms`)
})

test('disconnects a client that reads nothing of pending data', async (t) => {
  const env = { SSE_STALL_MS: '300', SSE_HEARTBEAT_MS: '50', METRICS_TOKEN: metricsToken }
  const { server, id } = await longSession(t, env)
  const client = await openByHand(t, `${server.url}/v1/sessions/${id}/sse`)
  await eventually(async () => client.text().includes('text/event-stream'))
  await eventually(async () => (await openStreams(server.url)) === 0)
})

async function openStreams(url: string) {
  const headers = { authorization: `Bearer ${metricsToken}` }
  const text = await (await fetch(`${url}/metrics`, { headers })).text()
  return Number(/^outlast_sse_clients(?:\{.*\})? (\d+)$/m.exec(text)![1])
}

/** A client that is gone before the server begins its stream. */
async function leaveEarly(t: TestContext, server: Awaited<ReturnType<typeof startGuarded>>) {
  const { key, call } = await createKey(server, await registerPerson(server))
  const { id } = await createSession({ url: server.url, call })
  const locking = await connectTo(t, server.databaseUrl)
  await locking.query('begin; lock table sessions in access exclusive mode')
  const url = `${server.url}/v1/sessions/${id}/sse`
  const client = await openByHand(t, url, '', { authorization: key })
  await untilLocked(server.databaseUrl)
  client.reset()
  // Answered after the server learned that the connection was reset.
  for (let count = 0; count < 3; count += 1) await server.call('GET', '/health')
  await locking.query('rollback')
  await eventually(async () => (await lockWaits(server.databaseUrl)) === 0)
  return { key, call, id, locking }
}

test('a client that is gone before its stream begins counts as no open stream', async (t) => {
  const env = { STREAMS_PER_CREDENTIAL: '1', METRICS_TOKEN: metricsToken }
  const server = await startGuarded(t, { env })
  const { key, id } = await leaveEarly(t, server)
  const stream = await follow(t, server.url, { sessionId: id, headers: { authorization: key } })
  assert.equal(stream.response.status, 200)
  await stream.event('session.started')
  assert.equal(await openStreams(server.url), 1)
})

test('a stop waits for answers after a client was gone before its stream began', async (t) => {
  // It waits 2 s: where the machine stalled for so long, the scene is played again.
  let isLate = true
  for (let plays = 1; isLate; plays += 1) {
    const server = await startGuarded(t)
    const { call, locking } = await leaveEarly(t, server)
    await locking.query('begin; lock table agents in access exclusive mode')
    const answer = call('GET', '/v1/agents').then(
      ({ status }) => status,
      () => 'none',
    )
    await untilLocked(server.databaseUrl)
    const since = performance.now()
    const stopped = server.stop()
    // The node leaves just before the server closes its connections.
    const nodes = () => queryRows(server.databaseUrl, 'select from nodes')
    const lateMs = () => performance.now() - since
    await eventually(async () => lateMs() > 2_000 || (await nodes()).length === 0)
    await locking.query('rollback')
    const status = await answer
    isLate = status !== 200 && lateMs() > 2_000 && plays < 5
    if (!isLate) assert.equal(status, 200)
    await stopped
  }
})

test('a stalled client gets all events once it reads', async (t) => {
  // A client that reads nothing for so long is disconnected: longer than the turns take.
  const { server, id } = await session(t, { SSE_STALL_MS: '600000' })
  const request = http.get(`${server.url}/v1/sessions/${id}/sse`)
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  response.pause()
  const big = 'x'.repeat(400_000)
  for (let n = 0; n < 8; n += 1) await converse(t, server, id, `${n} ${big}`)
  const stored = await eventsOf(server, id)
  let text = ''
  response.setEncoding('utf8')
  for await (const chunk of response) {
    text += chunk
    if (text.split(/event: session\.idled\nid: \w+\n/).length > 8) break
  }
  const ids = [...text.matchAll(/^id: (event_\w+)$/gm)].map(([, eventId]) => eventId!)
  const known = new Set(stored.map((event) => event.id))
  assert.deepEqual(
    ids.filter((eventId) => known.has(eventId)),
    stored.map((event) => event.id),
  )
})

test('streams that wait for the database leave connections to other requests', async (t) => {
  const { server, id } = await session(t)
  await converse(t, server, id, 'hi')
  const locking = await connectTo(t, server.databaseUrl)
  try {
    await locking.query('begin; lock table events in access exclusive mode')
    const streams = await Promise.all(
      Array.from({ length: 20 }, () => follow(t, server.url, { sessionId: id })),
    )
    assert.deepEqual([...new Set(streams.map(({ response }) => response.status))], [200])
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => server.call('GET', `/v1/sessions/${id}`)),
    )
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200])
    await locking.query('rollback')
  } finally {
    await locking.end()
  }
  const after = await follow(t, server.url, { sessionId: id })
  await after.event('session.idled')
})
