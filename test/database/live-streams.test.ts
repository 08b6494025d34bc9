import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { createTestDatabase, runSql, untilLocked } from '../../apps/server/test/database.ts'
import { endless, hold, slowEventsOf } from '../../apps/server/test/locks.ts'
import { startServer } from '../../apps/server/test/server.ts'
import { converse, createSession, eventsOf, post } from '../../apps/server/test/session.ts'
import { follow } from '../../apps/server/test/stream.ts'
import { eventually } from '../../apps/server/test/waiting.ts'
import { type Delay, startPostgresProxy } from '../postgres-proxy.ts'

/** Reads at once of streams that lack few events. */
const nearReads = 2

test('a stream that is ahead of a late comparison with the table needs no read', async (t) => {
  const { server, id, stream, late, letGo } = await startWithBlockedReads(t)
  const comparison = late(isComparison)
  await comparison.made
  await send(server, id)
  await stream.event('session.idled', 2)

  comparison.answer()
  for (let turn = 3; turn <= 5; turn += 1) {
    await send(server, id)
    await stream.event('session.idled', turn)
  }
  await letGo()
  await assertWhole(server, id, stream)
})

test('a stream shows events that reach it while it waits for a read', async (t) => {
  const { server, id, stream, late, letGo, comparisons } = await startWithBlockedReads(t)
  const append = late((label) => label.startsWith('append-events'))
  await send(server, id)
  await append.made
  // The table has events that this node has not published: the second one begins after the first.
  const before = comparisons()
  await eventually(async () => comparisons() >= before + 2)

  append.answer()
  await stream.event('session.idled', 2)
  await send(server, id)
  await stream.event('session.idled', 3)
  await letGo()
  await assertWhole(server, id, stream)
})

const isComparison = (label: string) => label === 'last-sequences'

type Running = Awaited<ReturnType<typeof startServer>>
type Following = Awaited<ReturnType<typeof follow>>

async function send(server: Running, sessionId: string) {
  assert.equal((await post(server, sessionId, 'Hello')).status, 201)
}

/** Each event reached the client once and in order. */
async function assertWhole(server: Running, sessionId: string, { events }: Following) {
  assert.deepEqual(
    events.flatMap(({ sequence }) => sequence ?? []),
    (await eventsOf(server, sessionId)).map(({ sequence }) => sequence),
  )
}

/** A stream that has all events of its session, on a server where the reads of others wait. */
async function startWithBlockedReads(t: TestContext) {
  const { url: databaseUrl, late, comparisons } = await startProxy(t)
  const server = await startServer(t, { databaseUrl, databaseWaits: endless })
  const [{ id }, other] = [await createSession(server), await createSession(server)]
  const stream = await follow(t, server.url, { sessionId: id })
  await send(server, id)
  await stream.event('session.idled')
  await converse(t, server, other.id, 'Hello')
  await runSql(databaseUrl, slowEventsOf(other.id))
  const letGo = await hold(t, server, 'select pg_advisory_xact_lock(1)')
  for (let n = 0; n < 2 * nearReads; n += 1) await follow(t, server.url, { sessionId: other.id })
  await untilLocked(databaseUrl, nearReads)
  return { server, id, stream, late, comparisons, letGo }
}

/** A database whose answers to a statement can be delayed. */
async function startProxy(t: TestContext) {
  const delays: { matches: (label: string) => boolean; delay: Delay }[] = []
  let comparisons = 0
  const proxy = await startPostgresProxy(await createTestDatabase(t), {
    onStatement(label) {
      if (isComparison(label)) comparisons += 1
      const index = delays.findIndex(({ matches }) => matches(label))
      return index < 0 ? undefined : delays.splice(index, 1)[0]!.delay
    },
  })
  t.after(proxy.close)
  return {
    url: proxy.url,
    comparisons: () => comparisons,
    /** Delays the answer to the next such statement until `answer`. */
    late(matches: (label: string) => boolean) {
      const [made, answered] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
      const delay: Delay = {
        when: 'late',
        sent: Promise.resolve(),
        made: made.resolve,
        answered: answered.promise,
      }
      delays.push({ matches, delay })
      return { made: made.promise, answer: answered.resolve }
    },
  }
}
