/** Forks of logs that one statement cannot copy. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import type { Event, NewFork, Session } from '@outlast/contract'
import { expectStatus } from '../../../../test/access.ts'
import { connectTo, queryRows, untilLocked } from '../../../../test/database.ts'
import { expectError } from '../../../../test/files.ts'
import { beforeAll } from '../../../../test/hooks.ts'
import { startServer } from '../../../../test/server.ts'
import { converse, createSession, replyOf, scripted } from '../../../../test/session.ts'

const mebibyte = 1024 * 1024

let server: Awaited<ReturnType<typeof startServer>>
beforeAll(async (t) => {
  server = await startServer(t)
})

const query = <Row extends object>(text: string, values: unknown[] = []) =>
  queryRows<Row>(server.databaseUrl, text, values)

/** Texts of a given length. PostgreSQL cannot compress `random`, and `equal` to almost nothing. */
const texts = {
  random: (bytes: number) => randomBytes(bytes).toString('base64url').slice(0, bytes),
  equal: (bytes: number) => 'x'.repeat(bytes),
}

type Messages = { count: number; bytes: number; text: keyof typeof texts }

/** Adds messages of a user to an idle session, as if they had been posted and answered. */
async function lengthen({ id }: Session, { count, bytes, text }: Messages) {
  await query(
    `with s as (select * from sessions where id = $1), m as (
      insert into events (session_id, sequence, type, ts, context, data)
      select s.id, s.sequence + n, 'input.message', now(), '{}', json_build_object('message', json_build_object(
        'id', 'message_' || md5(n::text), 'role', 'user', 'created_at', now(),
        'content', json_build_array(json_build_object('type', 'text', 'text', n || $3::text))
      ))
      from s, generate_series(1, $2::integer) n
      returning octet_length(data::text) as bytes
    ), i as (
      insert into events (session_id, sequence, type, ts, context, data)
      select s.id, s.sequence + $2 + 1, e.type, now(), e.context, e.data
      from s join events e on e.session_id = s.id and e.sequence = s.sequence
      returning octet_length(data::text) as bytes
    )
    update sessions u set sequence = s.sequence + $2 + 1,
      stored_bytes = u.stored_bytes + (select sum(bytes) from m) + (select bytes from i)
    from s where u.id = s.id`,
    [id, count, texts[text](bytes)],
  )
}

/** A session after a turn, with more messages. */
async function longSession(t: TestContext, messages: Messages, fields: object = {}) {
  const session = await createSession(server, fields)
  await converse(t, server, session.id, scripted({ text: 'A reply.' }))
  await lengthen(session, messages)
  return session
}

const tryFork = ({ id }: Session, body?: NewFork, headers?: Record<string, string>) =>
  server.call('POST', `/v1/sessions/${id}/fork`, body, headers)

async function allEvents(id: string): Promise<Event[]> {
  const events: Event[] = []
  for (let after: number | undefined = 0; after !== undefined; after = events.at(-1)?.sequence) {
    const path = `/v1/sessions/${id}/events?limit=1000&after_sequence=${after}`
    const { data } = expectStatus(await server.call('GET', path), 200)
    if (data.length === 0) break
    events.push(...data)
  }
  return events
}

const counts = async () => {
  const rows = await query<{ events: number; sessions: number }>(
    'select (select count(*)::int from events) as events, (select count(*)::int from sessions) as sessions',
  )
  return rows[0]!
}

test('a fork of a log of several pieces has all events, is counted and continues', async (t) => {
  const source = await longSession(t, { count: 40, bytes: mebibyte, text: 'random' })
  const { id }: Session = expectStatus(await tryFork(source), 201)
  const [theirs, ours] = [await allEvents(source.id), await allEvents(id)]
  assert.ok(theirs.length > 40)
  assert.deepEqual(
    ours.map(({ id: _, session_id: __, ...event }) => event),
    theirs.map(({ id: _, session_id: __, ...event }) => event),
  )
  const [size] = await query<{ counted: string; stored: string }>(
    `select stored_bytes as counted, (
      select sum(octet_length(data::text)) from events where session_id = $1
    ) as stored from sessions where id = $1`,
    [id],
  )
  assert.equal(size!.counted, size!.stored)
  const told = await converse(t, server, id, scripted({ text: 'Here.' }))
  assert.equal(replyOf(told), 'Here.')
})

test('a log above 512 MiB is refused with fork_too_long, a part of it is copied', async (t) => {
  const source = await longSession(t, { count: 75, bytes: 7 * mebibyte, text: 'equal' })
  const before = await counts()
  const refused = await tryFork(source)
  expectError(refused, [413, 'fork_too_long'])
  assert.match(refused.body.error, /512 MiB/)
  const { sequence } = (
    await query<{ sequence: number }>('select sequence from sessions where id = $1', [source.id])
  )[0]!
  // The length of a part is known only once it is copied. A key stores the response.
  const cut = { at_sequence: sequence - 1 }
  expectError(await tryFork(source, cut, { 'idempotency-key': 'part' }), [413, 'fork_too_long'])
  assert.deepEqual(await counts(), before)
  const part = await tryFork(source, { at_sequence: sequence - 60 })
  assert.equal(expectStatus(part, 201).status, 'idle')
})

test('a long fork that takes the key blocks no change of its source, and is alone', async (t) => {
  const long = { count: 70, bytes: mebibyte, text: 'random' } as const
  const source = await longSession(t, long, { key: 'chat' })
  const holder = await connectTo(t, server.databaseUrl)
  await holder.query('begin; lock table events in share mode')
  const forking = tryFork(source, { take_key: true })
  await untilLocked(server.databaseUrl)
  const changed = await server.call('PATCH', `/v1/sessions/${source.id}`, { title: 'New' })
  assert.equal(expectStatus(changed, 200).title, 'New')
  expectError(await tryFork(source), [429, 'rate_limited'])
  await holder.query('rollback')
  const fork: Session = expectStatus(await forking, 201)
  assert.equal(fork.key, 'chat')
  expectStatus(await tryFork(source), 201)
})

test('a long fork whose source is deleted meanwhile is 404, and nothing of it is stored', async (t) => {
  const source = await longSession(t, { count: 40, bytes: mebibyte, text: 'random' })
  const holder = await connectTo(t, server.databaseUrl)
  await holder.query('begin; lock table events in share mode')
  const forking = tryFork(source)
  await untilLocked(server.databaseUrl)
  await holder.query('delete from sessions where id = $1', [source.id])
  await holder.query('commit')
  expectError(await forking, [404, 'not_found'])
  const rows = await query(
    'select from events e where not exists (select from sessions s where s.id = e.session_id) and session_id <> $1',
    [source.id],
  )
  assert.equal(rows.length, 0)
})
