import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { expectStatus } from '../../apps/server/test/access.ts'
import { queryRows, runSql } from '../../apps/server/test/database.ts'
import { createSchedule, sending, untilOver } from '../../apps/server/test/schedules.ts'
import { startServer } from '../../apps/server/test/server.ts'
import {
  converse,
  createAgent,
  createSession,
  eventsOf,
  type ScriptStep,
  scripted,
} from '../../apps/server/test/session.ts'
import { eventually } from '../../apps/server/test/waiting.ts'
import { tablesWith, wordsRead } from './searching.ts'

type Server = Awaited<ReturnType<typeof startServer>>

/**
 * Allowed references to a deleted session: its audit entries, and a schedule paused by its absence.
 */
const namesIt = ['public.audit_log', 'public.schedules']

const calls = (canary: string): ScriptStep[] => [
  { tool_calls: [{ name: 'set_value', arguments: { key: canary, value: canary } }] },
  { tool_calls: [{ name: 'set_secret', arguments: { name: canary, value: canary } }] },
  { tool_calls: [{ name: 'write_file', arguments: { path: `/${canary}.txt`, content: canary } }] },
  { text: canary },
]

/** A session with every kind of content, and a word that is in all of it. */
async function fullSession(t: TestContext, server: Server) {
  const canary = `canary-${randomBytes(8).toString('hex')}`
  const key = (name: string) => ({ 'idempotency-key': `${name}-${canary}` })
  const post = async (path: string, body: object, name = path) =>
    expectStatus(await server.call('POST', path, body, key(name)), 201)
  const agent = await createAgent(server, {
    capabilities: [{ ref: 'session_file_system' }, { ref: 'session_storage' }],
    tools: [
      { type: 'client_side', name: 'ask', description: 'Asks.', parameters: { type: 'object' } },
    ],
  })
  const { id } = await post('/v1/sessions', { agent_id: agent.id, title: canary, tags: [canary] })
  await converse(t, server, id, scripted(...calls(canary)))
  await converse(
    t,
    server,
    id,
    scripted({ error: { message: canary, status: 503, fail_attempts: 1 } }, { text: canary }),
  )
  await converse(t, server, id, scripted({ error: { message: canary, status: 400 } }))
  await post(`/v1/sessions/${id}/tokens`, {})
  await post(`/v1/sessions/${id}/fs/more-${canary}.txt`, { content: `more ${canary}` })
  const schedule = await createSchedule(server, { target: sending(id) })
  await server.call('POST', `/v1/durable/schedules/${schedule.id}/trigger`)
  await untilOver(server, schedule.id, 1)
  const fork = await post(`/v1/sessions/${id}/fork`, {})
  const asking = scripted({ tool_calls: [{ name: 'ask', arguments: { about: canary } }] })
  await post(`/v1/sessions/${id}/messages`, {
    message: { content: [{ type: 'text', text: asking }] },
  })
  await eventually(
    async () => (await server.call('GET', `/v1/sessions/${id}`)).body.waiting_for !== null,
  )
  await queryRows(
    server.databaseUrl,
    `insert into snapshots (session_id, sequence, turn_id, context, pieces, length) values ($1, 1, 'turn', '{}', to_json($2::text), 1)`,
    [id, canary],
  )
  const turns = (await eventsOf(server, id, '?limit=1000')).flatMap(({ context }) =>
    context.turn_id ? [String(context.turn_id)] : [],
  )
  return { id: String(id), fork: String(fork.id), canary, turns: [...new Set(turns)] }
}

async function expectNothingLeft(server: Server, made: Awaited<ReturnType<typeof fullSession>>) {
  await runSql(server.databaseUrl, `update blobs set created_at = now() - interval '2 hours'`)
  await eventually(async () => (await tablesWith(server, [made.canary])).length === 0)
  assert.deepEqual(await tablesWith(server, made.turns), [])
  const named = await tablesWith(server, [made.id, made.fork])
  assert.deepEqual(
    named.filter((name) => !namesIt.includes(name)),
    [],
  )
}

test('leaves nothing of a deleted session in any table', async (t) => {
  const server = await startServer(t, { sweepIntervalMs: 100 })
  const made = await fullSession(t, server)
  await wordsRead(server)
  const before = await tablesWith(server, [made.canary, made.id, ...made.turns])
  assert.deepEqual(
    before.filter((name) => name.startsWith('public.')),
    [
      'audit_log',
      'blobs',
      'events',
      'failed_turns',
      'files',
      'idempotency_keys',
      'pauses',
      'schedule_executions',
      'schedules',
      'search_sessions',
      'search_words',
      'session_storage',
      'session_tokens',
      'sessions',
      'snapshots',
    ].map((name) => `public.${name}`),
  )
  expectStatus(await server.call('DELETE', `/v1/sessions/${made.fork}`), 204)
  expectStatus(await server.call('DELETE', `/v1/sessions/${made.id}`), 204)
  await expectNothingLeft(server, made)
})

test('leaves nothing of a session whose retention has ended in any table', async (t) => {
  const server = await startServer(t, { sweepIntervalMs: 100, env: { RETENTION_DAYS: '30' } })
  const made = await fullSession(t, server)
  expectStatus(await server.call('POST', `/v1/sessions/${made.id}/cancel`), 200)
  const path = `/v1/sessions/${made.id}`
  await eventually(async () => (await server.call('GET', path)).body.status === 'idle')
  await runSql(
    server.databaseUrl,
    `update sessions set created_at = now() - interval '40 days', updated_at = now() - interval '31 days'`,
  )
  await eventually(async () => (await server.call('GET', path)).status === 404)
  await eventually(async () => (await server.call('GET', '/v1/sessions')).body.total === 0)
  await expectNothingLeft(server, made)
})

/** Deletions of sessions: by request, with their end user, and by retention. */
const deletions: Record<string, (server: Server, id: string) => Promise<unknown>> = {
  'a request': async (server, id) =>
    expectStatus(await server.call('DELETE', `/v1/sessions/${id}`), 204),
  'the deletion of its end user': async (server) =>
    expectStatus(await server.call('DELETE', '/v1/end-users?user=vole'), 200),
  retention: (server, id) =>
    runSql(
      server.databaseUrl,
      `update sessions set created_at = now() - interval '40 days', updated_at = now() - interval '31 days'
      where id = '${id}'`,
    ),
}

test('a log that is too long for one statement is deleted by every kind of deletion', async (t) => {
  const env = { RETENTION_DAYS: '30', LOG_LEVEL: 'silent' }
  const server = await startServer(t, { sweepIntervalMs: 100, env })
  const sql = (text: string) => runSql(server.databaseUrl, text)
  // A statement that has time for 200 events.
  await sql(
    `create function limit_events() returns trigger language plpgsql as $$ begin
      if (select count(*) from gone) > 200 then raise 'too slow' using errcode = '57014'; end if;
      return null;
    end $$`,
  )
  await sql(
    `create trigger limiting after delete on events referencing old table as gone
    for each statement execute function limit_events()`,
  )
  for (const [name, remove] of Object.entries(deletions)) {
    const { id } = await createSession(server, { user: 'vole' })
    await sql(
      `insert into events (session_id, sequence, type, ts, context, data)
      select '${id}', n, 'turn.started', now(), json_build_object('turn_id', '${id} ' || n), '{}'
      from generate_series(1001, 2000) n`,
    )
    await sql(
      `insert into pauses (turn_id, error_code, until)
      select '${id} ' || n, 'x', now() + interval '1 hour' from generate_series(1001, 2000) n`,
    )
    await remove(server, id)
    const { call } = server
    await eventually(async () => (await call('GET', `/v1/sessions/${id}`)).status === 404)
    const named = await tablesWith(server, [id])
    assert.deepEqual(
      named.filter((table) => !namesIt.includes(table)),
      [],
      name,
    )
  }
})

test('a deletion that fails after many events leaves the whole session', async (t) => {
  const server = await startServer(t, { env: { LOG_LEVEL: 'silent' } })
  const { id } = await createSession(server)
  const path = `/v1/sessions/${id}`
  await runSql(
    server.databaseUrl,
    `insert into events (session_id, sequence, type, ts, context, data)
    select '${id}', n, 'turn.started', now(), '{}', '{}' from generate_series(1001, 2000) n`,
  )
  await runSql(
    server.databaseUrl,
    `create function refuse() returns trigger language plpgsql as $$ begin raise 'stuck'; end $$`,
  )
  await runSql(
    server.databaseUrl,
    `create trigger refusing before delete on events for each row
    when (old.sequence = 1999) execute function refuse()`,
  )
  const count = `select from events where session_id = '${id}'`
  const before = (await queryRows(server.databaseUrl, count)).length
  const { status } = await server.call('DELETE', path)
  assert.ok(status >= 500, String(status))
  assert.equal((await queryRows(server.databaseUrl, count)).length, before)
  expectStatus(await server.call('GET', path), 200)
  await runSql(server.databaseUrl, 'drop trigger refusing on events')
  expectStatus(await server.call('DELETE', path), 204)
  assert.deepEqual(await queryRows(server.databaseUrl, count), [])
})
