import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connectTo, runSql, untilLocked } from '../../../test/database.ts'
import { startServer } from '../../../test/server.ts'
import { converse, createSession, eventsOf } from '../../../test/session.ts'
import { follow } from '../../../test/stream.ts'

/** Reads of streams with long logs at once. */
const farReads = 1

/** Reading events of a session waits for a lock from now on. */
const slowEventsOf = (sessionId: string) => `
alter table events rename to stored_events;
create view events as select * from stored_events
where session_id <> '${sessionId}' or pg_advisory_xact_lock_shared(1) is not null`

test('a stream that lacks few events does not wait for those that read long logs', async (t) => {
  const server = await startServer(t)
  const [long, other] = [await createSession(server), await createSession(server)]
  for (let turn = 0; turn < 6; turn += 1) await converse(t, server, long.id, 'Hello')
  await converse(t, server, other.id, 'Hello')
  const stored = await eventsOf(server, long.id)
  await runSql(server.databaseUrl, slowEventsOf(long.id))
  const holder = await connectTo(t, server.databaseUrl)
  await holder.query('select pg_advisory_lock(1)')

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

  await holder.end()
  for (const stream of far) {
    await stream.event('session.idled', 6)
    assert.deepEqual(
      stream.events.map(({ sequence }) => sequence),
      stored.map(({ sequence }) => sequence),
    )
  }
})
