import type { TestContext } from 'node:test'
import { connectTo } from './database.ts'
import type { Call } from './server.ts'
import { createAgent } from './session.ts'
import { patient } from './waiting.ts'

type Database = { databaseUrl: string }
type Person = { call: Call }

/** Longer than a test: no statement gives up its connection. */
export const endless = { ...patient, statement: 3_600_000, lock: 3_600_000 }

/** Holds the locks of `statement` until the result is called or the test ends. */
export async function hold(
  t: TestContext,
  server: Database,
  statement: string,
  values: unknown[] = [],
) {
  const client = await connectTo(t, server.databaseUrl)
  await client.query('begin')
  await client.query(statement, values)
  return () => client.end()
}

/** An agent of each person, locked. Each of `changes` waits for the lock of one. */
export async function lockAgents(
  t: TestContext,
  server: Database & { url: string },
  people: Person[],
) {
  const agents = await Promise.all(
    people.map(async ({ call }) => ({ call, ...(await createAgent({ url: server.url, call })) })),
  )
  const ids = agents.map(({ id }) => id)
  const letGo = await hold(t, server, 'select 1 from agents where id = any($1) for update', [ids])
  const changes = agents.map(
    ({ call, id }) =>
      () =>
        call('PATCH', `/v1/agents/${id}`, { description: 'Changed' }),
  )
  return { letGo, changes }
}

/** SQL: reading a page of events of a session waits while another session holds lock 1. */
export const slowEventsOf = (sessionId: string) => `
alter table events rename to stored_events;
create view events as select * from stored_events
where session_id <> '${sessionId}' or current_query() not like '%with page as%'
or pg_advisory_xact_lock_shared(1) is not null`
