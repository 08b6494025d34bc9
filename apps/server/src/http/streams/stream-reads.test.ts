import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { expectStatus, registerPerson, startGuarded } from '../../../test/access.ts'
import { runSql, untilLocked } from '../../../test/database.ts'
import { endless, hold, lockAgents, slowEventsOf } from '../../../test/locks.ts'
import { addVendorModel, startVendor, type VendorAnswer } from '../../../test/remotes/vendor.ts'
import { startServer } from '../../../test/server.ts'
import { converse, createSession, eventsOf, post } from '../../../test/session.ts'
import { follow } from '../../../test/stream.ts'
import { eventually } from '../../../test/waiting.ts'

type Server = Awaited<ReturnType<typeof startGuarded>>
type Person = Awaited<ReturnType<typeof registerPerson>>

/** Connections of the pool for requests, and those that streams read with at most. */
const forRequests = 5
const forStreams = 3

/** Reads of streams with long logs at once. */
const farReads = 1

test('a stream that lacks few events does not wait for those that read long logs', async (t) => {
  const server = await startServer(t)
  const [long, other] = [await createSession(server), await createSession(server)]
  for (let turn = 0; turn < 6; turn += 1) await converse(t, server, long.id, 'Hello')
  await converse(t, server, other.id, 'Hello')
  const stored = await eventsOf(server, long.id)
  await runSql(server.databaseUrl, slowEventsOf(long.id))
  const letGo = await hold(t, server, 'select pg_advisory_xact_lock(1)')

  const opening = Array.from({ length: 2 * farReads }, () =>
    follow(t, server.url, { sessionId: long.id }),
  )
  const far = await Promise.all(opening)
  await untilLocked(server.databaseUrl, farReads)
  const near = await follow(t, server.url, { sessionId: other.id })
  await near.event('session.idled')
  assert.deepEqual(
    far.map(({ events }) => events.length),
    far.map(() => 0),
  )

  await letGo()
  for (const stream of far) {
    await stream.event('session.idled', 6)
    assert.deepEqual(
      stream.events.map(({ sequence }) => sequence),
      stored.map(({ sequence }) => sequence),
    )
  }
})

test('a stream of few but large events reads further pages among those of long logs', async (t) => {
  const server = await startServer(t)
  const [long, large] = [await createSession(server), await createSession(server)]
  for (let turn = 0; turn < 6; turn += 1) await converse(t, server, long.id, 'Hello')
  for (let turn = 0; turn < 4; turn += 1) await converse(t, server, large.id, 'x'.repeat(120_000))
  const stored = await eventsOf(server, large.id)
  await runSql(server.databaseUrl, slowEventsOf(long.id))
  const letGo = await hold(t, server, 'select pg_advisory_xact_lock(1)')
  await follow(t, server.url, { sessionId: long.id })
  await untilLocked(server.databaseUrl, farReads)

  const stream = await follow(t, server.url, { sessionId: large.id })
  await stream.event('input.message')
  // Its last page would take a few milliseconds more.
  await sleep(200)
  assert.ok(stream.events.length < stored.length)
  await letGo()
  await stream.event('session.idled', 4)
  assert.deepEqual(
    stream.events.map(({ sequence }) => sequence),
    stored.map(({ sequence }) => sequence),
  )
})

test('reads of streams and slow requests of several organizations leave a connection to turns', async (t) => {
  const env = { PRIVATE_HOSTS_ALLOWED: 'provider=127.0.0.1@*' }
  const server = await startGuarded(t, { env, databaseWaits: endless })
  const [slow, reader, other] = await Promise.all([1, 2, 3].map(() => registerPerson(server)))
  const replies = Promise.withResolvers<VendorAnswer>()
  const vendor = await startVendor(t, () => replies.promise)
  const others = { url: server.url, call: other!.call }
  await addVendorModel(others, vendor)
  const { id } = await createSession(others)
  const headers = { authorization: other!.bearer }
  const turn = await follow(t, server.url, { sessionId: id, headers })
  expectStatus(await post(others, id, 'Hello'), 201)
  await eventually(async () => vendor.requests.length === 1)

  const unblock = await blockReads(t, server, reader!)
  const { letGo, changes } = await lockAgents(t, server, [slow!, reader!])
  const answers = Array.from({ length: 8 }, (_, n) => changes[n % 2]!())
  await untilLocked(server.databaseUrl, forStreams + forRequests)
  replies.resolve({ text: 'Hello.' })
  await turn.event('turn.completed')

  await letGo()
  await unblock()
  for (const { status } of await Promise.all(answers)) assert.ok([200, 429, 503].includes(status))
})

/** Opens more streams of a session than read at once, near its end and not; all wait for a lock. */
async function blockReads(t: TestContext, server: Server, { call, bearer }: Person) {
  const mine = { url: server.url, call }
  const sessionId = (await createSession(mine)).id
  const headers = { authorization: bearer }
  const stream = await follow(t, server.url, { sessionId, headers })
  for (let turn = 1; turn <= 6; turn += 1) {
    expectStatus(await post(mine, sessionId, 'Hello'), 201)
    await stream.event('session.idled', turn)
  }
  stream.close()
  await runSql(server.databaseUrl, slowEventsOf(sessionId))
  const letGo = await hold(t, server, 'select pg_advisory_xact_lock(1)')
  const near = stream.events.at(-1)!.sequence! - 1
  for (const query of ['', `?after_sequence=${near}`])
    for (let n = 0; n < 3; n += 1) await follow(t, server.url, { sessionId, query, headers })
  await untilLocked(server.databaseUrl, forStreams)
  return letGo
}
