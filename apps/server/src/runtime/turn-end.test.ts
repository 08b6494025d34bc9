import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { EventDataOf, EventType } from '@outlast/contract'
import pg from 'pg'
import { Type } from 'typebox'
import { connectTo, queryRows, runSql } from '../../test/database.ts'
import { testCapability } from '../../test/processes/own-code.ts'
import { captureLog, startServer } from '../../test/server.ts'
import {
  converse,
  createAgent,
  createSession,
  dataOf,
  eventsOf,
  post,
  replyOf,
  scripted,
} from '../../test/session.ts'
import { eventually } from '../../test/waiting.ts'
import { builtins } from '../capabilities/index.ts'

test('the end of a turn names its answer and counts its calls', async (t) => {
  const server = await startServer(t)
  const agent = await createAgent(server, { capabilities: [{ ref: 'test_math' }] })
  const { id } = await createSession(server, { agent_id: agent.id })
  const add = (a: number) => ({ name: 'add', arguments: { a, b: 1 } })
  const answer = `${'x'.repeat(250)} and more.`
  const steps = [{ text: 'Wait.', tool_calls: [add(1), add(2)] }, { text: answer }] as const
  const last = async (type: EventType) => (await eventsOf(server, id, `?types=${type}`)).at(-1)!

  await converse(
    t,
    server,
    id,
    scripted({ ...steps[0], tool_calls: [...steps[0].tool_calls] }, steps[1]),
  )
  const message = (await last('output.message.completed'))
    .data as EventDataOf<'output.message.completed'>
  const {
    duration_ms,
    time_to_first_token_ms: firstMs,
    ...ended
  } = (await last('turn.completed')).data as EventDataOf<'turn.completed'>
  assert.equal(ended.status, 'completed')
  assert.equal(ended.final_message_id, message.message.id)
  assert.equal(ended.final_answer_preview, `${'x'.repeat(200)}…`)
  assert.deepEqual([ended.llm_call_count, ended.iterations, ended.tool_call_count], [2, 2, 2])
  assert.ok(firstMs !== undefined && firstMs <= duration_ms!, `${firstMs} of ${duration_ms}`)

  await converse(t, server, id, scripted({ text: 'Short.' }))
  const second = (await last('turn.completed')).data as EventDataOf<'turn.completed'>
  assert.deepEqual(
    [second.final_answer_preview, second.llm_call_count, second.tool_call_count],
    ['Short.', 1, 0],
  )
})

const cancelBlocked = `select pg_cancel_backend(pid) from pg_stat_activity
  where $1 = any(pg_blocking_pids(pid))`

test('a wait for the database before a turn is read names the turn in the log', async (t) => {
  const api = await startServer(t, { env: { ROLE: 'api' } })
  const { databaseUrl } = api
  const { id } = await createSession(api)
  const posted = await post(api, id, 'hello')
  assert.equal(posted.status, 201)
  const holder = new pg.Client(databaseUrl)
  await holder.connect()
  t.after(() => holder.end())
  await holder.query('begin')
  await holder.query('select from sessions where id = $1 for update', [id])
  const { rows } = await holder.query<{ pid: number }>('select pg_backend_pid() as pid')
  const lines = captureLog(t)
  const env = { ROLE: 'worker', LOG_LEVEL: 'warn', LOG_FORMAT: 'json' }
  await startServer(t, { databaseUrl, env })
  const waiting = await eventually(async () => {
    await queryRows(databaseUrl, cancelBlocked, [rows[0]!.pid])
    return lines.find((line) => line.includes('waiting for the database'))
  })
  await holder.query('commit')
  const ended = await eventually(async () => {
    const events = await eventsOf(api, id, '?types=turn.completed')
    return events[0]
  })
  const { session, turn } = JSON.parse(waiting)
  assert.deepEqual([session, turn], [id, ended.context.turn_id])
})

/** SQL: reads of the whole log of a turn wait while another session holds lock 1. */
const slowLogs = `
alter table events rename to stored_events;
create view events as select * from stored_events
where current_query() not like '%recursive sized%' or pg_advisory_xact_lock_shared(1) is not null`

/** Cancels reads of a whole log. Returns whether a read of an outline waits. */
const cancelReads = `select pid, case when query like '%recursive sized%' then pg_cancel_backend(pid) end,
    query like '%as reply from events%' as is_outline
  from pg_stat_activity where $1 = any(pg_blocking_pids(pid))`

/** A node and a turn to read, while another session of the database holds a lock. */
async function withLock(t: TestContext, statement: string, preparing = 'select') {
  captureLog(t)
  const api = await startServer(t, { env: { ROLE: 'api' } })
  const { databaseUrl } = api
  const { id } = await createSession(api)
  assert.equal((await post(api, id, scripted({ text: 'Read.' }))).status, 201)
  await runSql(databaseUrl, preparing)
  const holder = await connectTo(t, databaseUrl)
  await holder.query('begin')
  await holder.query(statement)
  const { rows } = await holder.query<{ pid: number }>('select pg_backend_pid() as pid')
  const pid = rows[0]!.pid
  const cancel = () => queryRows<{ is_outline: boolean }>(databaseUrl, cancelReads, [pid])
  await startServer(t, { databaseUrl, env: { ROLE: 'worker' } })
  return { api, id, cancel, release: () => holder.query('commit') }
}

test('a turn whose log cannot be read in time fails, and the session answers the next message', async (t) => {
  const { api, id, cancel, release } = await withLock(
    t,
    'select pg_advisory_xact_lock(1)',
    slowLogs,
  )
  const failed = await eventually(async () => {
    await cancel()
    const events = await eventsOf(api, id, '?types=turn.failed')
    return events[0]
  })
  const { error, error_code } = failed.data as EventDataOf<'turn.failed'>
  assert.deepEqual(
    [error_code, error],
    ['turn_unreadable', 'The log of the turn is too long to be read in time.'],
  )
  await release()
  const events = await converse(t, api, id, scripted({ text: 'Still here.' }))
  assert.equal(replyOf(events), 'Still here.')
})

test('a turn continues when a database that ended its reads is fast again', async (t) => {
  const lock = 'lock table events in access exclusive mode'
  const { api, id, cancel, release } = await withLock(t, lock)
  await eventually(async () => (await cancel()).some(({ is_outline }) => is_outline))
  await release()
  const end = await eventually(async () => {
    const events = await eventsOf(api, id, '?types=turn.completed,turn.failed')
    return events[0]
  })
  assert.equal(end.type, 'turn.completed')
})

const lastPrompts: [prompt: () => string, code: string, sentence: RegExp][] = [
  [
    () => {
      throw new Error('No prompt.')
    },
    'turn_crashed',
    /^The turn failed three times without progress/,
  ],
  [() => 'a\0b', 'turn_unstorable', /^The database could not store/],
]

for (const [prompt, code, sentence] of lastPrompts) {
  test(`a turn whose agent cannot be assembled or stored ends with ${code}`, async (t) => {
    captureLog(t)
    const own = testCapability([], {
      config: Type.Object({ isBroken: Type.Optional(Type.Boolean()) }),
      sessionRules: { isBroken: 'agent' },
      prompt: ({ isBroken }) => (isBroken ? prompt() : 'Works.'),
    })
    const server = await startServer(t, { capabilities: [...builtins, own] })
    const capabilities = [{ ref: 'own', config: { isBroken: true } }]
    const agent = await createAgent(server, { capabilities })
    const { id } = await createSession(server, { agent_id: agent.id })
    const events = await converse(t, server, id, scripted({ text: 'Done.' }))
    const { error, error_code } = dataOf(events, 'turn.failed')
    assert.equal(error_code, code)
    assert.match(error, sentence)
    assert.equal(events.at(-1)!.type, 'session.idled')
  })
}
