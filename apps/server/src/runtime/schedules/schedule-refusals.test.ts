import assert from 'node:assert/strict'
import { test } from 'node:test'
import { registerPerson, startGuarded } from '../../../test/access.ts'
import { runSql } from '../../../test/database.ts'
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
import { startServer } from '../../../test/server.ts'
import { createAgent, createSession, eventsOf, post, scripted } from '../../../test/session.ts'
import { eventually } from '../../../test/waiting.ts'

/** Starts an organization whose quota is one turn, which is running. */
async function busyOrganization(t: Parameters<typeof startGuarded>[0]) {
  const guarded = await startGuarded(t, {
    env: { QUOTA_TURNS: '1', SCHEDULE_INTERVAL_MIN_SECONDS: '1' },
  })
  const server = { ...guarded, call: (await registerPerson(guarded)).call }
  const agent = await createAgent(server)
  const { id: busy } = await createSession(server, { agent_id: agent.id })
  await post(server, busy, scripted({ text: 'slow', delay_ms: 600_000 }))
  const { id: idle } = await createSession(server, { agent_id: agent.id })
  return { server, agent, busy, idle }
}

test('retries a time that the quota refuses, and runs it once there is room', async (t) => {
  const { server, busy, idle } = await busyOrganization(t)
  const { id } = await createSchedule(server, { target: sending(idle) })
  const { status, error } = await trigger(server, id)
  assert.equal(status, 'pending')
  assert.match(error!, /maximum number of turns/)
  await server.call('POST', `/v1/sessions/${busy}/cancel`)
  const now = `update schedule_executions set retry_at = now() where schedule_id = '${id}'`
  await runSql(server.databaseUrl, now)
  const [execution] = await untilOver(server, id, 1)
  assert.deepEqual([execution!.status, execution!.error], ['completed', undefined])
  const inputs = (await eventsOf(server, idle)).filter(({ type }) => type === 'input.message')
  assert.equal(inputs.length, 1)
})

test('an execution fails after its last attempt and leaves nothing behind', async (t) => {
  const { server, agent } = await busyOrganization(t)
  const { id } = await createSchedule(server, {
    target: starting(agent.id),
    retry_policy: { max_attempts: 2 },
  })
  const count = async () => (await server.call('GET', '/v1/sessions')).body.total
  const before = await count()
  assert.equal((await trigger(server, id)).status, 'pending')
  const now = `update schedule_executions set retry_at = now() where schedule_id = '${id}'`
  await runSql(server.databaseUrl, now)
  const [execution] = await untilOver(server, id, 1)
  assert.equal(execution!.status, 'failed')
  assert.match(execution!.error!, /maximum number of turns/)
  assert.equal(await count(), before)
})

test('skips a retry that is due while its schedule is paused', async (t) => {
  const { server, idle } = await busyOrganization(t)
  const { id } = await createSchedule(server, {
    target: sending(idle),
    cron_expression: everySecond,
  })
  await eventually(async () => (await executionsOf(server, id)).length > 0)
  await server.call('POST', `${schedules}/${id}/pause`)
  const now = `update schedule_executions set retry_at = now() where schedule_id = '${id}'`
  await runSql(server.databaseUrl, now)
  const skipped = await eventually(async () => {
    const all = await executionsOf(server, id)
    return all.find(({ error }) => error === 'The schedule was paused.')
  })
  assert.equal(skipped.status, 'skipped')
})

test('pauses an unreadable schedule and runs the others of its batch', async (t) => {
  const server = await startServer(t, { env: { LOG_LEVEL: 'silent' } })
  const { id: sessionId } = await createSession(server)
  const target = sending(sessionId)
  const bad = await createSchedule(server, { target, enabled: false })
  const good = await createSchedule(server, { target, enabled: false })
  await runSql(
    server.databaseUrl,
    `update schedules set enabled = true, next_trigger_at = now() - interval '2 seconds',
      cron_expression = case when id = '${bad.id}' then 'x' else '* * * * * *' end`,
  )
  await untilOver(server, good.id, 1)
  const paused = await eventually(async () => {
    const { body } = await server.call('GET', `${schedules}/${bad.id}`)
    return !body.enabled && body
  })
  assert.match(paused.paused_reason, /Invalid cron expression/)
})

test('a schedule that always fails affects only its own times', async (t) => {
  const server = await startServer(t, { env: { LOG_LEVEL: 'silent' } })
  const { id: sessionId } = await createSession(server)
  const bad = await createSchedule(server, { target: sending(sessionId), enabled: false })
  const good = await createSchedule(server, { target: sending(sessionId), enabled: false })
  // A session id that PostgreSQL refuses as text.
  await runSql(
    server.databaseUrl,
    `update schedules set enabled = true, next_trigger_at = date_trunc('second', now()), cron_expression = '* * * * * *',
      target = case when id = '${bad.id}' then '${JSON.stringify(sending('\\u0000')).replaceAll('\\\\', '\\')}' else target end`,
  )
  await untilOver(server, good.id, 1)
  const [failed] = await untilOver(server, bad.id, 1)
  assert.deepEqual([failed!.status, failed!.error], ['failed', 'Internal error.'])
})
