import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { connectTo, queryRows, runSql } from '../../../test/database.ts'
import { beforeAll } from '../../../test/hooks.ts'
import {
  createSchedule,
  everySecond,
  executionsOf,
  schedules,
  sending,
  starting,
  trigger,
  untilOver,
} from '../../../test/schedules.ts'
import { type Call, startServer } from '../../../test/server.ts'
import {
  createAgent,
  createSession,
  eventsOf,
  post,
  replyOf,
  scripted,
} from '../../../test/session.ts'
import { follow } from '../../../test/stream.ts'
import { eventually, patient } from '../../../test/waiting.ts'
import { databaseWaits } from '../../store/database.ts'

let server: Awaited<ReturnType<typeof startServer>>

beforeAll(async (t) => {
  server = await startServer(t as TestContext)
})

const newSession = () => createSession(server)
const scheduleOf = async (id: string) => (await server.call('GET', `${schedules}/${id}`)).body
const pause = (id: string) => server.call('POST', `${schedules}/${id}/pause`)

/** Enables the schedules, due since the same time, `seconds` ago. */
const dueSince = (seconds: number, ...ids: string[]) =>
  runSql(
    server.databaseUrl,
    `update schedules set enabled = true, next_trigger_at = date_trunc('second', now()) - interval '${seconds} seconds'
    where id = any('{${ids.join()}}')`,
  )

test('a schedule sends its message each time, and each execution reports its outcome', async () => {
  const { id: sessionId } = await newSession()
  const target = sending(sessionId, { text: 'Say tick' })
  const { id } = await createSchedule(server, { cron_expression: everySecond, target })
  const [first, second] = await untilOver(server, id, 2)
  await pause(id)
  for (const execution of [first!, second!]) {
    assert.equal(execution.status, 'completed')
    assert.equal(Date.parse(execution.scheduled_at) % 1_000, 0)
    assert.ok(execution.started_at >= execution.scheduled_at)
    assert.ok(execution.completed_at! >= execution.started_at)
    assert.ok(execution.duration_ms! >= 0)
    assert.equal(execution.session_id, sessionId)
  }
  assert.equal(Date.parse(second!.scheduled_at) - Date.parse(first!.scheduled_at), 1_000)
  const events = await eventsOf(server, sessionId)
  const [input] = events.filter(({ type }) => type === 'input.message')
  const { message } = input!.data as { message: { metadata: object; content: object[] } }
  assert.deepEqual(message.content, [{ type: 'text', text: 'Say tick' }])
  assert.deepEqual(message.metadata, {
    schedule_id: id,
    execution_id: first!.id,
    scheduled_at: first!.scheduled_at,
  })
  assert.ok(events.some(({ context }) => context.turn_id === first!.turn_id))
  assert.match((await scheduleOf(id)).last_triggered_at, /\.000Z$/)
})

test('a schedule starts a new session each time', async () => {
  const agent = await createAgent(server)
  const fields = { text: 'Good morning', title: 'Daily', tags: ['daily'] }
  const { id } = await createSchedule(server, { target: starting(agent.id, fields) })
  const begun = [await trigger(server, id), await trigger(server, id)]
  const all = await untilOver(server, id, 2)
  assert.deepEqual(
    all.map(({ status }) => status),
    ['completed', 'completed'],
  )
  assert.notEqual(begun[0]!.session_id, begun[1]!.session_id)
  const session = (await server.call('GET', `/v1/sessions/${begun[0]!.session_id}`)).body
  assert.deepEqual([session.agent_id, session.title, session.tags], [agent.id, 'Daily', ['daily']])
  assert.match(replyOf(await eventsOf(server, session.id)), /Good morning/)
})

test('followers receive the events of a schedule at once', async (t) => {
  const { id: sessionId } = await newSession()
  const stream = await follow(t, server.url, { sessionId })
  const { id } = await createSchedule(server, { target: sending(sessionId) })
  await trigger(server, id)
  await stream.event('session.idled')
  assert.ok(stream.events.some(({ type }) => type === 'input.message'))
})

test('a failed and a cancelled turn fail the execution with their reason', async () => {
  const { id: sessionId } = await newSession()
  const broken = scripted({ error: { message: 'the model is gone', status: 400 } })
  const failing = await createSchedule(server, { target: sending(sessionId, { text: broken }) })
  await trigger(server, failing.id)
  const [failed] = await untilOver(server, failing.id, 1)
  assert.equal(failed!.status, 'failed')
  assert.ok(failed!.error!.length > 0)
  const slow = scripted({ text: 'never', delay_ms: 600_000 })
  const { id } = await createSchedule(server, { target: sending(sessionId, { text: slow }) })
  await trigger(server, id)
  await server.call('POST', `/v1/sessions/${sessionId}/cancel`)
  const [cancelled] = await untilOver(server, id, 1)
  assert.deepEqual([cancelled!.status, cancelled!.error], ['failed', 'User requested cancellation'])
})

test('a message waits for the running turn, and its execution for its own turn', async () => {
  const { id: sessionId } = await newSession()
  await post(server, sessionId, scripted({ text: 'slow', delay_ms: 600_000 }))
  const { id } = await createSchedule(server, { target: sending(sessionId, { text: 'Say two' }) })
  const begun = await trigger(server, id)
  assert.deepEqual([begun.status, begun.turn_id], ['running', undefined])
  await server.call('POST', `/v1/sessions/${sessionId}/cancel`)
  const [execution] = await untilOver(server, id, 1)
  assert.equal(execution!.status, 'completed')
  const events = await eventsOf(server, sessionId)
  const ended = events.findLast(({ type }) => type === 'turn.completed')
  assert.equal(ended!.context.turn_id, execution!.turn_id)
})

test('skips a time with on_busy reject while a turn runs', async () => {
  const { id: sessionId } = await newSession()
  await post(server, sessionId, scripted({ text: 'slow', delay_ms: 600_000 }))
  const target = sending(sessionId, { on_busy: 'reject' })
  const { id } = await createSchedule(server, { target })
  const { status, error } = await trigger(server, id)
  assert.equal(status, 'skipped')
  assert.match(error!, /on_busy is reject/)
})

test('limits the concurrent executions of a schedule with a slow target, and skips the other times', async () => {
  const agent = await createAgent(server)
  const slow = scripted({ text: 'slow', delay_ms: 600_000 })
  const { id } = await createSchedule(server, {
    cron_expression: everySecond,
    max_concurrent: 1,
    target: starting(agent.id, { text: slow }),
  })
  const all = await untilOver(server, id, 2)
  assert.equal(all[0]!.status, 'running')
  assert.deepEqual([...new Set(all.slice(1).map(({ status }) => status))], ['skipped'])
  await server.call('POST', `/v1/sessions/${all[0]!.session_id}/cancel`)
  await eventually(async () => {
    const running = await executionsOf(server, id, '?status=running')
    return running.length === 1 && running[0]!.id !== all[0]!.id
  })
  await pause(id)
})

test('skips missed times, or runs them with catch-up', async () => {
  const { id: sessionId } = await newSession()
  const common = { cron_expression: '*/30 * * * * *', enabled: false, target: sending(sessionId) }
  const lazy = await createSchedule(server, common)
  const eager = await createSchedule(server, { ...common, catch_up_missed: true, max_catch_up: 2 })
  const begun = new Date().toISOString()
  await dueSince(1_500, lazy.id, eager.id)
  const counts = async (id: string) => {
    const all = await untilOver(server, id, 9)
    return all.filter(({ status }) => status === 'skipped').length
  }
  const [skipped, fewer] = [await counts(lazy.id), await counts(eager.id)]
  assert.equal(skipped - fewer, 2)
  assert.ok((await scheduleOf(lazy.id)).next_trigger_at > begun)
  for (const { id } of [lazy, eager]) await pause(id)
})

test('counts no time as missed when the database clock goes back', async () => {
  const target = sending((await newSession()).id)
  const { id } = await createSchedule(server, { enabled: false, target })
  await runSql(
    server.databaseUrl,
    `insert into schedule_looks (since, latest) values (now() + interval '1 hour', now() + interval '1 hour')
     on conflict (singleton) do update set since = excluded.since, latest = excluded.latest`,
  )
  await dueSince(5, id)
  const [execution] = await untilOver(server, id, 1)
  assert.equal(execution!.status, 'completed')
})

/** Starts a node that waits for locks as in the product, and one for the requests of the test. */
async function startWaiting(t: TestContext) {
  const api = await startServer(t, { env: { ROLE: 'api' } })
  const { databaseUrl } = api
  const waits = { ...databaseWaits, connection: patient.connection }
  await startServer(t, { databaseUrl, databaseWaits: waits, env: { LOG_LEVEL: 'silent' } })
  return api
}

test('a locked session does not delay other due schedules', async (t) => {
  const server = await startWaiting(t)
  const [held, free] = [await createSession(server), await createSession(server)]
  const client = await connectTo(t, server.databaseUrl)
  await client.query('begin')
  await client.query('select from sessions where id = $1 for update', [held.id])
  const [waiting, other] = await Promise.all(
    [held, free].map((session) => createSchedule(server, { target: sending(session.id) })),
  )
  await runSql(
    server.databaseUrl,
    `update schedules set next_trigger_at = date_trunc('second', now()) where id in ('${waiting!.id}', '${other!.id}')`,
  )
  const [execution] = await untilOver(server, other!.id, 1)
  assert.equal(execution!.status, 'completed')
  assert.deepEqual(await executionsOf(server, waiting!.id), [])
  await client.query('rollback')
  const [late] = await untilOver(server, waiting!.id, 1)
  assert.equal(late!.status, 'completed')
})

test('of two batches of due schedules, a failed one does not stop the other', async (t) => {
  const server = await startWaiting(t)
  const locks = await Promise.all([1, 2].map(() => lockSession(t, server)))
  const [first, last] = locks
  const { id: free } = await createSession(server)
  // One batch has the first 25.
  const targets = [first!.id, ...Array.from({ length: 24 }, () => free), last!.id]
  const due = []
  for (const id of targets) due.push((await createSchedule(server, { target: sending(id) })).id)
  await runSql(
    server.databaseUrl,
    `update schedules s set next_trigger_at = date_trunc('second', now()) + (n - 30) * interval '1 millisecond'
    from unnest('{${due.join()}}'::uuid[]) with ordinality as d(id, n) where s.id = d.id`,
  )
  await Promise.all(locks.map(({ untilWaiting }) => untilWaiting()))
  await eventually(first!.endWaiter)
  const other = await last!.untilWaiting()
  const before = await executionsOf(server, due[1]!)
  await first!.release()
  // Longer than the polling interval: no poll starts during a batch, which ends after 2 s at most.
  await sleep(1_200)
  const after = await executionsOf(server, due[1]!)
  const stillWaiting = await last!.waiting()
  if (stillWaiting?.since === other!.since) assert.deepEqual(after, before)
  await last!.release()
  for (const id of due) {
    const executions = await untilOver(server, id, 1)
    assert.deepEqual(
      executions.map(({ status }) => status),
      ['completed'],
    )
  }
})

/** A connection that waits for a lock, and the start of its transaction. */
type Waiter = { pid: number; since: string }

/** Locks a session in a transaction, and returns the connection that waits for it. */
async function lockSession(
  t: TestContext,
  server: { call: Call; url: string; databaseUrl: string },
) {
  const { id } = await createSession(server)
  const client = await connectTo(t, server.databaseUrl)
  await client.query('begin')
  await client.query('select from sessions where id = $1 for update', [id])
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
  const waiters = `select pid, xact_start::text as since from pg_stat_activity
    where $1 = any(pg_blocking_pids(pid))`
  const query = (text: string) => queryRows<Waiter>(server.databaseUrl, text, [rows[0]!.pid])
  const waiting = async () => (await query(waiters))[0]
  return {
    id,
    release: () => client.query('rollback'),
    waiting,
    untilWaiting: () => eventually(waiting),
    /** Ends the connection that waits. False if none does, since a wait lasts 2 s at most. */
    endWaiter: async () =>
      (await query(`select w.*, pg_terminate_backend(pid) from (${waiters}) w`)).length > 0,
  }
}

test('a deleted session pauses its schedule with a reason; an archived agent only fails the execution', async () => {
  const { id: sessionId } = await newSession()
  const gone = await createSchedule(server, {
    cron_expression: everySecond,
    target: sending(sessionId),
  })
  await server.call('DELETE', `/v1/sessions/${sessionId}`)
  const paused = await eventually(async () => {
    const schedule = await scheduleOf(gone.id)
    return !schedule.enabled && schedule
  })
  assert.equal(paused.next_trigger_at, null)
  assert.match(paused.paused_reason, /Session not found/)
  const failed = await executionsOf(server, gone.id, '?status=failed')
  assert.match(failed[0]!.error!, /Session (not found|was deleted)/)
  const agent = await createAgent(server)
  const { id } = await createSchedule(server, { target: starting(agent.id) })
  await server.call('DELETE', `/v1/agents/${agent.id}`)
  const execution = await trigger(server, id)
  assert.equal(execution.status, 'failed')
  assert.match(execution.error!, /archived/)
  assert.equal((await scheduleOf(id)).enabled, true)
})

test('a session deleted during its turn fails the execution', async () => {
  const { id: sessionId } = await newSession()
  const slow = scripted({ text: 'slow', delay_ms: 600_000 })
  const { id } = await createSchedule(server, { target: sending(sessionId, { text: slow }) })
  await trigger(server, id)
  await server.call('DELETE', `/v1/sessions/${sessionId}`)
  const [execution] = await untilOver(server, id, 1)
  assert.deepEqual([execution!.status, execution!.error], ['failed', 'The session was deleted.'])
})

test('statistics count the outcomes of stored executions', async () => {
  const { id: sessionId } = await newSession()
  const { id } = await createSchedule(server, { target: sending(sessionId) })
  const stats = async () => (await server.call('GET', `${schedules}/${id}/stats`)).body
  const none = { total_executions: 0, successful_executions: 0, failed_executions: 0 }
  assert.deepEqual(await stats(), { ...none, skipped_executions: 0 })
  await trigger(server, id)
  await untilOver(server, id, 1)
  const { avg_duration_ms, ...counted } = await stats()
  assert.ok(avg_duration_ms >= 0)
  assert.deepEqual(counted, {
    total_executions: 1,
    successful_executions: 1,
    failed_executions: 0,
    skipped_executions: 0,
    last_execution_status: 'completed',
  })
})

test('a schedule is not due after its last time', async () => {
  const { id } = await createSchedule(server, { cron_expression: '0 0 0 1 1 * 2099' })
  await runSql(
    server.databaseUrl,
    `update schedules set next_trigger_at = '2026-01-01', cron_expression = '0 0 0 1 1 * 2026' where id = '${id}'`,
  )
  await untilOver(server, id, 1)
  const { enabled, next_trigger_at } = await scheduleOf(id)
  assert.deepEqual({ enabled, next_trigger_at }, { enabled: true, next_trigger_at: null })
})
