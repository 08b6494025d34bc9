import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { beforeAll } from '../../../../test/hooks.ts'
import {
  createSchedule,
  everySecond,
  rarely,
  schedules,
  sending,
  starting,
  trigger,
} from '../../../../test/schedules.ts'
import { startServer } from '../../../../test/server.ts'
import { createAgent, createSession, scripted } from '../../../../test/session.ts'

const nobody = '01933b5a-0000-7000-8000-000000000001'

let server: Awaited<ReturnType<typeof startServer>>
let sessionId: string
let agentId: string

beforeAll(async (t) => {
  server = await startServer(t as TestContext)
  agentId = (await createAgent(server)).id
  sessionId = (await createSession(server, { agent_id: agentId })).id
})

const call: typeof server.call = (...given) => server.call(...given)

/** The next time of `rarely`. */
function nextLeapDay(): string {
  for (let year = new Date().getUTCFullYear(); ; year += 1) {
    const day = new Date(Date.UTC(year, 1, 29))
    if (day.getUTCDate() === 29 && day.getTime() > Date.now()) return day.toISOString()
  }
}

test('a schedule is created with its defaults and its next due time', async () => {
  const made = await createSchedule(server, {
    name: 'Leap day',
    cron_expression: rarely,
    target: sending(sessionId),
  })
  const { id, created_at, updated_at, ...rest } = made
  assert.match(id, /^[0-9a-f]{8}-/)
  assert.equal(created_at, updated_at)
  assert.deepEqual(rest, {
    name: 'Leap day',
    cron_expression: rarely,
    timezone: 'UTC',
    target: sending(sessionId),
    enabled: true,
    catch_up_missed: false,
    next_trigger_at: nextLeapDay(),
  })
  assert.deepEqual((await call('GET', `${schedules}/${id}`)).body, made)
})

test('all fields are kept', async () => {
  const fields = {
    description: 'Wakes Ada.',
    cron_expression: '0 0 9 * * MON-FRI 2099',
    timezone: 'Europe/Kyiv',
    target: {
      type: 'activity',
      name: 'start_session',
      input: {
        agent_id: agentId,
        message: { content: [{ type: 'text', text: 'Good morning' }] },
        title: 'Morning',
        tags: ['daily'],
      },
    },
    catch_up_missed: true,
    max_catch_up: 3,
    max_concurrent: 1,
    retry_policy: { max_attempts: 2, note: 'ours' },
  }
  const made = await createSchedule(server, fields)
  assert.deepEqual({ ...made, ...fields }, made)
  assert.equal(made.next_trigger_at, '2099-01-01T07:00:00.000Z')
})

const bad: [why: string, fields: () => object, code: string, path: string][] = [
  ['no cron', () => ({ cron_expression: 'soon' }), 'invalid_cron', 'cron_expression'],
  ['4 fields', () => ({ cron_expression: '* * * *' }), 'invalid_cron', 'cron_expression'],
  ['8 fields', () => ({ cron_expression: '* * * * * * * *' }), 'invalid_cron', 'cron_expression'],
  ['minute 60', () => ({ cron_expression: '60 * * * *' }), 'invalid_cron', 'cron_expression'],
  ['a date', () => ({ cron_expression: '2099-01-01T00:00:00' }), 'invalid_cron', 'cron_expression'],
  ['a nickname', () => ({ cron_expression: '@daily' }), 'invalid_cron', 'cron_expression'],
  ['30 February', () => ({ cron_expression: '0 0 30 2 *' }), 'invalid_cron', 'cron_expression'],
  [
    'a past year',
    () => ({ cron_expression: '0 0 0 1 1 * 2020' }),
    'invalid_cron',
    'cron_expression',
  ],
  ['too long', () => ({ cron_expression: '1,'.repeat(200) }), 'invalid_request', 'cron_expression'],
  ['no such zone', () => ({ timezone: 'Mars/Olympus' }), 'invalid_request', 'timezone'],
  ['an offset', () => ({ timezone: '+02:00' }), 'invalid_request', 'timezone'],
  ['no name', () => ({ name: '' }), 'invalid_request', 'name'],
  ['no target', () => ({ target: undefined }), 'invalid_request', ''],
  [
    'another type',
    () => ({ target: { type: 'job', name: 'x' } }),
    'invalid_target_type',
    'target/type',
  ],
  [
    'another name',
    () => ({ target: { type: 'workflow', name: 'reason' } }),
    'invalid_request',
    'target/name',
  ],
  [
    'no input',
    () => ({ target: { type: 'workflow', name: 'send_message' } }),
    'invalid_request',
    'target/input',
  ],
  [
    'no such session',
    () => ({ target: sending(sessionId.replace(/.{4}$/, '0000')) }),
    'invalid_request',
    'target/input/session_id',
  ],
  [
    'no session id',
    () => ({ target: sending('session_1') }),
    'invalid_request',
    'target/input/session_id',
  ],
  [
    'no such agent',
    () => ({ target: starting(agentId.replace(/.{4}$/, '0000')) }),
    'invalid_request',
    'target/input/agent_id',
  ],
  [
    'no such model',
    () => ({ target: starting(agentId, { model_id: `model_${'0'.repeat(32)}` }) }),
    'model_unavailable',
    'target/input/model_id',
  ],
  [
    'two texts',
    () => ({ target: sending(sessionId, { message: 'Hello' }) }),
    'invalid_request',
    'target/input',
  ],
  [
    'nothing said',
    () => ({ target: sending(sessionId, { text: undefined }) }),
    'invalid_request',
    'target/input',
  ],
  [
    'steering',
    () => ({ target: sending(sessionId, { on_busy: 'steer' }) }),
    'invalid_request',
    'target/input/on_busy',
  ],
  [
    'a result',
    () => ({
      target: sending(sessionId, {
        text: undefined,
        message: { content: [{ type: 'tool_result', tool_call_id: 'x' }] },
      }),
    }),
    'invalid_request',
    'target/input/message',
  ],
  [
    'too much said',
    () => ({ target: sending(sessionId, { text: 'x'.repeat(300_000) }) }),
    'invalid_request',
    'target',
  ],
  [
    'no attempts',
    () => ({ retry_policy: { max_attempts: 0 } }),
    'invalid_request',
    'retry_policy/max_attempts',
  ],
  ['a policy without fields', () => ({ retry_policy: 'never' }), 'invalid_request', 'retry_policy'],
  ['fewer than none', () => ({ max_concurrent: -1 }), 'invalid_request', 'max_concurrent'],
]

test('refuses an invalid schedule with the place, at creation and at change', async () => {
  const made = await createSchedule(server, { target: sending(sessionId) })
  for (const [why, fields, code, path] of bad) {
    const good = { name: why, cron_expression: rarely, target: sending(sessionId) }
    const { status, body } = await call('POST', schedules, { ...good, ...fields() })
    assert.deepEqual([why, status, body.code], [why, 400, code], JSON.stringify(body))
    assert.equal(body.details[0].path, path, why)
    if ('name' in fields() || path === '') continue
    const changed = await call('PATCH', `${schedules}/${made.id}`, fields())
    assert.deepEqual([why, changed.status, changed.body.code], [why, 400, code])
  }
  assert.deepEqual((await call('GET', `${schedules}/${made.id}`)).body, made)
})

test('an archived agent starts no session', async () => {
  const { id } = await createAgent(server)
  await call('DELETE', `/v1/agents/${id}`)
  const schedule = { name: 'Archived', cron_expression: rarely, target: starting(id) }
  const { status, body } = await call('POST', schedules, schedule)
  assert.deepEqual([status, body.details[0].path], [400, 'target/input/agent_id'])
})

test('a name is there once', async () => {
  const { name } = await createSchedule(server, { target: sending(sessionId) })
  const again = { name, cron_expression: rarely, target: sending(sessionId) }
  const { status, body } = await call('POST', schedules, again)
  assert.deepEqual([status, body.code], [409, 'schedule_exists'])
})

test('a new expression or time zone recalculates the due time', async () => {
  const { id } = await createSchedule(server, { target: sending(sessionId) })
  const change = { cron_expression: '0 12 1 7 *', timezone: 'America/New_York', name: 'ignored' }
  const changed = await call('PATCH', `${schedules}/${id}`, change)
  assert.equal(changed.status, 200)
  assert.match(changed.body.next_trigger_at, /-07-01T16:00:00.000Z$/)
  assert.notEqual(changed.body.name, 'ignored')
  const told = await call('PATCH', `${schedules}/${id}`, { description: 'x', timezone: null })
  assert.equal(told.body.next_trigger_at, changed.body.next_trigger_at)
  assert.equal(told.body.timezone, 'America/New_York')
})

test('a paused schedule is not due, and is again once it is resumed', async () => {
  const { id, next_trigger_at } = await createSchedule(server, { target: sending(sessionId) })
  for (const [method, path, body, enabled] of [
    ['POST', '/pause', undefined, false],
    ['PATCH', '', { cron_expression: '0 0 29 2 MON' }, false],
    ['PATCH', '', { cron_expression: rarely }, false],
    ['POST', '/resume', undefined, true],
    ['PATCH', '', { enabled: false }, false],
    ['POST', '/pause', undefined, false],
    ['PATCH', '', { enabled: true }, true],
  ] as const) {
    const answer = await call(method, `${schedules}/${id}${path}`, body)
    const { status, body: schedule } = answer
    assert.deepEqual([status, schedule.enabled], [200, enabled], JSON.stringify(schedule))
    assert.equal(schedule.next_trigger_at, enabled ? next_trigger_at : null)
  }
})

test('a schedule that is created paused is never due, but can be triggered', async () => {
  const session = await createSession(server, { agent_id: agentId })
  const text = scripted({ text: 'Late.', delay_ms: 600_000 })
  const { id, next_trigger_at } = await createSchedule(server, {
    cron_expression: everySecond,
    enabled: false,
    target: sending(session.id, { text }),
  })
  assert.equal(next_trigger_at, null)
  const { status, schedule_id, task_id, workflow_id } = await trigger(server, id)
  assert.deepEqual([status, schedule_id], ['running', id])
  assert.equal(task_id!.replaceAll('-', ''), session.id.slice('session_'.length))
  assert.match(workflow_id!, /^[0-9a-f-]{36}$/)
  assert.equal((await call('POST', `/v1/sessions/${session.id}/cancel`)).body.status, 'cancelled')
})

test('lists are filtered and paged, and refuse unknown values', async (t) => {
  const own = await startServer(t)
  const { id } = await createSession(own)
  const made = []
  for (const fields of [{}, { enabled: false }, { target: { ...sending(id), type: 'activity' } }]) {
    made.push((await createSchedule(own, { target: sending(id), ...fields })).id)
  }
  const list = async (query: string) => (await own.call('GET', schedules + query)).body
  const ids = async (query: string) =>
    (await list(query)).data.map((schedule: { id: string }) => schedule.id)
  assert.deepEqual(await ids(''), made.toReversed())
  assert.deepEqual(await ids('?enabled=false'), [made[1]])
  assert.deepEqual(await ids('?target_type=activity'), [made[2]])
  assert.deepEqual(await ids('?enabled=true&limit=1&offset=1'), [made[0]])
  const { total, offset, limit } = await list('?enabled=true&limit=1&offset=1')
  assert.deepEqual({ total, offset, limit }, { total: 2, offset: 1, limit: 1 })
  for (const query of ['?enabled=maybe', '?target_type=job', '?limit=0', '?offset=-1']) {
    assert.equal((await own.call('GET', schedules + query)).status, 400, query)
  }
  const bad = await own.call('GET', `${schedules}/${made[0]}/executions?status=lost`)
  assert.equal(bad.status, 400)
})

test('a deleted schedule is gone with its executions', async () => {
  const { id } = await createSchedule(server, { target: sending(sessionId) })
  const execution = await trigger(server, id)
  assert.equal((await call('DELETE', `${schedules}/${id}`)).status, 204)
  for (const [method, path] of operationsOn(id)) {
    const { status, body } = await call(method, path, method === 'PATCH' ? {} : undefined)
    assert.deepEqual([path, status, body.error], [path, 404, 'Schedule not found'])
  }
  const { status, body } = await call('GET', `/v1/durable/executions/${execution.id}`)
  assert.deepEqual([status, body.error], [404, 'Execution not found'])
})

const operationsOn = (id: string) =>
  [
    ['GET', ''],
    ['PATCH', ''],
    ['DELETE', ''],
    ['POST', '/pause'],
    ['POST', '/resume'],
    ['POST', '/trigger'],
    ['GET', '/executions'],
    ['GET', '/stats'],
  ].map(([method, path]) => [method!, `${schedules}/${id}${path}`] as const)

test('an id that is no UUID is 400, an unknown one 404', async () => {
  for (const [id, status, code] of [
    ['1', 400, 'invalid_id'],
    [nobody.toUpperCase().replace('1933B', '1933B'), 400, 'invalid_id'],
    [nobody, 404, 'not_found'],
  ] as const) {
    const paths = [...operationsOn(id), ['GET', `/v1/durable/executions/${id}`] as const]
    for (const [method, path] of paths) {
      const answer = await call(method, path, method === 'PATCH' ? {} : undefined)
      assert.deepEqual([path, answer.status, answer.body.code], [path, status, code])
    }
  }
})

test('limits the schedules of an organization by the setting', async (t) => {
  const own = await startServer(t, { env: { SCHEDULES_MAX: '1' } })
  const { id } = await createSession(own)
  await createSchedule(own, { target: sending(id) })
  const more = { name: 'More', cron_expression: rarely, target: sending(id) }
  const { status, body } = await own.call('POST', schedules, more)
  assert.deepEqual([status, body.code], [429, 'schedule_limit'])
  assert.equal(body.error, 'Schedule limit exceeded: max 1 schedules')
})
