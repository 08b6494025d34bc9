import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Hint } from '../../apps/server/src/store/bus/hints.ts'
import {
  createKey,
  expectStatus,
  registerPerson,
  startGuarded,
} from '../../apps/server/test/access.ts'
import { connectTo, createTestDatabase, queryRows } from '../../apps/server/test/database.ts'
import { type ServerOptions, startServer } from '../../apps/server/test/server.ts'
import { createAgent, createSession, eventsOf, post } from '../../apps/server/test/session.ts'
import { follow, watch } from '../../apps/server/test/stream.ts'
import { eventually } from '../../apps/server/test/waiting.ts'
import { startPostgresProxy } from '../postgres-proxy.ts'

type Stream = Awaited<ReturnType<typeof follow>>
type Sender = Parameters<typeof post>[0]

/** A node that runs turns, and one that only serves. `reads`: pages of events that it has read. */
async function startPair(t: TestContext, start = startServer, options: ServerOptions = {}) {
  const database = await createTestDatabase(t)
  let reads = 0
  const proxy = await startPostgresProxy(database, {
    onStatement(label) {
      if (label.startsWith('read-page')) reads += 1
      return undefined
    },
  })
  t.after(proxy.close)
  const writer = await start(t, { ...options, databaseUrl: database })
  const env = { ...options.env, ROLE: 'api' }
  const other = await start(t, { ...options, databaseUrl: proxy.url, env })
  return { database, writer, other, reads: () => reads }
}

/** Sends a message; returns once all streams have the end of its turn. */
async function turnOn(writer: Sender, streams: Stream[], text = 'Hello') {
  const sessionId = streams[0]!.events[0]!.session_id
  const ended = streams[0]!.events.filter(({ type }) => type === 'session.idled').length
  assert.equal((await post(writer, sessionId, text)).status, 201)
  for (const stream of streams) await stream.event('session.idled', ended + 1)
}

async function followed(t: TestContext, url: string, sessionId: string, headers = {}) {
  const stream = await follow(t, url, { sessionId, headers })
  await stream.event('session.started')
  return stream
}

/** Sends messages until a turn reaches the streams without a read on their node. */
async function untilNoReads(work: () => Promise<void>, reads: () => number) {
  await eventually(async () => {
    const before = reads()
    await work()
    return reads() === before
  })
}

const storedOf = ({ events }: Stream) => events.filter(({ sequence }) => sequence !== undefined)

test('followers on another node get short events without reading the table', async (t) => {
  const { writer, other, reads } = await startPair(t)
  const { id } = await createSession(writer)
  const streams = [await followed(t, other.url, id), await followed(t, other.url, id)]
  await untilNoReads(() => turnOn(writer, streams), reads)
  const stored = await eventsOf(writer, id)
  for (const stream of streams) assert.deepEqual(storedOf(stream), stored)
})

test('followers on another node get events of every length once and in order', async (t) => {
  const { writer, other, reads } = await startPair(t)
  const { id } = await createSession(writer)
  const stream = await followed(t, other.url, id)
  await untilNoReads(() => turnOn(writer, [stream]), reads)
  for (const length of [1, 1_000, 3_000, 6_000, 9_000, 60_000]) {
    // Quotes and backslashes are escaped twice, so that a hint has less room than its limit.
    await turnOn(writer, [stream], '"é\\'.repeat(length / 3).padEnd(length, 'a'))
  }
  assert.deepEqual(storedOf(stream), await eventsOf(writer, id))
})

test('an end user who follows on another node gets the same reduced events', async (t) => {
  const { writer, other, reads } = await startPair(t, startGuarded)
  const owner = await registerPerson(writer)
  const key = await createKey(writer, owner)
  const agent = await createAgent({ ...writer, call: key.call })
  const { id } = expectStatus(await key.call('POST', '/v1/sessions', { agent_id: agent.id }), 201)
  const grants = { access: 'write', view: 'chat' }
  const { token } = expectStatus(await key.call('POST', `/v1/sessions/${id}/tokens`, grants), 201)
  const headers = { authorization: `Bearer ${token}` }
  const here = await followed(t, writer.url, id, headers)
  const there = await followed(t, other.url, id, headers)
  await untilNoReads(() => turnOn({ ...writer, call: key.call }, [here, there]), reads)
  assert.deepEqual(storedOf(there), storedOf(here))
  const types = storedOf(there).map(({ type }) => type)
  assert.ok(types.includes('output.message.completed'))
  assert.ok(!types.includes('llm.generation'))
})

test('a late hint with events of a lost history reaches no client', async (t) => {
  const { database, writer, other, reads } = await startPair(t)
  const { id } = await createSession(writer)
  const stream = await followed(t, other.url, id)
  await untilNoReads(() => turnOn(writer, [stream]), reads)
  const { sequence, ...last } = storedOf(stream).at(-1)!
  const event = { ...last, type: 'turn.failed', sequence: sequence! + 1 }
  const lost = { id: event.id, type: event.type, sequence: event.sequence }
  const news = { events: [{ ...lost, json: JSON.stringify(event) }], history: 'lost' }
  const [before, received] = [reads(), stream.events.length]
  await tell(database, { kind: 'stored', session: id, sequence: event.sequence, news })
  await eventually(async () => reads() > before || stream.events.length > received)
  await turnOn(writer, [stream])
  assert.deepEqual(storedOf(stream), await eventsOf(writer, id))
})

test('a node that starts later sends events of the sessions that are followed already', async (t) => {
  const { database, writer, other, reads } = await startPair(t)
  const { id } = await createSession(writer)
  const stream = await followed(t, other.url, id)
  const later = await startServer(t, { databaseUrl: database })
  await writer.stop()
  await untilNoReads(() => turnOn(later, [stream]), reads)
  assert.deepEqual(storedOf(stream), await eventsOf(later, id))
})

test('events that one client cannot be shown do not disturb other clients', async (t) => {
  const { database, writer, other, reads } = await startPair(t, startGuarded)
  const { key, call } = await createKey(writer, await registerPerson(writer))
  const mine = { url: writer.url, call }
  const { id } = await createSession(mine)
  const made = await call('POST', `/v1/sessions/${id}/tokens`, { access: 'write', view: 'chat' })
  const { token } = expectStatus(made, 201)
  const stream = await followed(t, other.url, id, { authorization: `Bearer ${token}` })
  const changes = await watch(t, other.url, { headers: { authorization: key } })
  const heard = await hear(t, database)
  await untilNoReads(() => turnOn(mine, [stream]), reads)
  const stored = heard().filter((hint) => hint.kind === 'stored')
  const { org, news, sequence } = stored.findLast((hint) => hint.news?.events.length)!
  const last = news!.events.at(-1)!
  const event = { ...last, sequence: sequence + 1, type: 'input.message', json: '{' }
  const broken = { kind: 'stored', session: id, org, sequence: sequence + 1 }
  const changed = { kind: 'changed', org, noun: 'agent', id: 'agent_1' }
  await tell(database, { ...broken, news: { ...news, events: [event] } }, changed)
  await changes.changed('agent', 'agent_1')
  await turnOn(mine, [stream])
})

/** Collects the hints between nodes. */
async function hear(t: TestContext, database: string) {
  const client = await connectTo(t, database)
  const hints: Hint[] = []
  client.on('notification', ({ payload = '' }) =>
    hints.push(
      ...payload
        .split('\n')
        .slice(1)
        .map((line) => JSON.parse(line)),
    ),
  )
  await client.query('listen outlast_bus')
  return () => hints
}

/** Sends hints in one payload, like another node. */
const tell = (database: string, ...hints: object[]) =>
  queryRows(database, `select pg_notify('outlast_bus', $1)`, [
    ['node_old', ...hints.map((hint) => JSON.stringify(hint))].join('\n'),
  ])
