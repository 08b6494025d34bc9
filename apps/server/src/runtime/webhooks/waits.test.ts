import assert from 'node:assert/strict'
import { test } from 'node:test'
import { expectStatus } from '../../../test/access.ts'
import { addBudget, changeBudget } from '../../../test/budgets.ts'
import { runSql } from '../../../test/database.ts'
import { startDelivering } from '../../../test/remotes/receiver.ts'
import { createSchedule, schedules, sending, untilOver } from '../../../test/schedules.ts'
import { converse, createAgent, createSession, post, scripted } from '../../../test/session.ts'
import { follow } from '../../../test/stream.ts'
import { eventually } from '../../../test/waiting.ts'

test('a turn that waits for a paused budget is reported with the budget', async (t) => {
  const { server, receiver } = await startDelivering(t, { events: ['budget.paused'] })
  const budget = await addBudget(server, { limit: 1_000 })
  await changeBudget(server, budget, `status = 'paused'`)
  const { id } = await createSession(server)
  await post(server, id, 'hello')
  const [request] = await receiver.until('budget.paused')
  const { data } = request!.body
  assert.deepEqual([data.session_id, data.budget_id], [id, budget])
})

test('an approval that expires is reported, and one that is decided is not', async (t) => {
  const events = ['approval.expired', 'turn.completed']
  const { server, receiver } = await startDelivering(t, { events })
  const capability = { ref: 'session_file_system', config: { requires_approval: ['write_file'] } }
  const agent = await createAgent(server, { capabilities: [capability] })
  const call = { id: 'c1', name: 'write_file', arguments: { path: '/a', content: 'x' } }
  const ask = async () => {
    const { id } = await createSession(server, { agent_id: agent.id })
    const stream = await follow(t, server.url, { sessionId: id })
    await post(server, id, scripted({ tool_calls: [call] }, { text: 'Done.' }))
    await stream.event('tool.approval_requested')
    // Its node stores the end of the wait after the event.
    await eventually(async () => (await server.call('GET', `/v1/sessions/${id}`)).body.waiting_for)
    return id
  }
  const decided = await ask()
  const path = `/v1/sessions/${decided}/approvals/c1`
  expectStatus(await server.call('POST', path, { decision: 'approve' }), 200)
  await receiver.until('turn.completed')
  const expired = await ask()
  await runSql(
    server.databaseUrl,
    `update events set data = jsonb_set(data::jsonb, '{expires_at}', to_jsonb(now()))::json
    where session_id = '${expired}' and type = 'tool.approval_requested';
    update sessions set wait_expires_at = now() where id = '${expired}'`,
  )
  await receiver.until('turn.completed', 2)
  const requests = await receiver.until('approval.expired')
  assert.deepEqual(
    requests.map(({ body }) => [body.data.session_id, body.data.tool_call_ids]),
    [[expired, ['c1']]],
  )
})

test('the events of a session with an end user name the end user', async (t) => {
  const events = ['session.created', 'turn.completed']
  const { server, receiver } = await startDelivering(t, { events })
  for (const fields of [{ user: 'customer-4711' }, {}]) {
    await converse(t, server, (await createSession(server, fields)).id, 'hello')
  }
  for (const type of events) {
    const requests = await receiver.until(type, 2)
    const users = requests.map(({ body }) => body.data.user)
    assert.deepEqual(users.sort(), ['customer-4711', undefined], type)
  }
})

test('a failed execution of a schedule is reported with its session and agent', async (t) => {
  const { server, receiver } = await startDelivering(t, { events: ['schedule.failed'] })
  const { id: session_id, agent_id } = await createSession(server)
  const text = scripted({ error: { message: 'a secret word', status: 400 } })
  const { id } = await createSchedule(server, { target: sending(session_id, { text }) })
  expectStatus(await server.call('POST', `${schedules}/${id}/trigger`), 200)
  const [execution] = await untilOver(server, id, 1)
  assert.equal(execution!.status, 'failed')
  const [request] = await receiver.until('schedule.failed')
  const { id: execution_id, turn_id } = execution!
  const about = { schedule_id: id, execution_id, session_id, turn_id, agent_id }
  assert.deepEqual(request!.body.data, about)
})
