import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import type { Event } from '@outlast/contract'
import {
  callerWith,
  createKey,
  expectStatus,
  registerPerson,
  startGuarded,
} from '../../../../test/access.ts'
import { connectTo, queryRows, runSql, untilLocked } from '../../../../test/database.ts'
import { type ServerOptions, startServer } from '../../../../test/server.ts'
import { converse, createAgent, createSession, eventsOf, post } from '../../../../test/session.ts'
import { follow } from '../../../../test/stream.ts'
import { eventually } from '../../../../test/waiting.ts'

const defaultOrganization = 'org_00000000000000000000000000000001'
const sweepIntervalMs = 50

type Row = { hash: string; bytes: number; age: number }

/** A server with a session whose only turn was given a prompt. */
async function prompted(t: TestContext, options: ServerOptions = {}) {
  const server = await startServer(t, { sweepIntervalMs, ...options })
  const agent = await createAgent(server, { system_prompt: 'You are Ada, and like cats.' })
  const session = await createSession(server, { agent_id: agent.id })
  await converse(t, server, session.id, 'Hello')
  const sql = (text: string) => runSql(server.databaseUrl, text)
  return {
    server,
    agent,
    session,
    /** As if all texts had last been used so many hours ago. */
    agedTexts: (hours: number) =>
      sql(`update texts set used_at = now() - interval '${hours} hours'`),
    agedSession: (hours: number) =>
      sql(
        `update sessions set created_at = now() - interval '${hours} hours' where id = '${session.id}'`,
      ),
    /** The texts, with the hours since they were last used. */
    texts: () =>
      queryRows<Row>(
        server.databaseUrl,
        `select hash, octet_length(body) as bytes, round(extract(epoch from now() - used_at) / 3600)::int as age
        from texts order by hash`,
      ),
    counted: async () => {
      const [row] = await queryRows<{ bytes: number }>(
        server.databaseUrl,
        `select sum(stored_bytes)::int as bytes from counters where agent_id = 'texts'`,
      )
      return row!.bytes
    },
    /** Waits until a sweep that began later than this is over. */
    async untilSwept() {
      for (const name of ['first', 'second']) {
        await sql(
          `insert into texts (org_id, hash, body, used_at) values ('${defaultOrganization}', '${name}', '', '2020-01-01')`,
        )
        const marker = `select from texts where hash = '${name}'`
        await eventually(async () => (await queryRows(server.databaseUrl, marker)).length === 0)
      }
    },
  }
}

const generationOf = (events: Event[]) =>
  JSON.stringify(events.find(({ type }) => type === 'llm.generation')?.data)

/** The prompt of a session's model call as another node reads it. */
async function readElsewhere(t: TestContext, databaseUrl: string, sessionId: string) {
  return generationOf(await eventsOf(await startServer(t, { databaseUrl }), sessionId))
}

test('a prompt that no session names any more is deleted, which leaves room for others', async (t) => {
  const env = { QUOTA_STORAGE_MB: '1' }
  const server = await startGuarded(t, { sweepIntervalMs, env })
  const { key, call } = await createKey(server, await registerPerson(server))
  const mine = { url: server.url, call }
  const agent_id = (await createAgent(mine, { system_prompt: 'x'.repeat(600_000) })).id
  const [{ id }, other] = [
    await createSession(mine, { agent_id }),
    await createSession(mine, { agent_id }),
  ]
  const stream = await follow(t, server.url, { sessionId: id, headers: { authorization: key } })
  expectStatus(await post(mine, id, 'Hello'), 201)
  await stream.event('session.idled')
  // A node that has not read the counters yet.
  const { url } = await startGuarded(t, { databaseUrl: server.databaseUrl, env })
  const elsewhere = { url, call: callerWith(url, key) }
  expectStatus(await post(elsewhere, other.id, 'Room?'), 403, 'quota_exceeded')
  expectStatus(await call('DELETE', `/v1/sessions/${id}`), 204)
  expectStatus(await post(elsewhere, other.id, 'Room?'), 403, 'quota_exceeded')
  await runSql(server.databaseUrl, `update texts set used_at = now() - interval '49 hours'`)
  await eventually(async () => (await post(elsewhere, other.id, 'Room?')).status === 201)
})

test('deletes texts 2 days older than the oldest session, and takes exactly their bytes off', async (t) => {
  const { server, session, agedTexts, agedSession, texts, counted, untilSwept } = await prompted(t)
  const before = await texts()
  const bytes = before.reduce((sum, text) => sum + text.bytes, 0)
  assert.equal(await counted(), bytes)
  await createSession(server)
  await agedSession(1_000)
  await agedTexts(1_047)
  await untilSwept()
  assert.deepEqual(
    (await texts()).map(({ hash }) => hash),
    before.map(({ hash }) => hash),
  )
  assert.match(await readElsewhere(t, server.databaseUrl, session.id), /You are Ada, and like cats/)
  await agedTexts(1_049)
  await untilSwept()
  assert.deepEqual([await texts(), await counted()], [[], 0])
})

test('without sessions, texts are kept for 2 days after their last use', async (t) => {
  const { server, session, agedTexts, texts, counted, untilSwept } = await prompted(t)
  expectStatus(await server.call('DELETE', `/v1/sessions/${session.id}`), 204)
  await agedTexts(47)
  await untilSwept()
  assert.equal((await texts()).length, 2)
  await agedTexts(49)
  await untilSwept()
  assert.deepEqual([await texts(), await counted()], [[], 0])
})

/** How nodes of release 0.1 store a text, which they do not count. */
const firstStore = `
insert into texts (org_id, hash, body) values ('${defaultOrganization}', 'uncounted', 'You are Bob.') on conflict do nothing`

test('the deletion of a text that a node of 0.1 stored takes nothing off the counters', async (t) => {
  const { server, session, agedTexts, texts, counted, untilSwept } = await prompted(t)
  await runSql(server.databaseUrl, firstStore)
  expectStatus(await server.call('DELETE', `/v1/sessions/${session.id}`), 204)
  await agedTexts(49)
  await untilSwept()
  assert.deepEqual([await texts(), await counted()], [[], 0])
})

test('texts of a fork stay when its source is deleted', async (t) => {
  const { server, session, agedTexts, agedSession, texts, counted, untilSwept } = await prompted(t)
  const bytes = await counted()
  await agedSession(1_000)
  await agedTexts(1_000)
  const path = `/v1/sessions/${session.id}`
  const fork = expectStatus(await server.call('POST', `${path}/fork`), 201)
  expectStatus(await server.call('DELETE', path), 204)
  await untilSwept()
  assert.match(await readElsewhere(t, server.databaseUrl, fork.id), /You are Ada, and like cats/)
  assert.deepEqual([(await texts()).map(({ age }) => age), await counted()], [[0, 0], bytes])
})

test('a fork uses only the texts that the events it copies name', async (t) => {
  const { server, session, agedTexts, agedSession, texts } = await prompted(t)
  await agedSession(1_000)
  const sequence = (await eventsOf(server, session.id)).find(
    ({ type }) => type === 'llm.generation',
  )!.sequence!
  await agedTexts(100)
  const fork = (at: number) =>
    server.call('POST', `/v1/sessions/${session.id}/fork`, { at_sequence: at })
  expectStatus(await fork(sequence - 1), 201)
  assert.deepEqual(
    (await texts()).map(({ age }) => age),
    [100, 100],
  )
  expectStatus(await fork(sequence), 201)
  assert.deepEqual(
    (await texts()).map(({ age }) => age),
    [0, 0],
  )
})

test('a fork whose texts are being deleted stores them again', async (t) => {
  const { server, session, agedTexts, texts, counted } = await prompted(t, {
    sweepIntervalMs: 3_600_000,
  })
  await agedTexts(100)
  const before = await texts()
  const deleting = await connectTo(t, server.databaseUrl)
  await deleting.query('begin')
  await deleting.query('delete from texts')
  await deleting.query(`delete from counters where agent_id = 'texts'`)
  const forking = server.call('POST', `/v1/sessions/${session.id}/fork`)
  await untilLocked(server.databaseUrl)
  await deleting.query('commit')
  expectStatus(await forking, 201)
  const after = before.map((text) => ({ ...text, age: 0 }))
  assert.deepEqual(await texts(), after)
  assert.equal(
    await counted(),
    after.reduce((sum, { bytes }) => sum + bytes, 0),
  )
})

test('a text that a transaction uses is not deleted', async (t) => {
  const { server, session, agedTexts, agedSession, texts, untilSwept } = await prompted(t)
  await agedSession(1_000)
  await agedTexts(100)
  const using = await connectTo(t, server.databaseUrl)
  await using.query('begin')
  await using.query('update texts set used_at = now()')
  expectStatus(await server.call('DELETE', `/v1/sessions/${session.id}`), 204)
  await untilSwept()
  await using.query('commit')
  await untilSwept()
  assert.equal((await texts()).length, 2)
})

test('a text in use counts as used every 12 hours, and once as storage; reading it is no use', async (t) => {
  const { server, session, agent, agedTexts, texts, counted } = await prompted(t)
  const ages = async () => (await texts()).map(({ age }) => age)
  const bytes = await counted()
  await agedTexts(13)
  await converse(t, server, session.id, 'The node has just stored the text')
  assert.deepEqual(await ages(), [13, 13])

  const other = await startServer(t, { databaseUrl: server.databaseUrl })
  assert.match(generationOf(await eventsOf(other, session.id)), /You are Ada, and like cats/)
  assert.deepEqual(await ages(), [13, 13])
  const { id } = await createSession(other, { agent_id: agent.id })
  await converse(t, other, id, 'Another node')
  assert.deepEqual(await ages(), [0, 0])

  await agedTexts(13)
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() + 13 * 3_600_000 })
  await converse(t, server, session.id, 'The node stored the text long ago')
  t.mock.timers.reset()
  assert.deepEqual(await ages(), [0, 0])
  assert.equal(await counted(), bytes)
})

test('a prompt may be the same text as the list of tools', async (t) => {
  const server = await startServer(t)
  const agent = await createAgent(server, { system_prompt: '[]' })
  const { id } = await createSession(server, { agent_id: agent.id })
  const events = await converse(t, server, id, 'Hello')
  assert.ok(events.some(({ type }) => type === 'output.message.completed'))
  const [stored] = await queryRows(server.databaseUrl, 'select count(*)::int as texts from texts')
  assert.deepEqual(stored, { texts: 1 })
})

test('sweeps reach every organization, however many texts and organizations there are', async (t) => {
  const server = await startServer(t, { sweepIntervalMs })
  await runSql(
    server.databaseUrl,
    `with o as (
      insert into organizations (id, name) select 'org_' || md5(n::text), '' from generate_series(1, 2500) n returning id
    )
    insert into texts (org_id, hash, body, used_at)
    select id, n, n, '2020-01-01' from o, generate_series(1, case when id = (select max(id) from o) then 500 else 1 end) n`,
  )
  await eventually(
    async () => (await queryRows(server.databaseUrl, 'select from texts')).length === 0,
  )
})
