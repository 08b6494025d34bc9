import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Budget, LedgerEntry } from '@outlast/contract'
import { expectStatus } from '../../../../test/access.ts'
import { zoneFarFromMidnight } from '../../../../test/budgets.ts'
import { queryRows, runSql } from '../../../../test/database.ts'
import { type Call, type ServerOptions, startServer } from '../../../../test/server.ts'
import { createAgent } from '../../../../test/session.ts'

type Server = { call: Call; databaseUrl: string }

const unknownId = `bdgt_${'0'.repeat(31)}9`

async function start(t: TestContext, options?: ServerOptions) {
  const server = await startServer(t, options)
  const agent = await createAgent(server)
  const create = async (fields: object = {}) => {
    const body = { subject_type: 'agent', subject_id: agent.id, currency: 'usd', limit: 10 }
    return expectStatus(
      await server.call('POST', '/v1/budgets', { ...body, ...fields }),
      201,
    ) as Budget
  }
  return { server, agent, create }
}

const get = async ({ call }: Server, id: string) =>
  expectStatus(await call('GET', `/v1/budgets/${id}`), 200) as Budget

const ledgerOf = async ({ call }: Server, id: string, query = '') =>
  expectStatus(await call('GET', `/v1/budgets/${id}/ledger${query}`), 200) as LedgerEntry[]

/** Counts a use, as the settlement of a model call does. */
const use = ({ databaseUrl }: Server, id: string, amount: number) =>
  runSql(databaseUrl, `update budgets set used = used + ${amount} where id = '${id}'`)

test('a budget is created, read, listed, changed and deleted', async (t) => {
  const { server, agent, create } = await start(t)
  const made = await create({ soft_limit: 8, metadata: { team: 'support' } })
  const { id, created_at, updated_at, organization_id, ...rest } = made
  assert.match(id, /^bdgt_[0-9a-f]{32}$/)
  assert.deepEqual(rest, {
    subject_type: 'agent',
    subject_id: agent.id,
    currency: 'usd',
    limit: 10,
    soft_limit: 8,
    balance: 10,
    reserved: 0,
    period: null,
    period_started_at: null,
    status: 'active',
    on_exhausted: 'wait',
    metadata: { team: 'support' },
  })
  assert.deepEqual(await get(server, id), made)

  const other = await create({ currency: 'tokens', limit: 1_000, on_exhausted: 'fail' })
  const list = async (query: string) =>
    expectStatus(await server.call('GET', `/v1/budgets${query}`), 200).map(({ id }: Budget) => id)
  assert.deepEqual(await list(''), [other.id, id])
  assert.deepEqual(await list('?limit=1&offset=1'), [id])
  assert.deepEqual(await list(`?subject_type=agent&subject_id=${agent.id}`), [other.id, id])
  assert.deepEqual(await list('?subject_type=session'), [])
  assert.deepEqual(await list(`?subject_id=${agent.id}&limit=1&offset=1`), [id])
  assert.deepEqual(await list(`?subject_type=session&subject_id=${agent.id}`), [])
  assert.deepEqual(await list('?subject_type=agent&limit=1'), [other.id])

  const path = `/v1/budgets/${id}`
  const change = { limit: 12.5, soft_limit: null, on_exhausted: 'fail', metadata: null }
  const changed = expectStatus(await server.call('PATCH', path, change), 200)
  assert.deepEqual({ ...changed, ...change, updated_at }, { ...made, ...change, balance: 12.5 })
  assert.equal(changed.limit, 12.5)
  expectStatus(await server.call('DELETE', path), 204)
  expectStatus(await server.call('DELETE', path), 204)
  assert.equal((await get(server, id)).status, 'disabled')
  assert.deepEqual(await list(''), [other.id])
  expectStatus(await server.call('POST', `${path}/top-up`, { amount: 1 }), 409, 'budget_disabled')
  expectStatus(await server.call('PATCH', path, { status: 'active' }), 200)
  assert.deepEqual(await list(''), [other.id, id])
})

test('a top-up adds once, has an entry in the ledger, and makes an exhausted budget active', async (t) => {
  const { server, create } = await start(t)
  const { id } = await create()
  await use(server, id, 10.25)
  await runSql(server.databaseUrl, `update budgets set status = 'exhausted'`)
  assert.deepEqual(
    [(await get(server, id)).balance, (await get(server, id)).status],
    [-0.25, 'exhausted'],
  )
  const path = `/v1/budgets/${id}/top-up`
  const small = expectStatus(await server.call('POST', path, { amount: 0.1 }), 200)
  assert.deepEqual([small.balance, small.status], [-0.15, 'exhausted'])
  const body = { amount: 5, description: 'Approved' }
  for (const _ of [1, 2]) {
    const topped = await server.call('POST', path, body, { 'idempotency-key': 'one' })
    assert.deepEqual([topped.body.balance, topped.body.status], [4.85, 'active'])
  }
  const entries = await ledgerOf(server, id)
  assert.deepEqual(
    entries.map(({ kind, amount, description, meter_source }) => [
      kind,
      amount,
      description,
      meter_source,
    ]),
    [
      ['top_up', -5, 'Approved', 'manual'],
      ['top_up', -0.1, null, 'manual'],
    ],
  )
  assert.match(entries[0]!.id, /^ledger_[0-9a-f]{32}$/)
  assert.notEqual(entries[0]!.id, entries[1]!.id)
  assert.deepEqual(await ledgerOf(server, id, '?limit=1&offset=1'), [entries[1]])
  assert.equal((await ledgerOf(server, id, '?limit=100000')).length, 2)
})

test('a paused budget stays paused through a top-up until it is resumed', async (t) => {
  const { server, create } = await start(t)
  const { id } = await create()
  const path = `/v1/budgets/${id}`
  expectStatus(await server.call('PATCH', path, { status: 'paused' }), 200)
  const topped = expectStatus(await server.call('POST', `${path}/top-up`, { amount: 1 }), 200)
  assert.equal(topped.status, 'paused')
  const resumed = expectStatus(await server.call('PATCH', path, { status: 'active' }), 200)
  assert.deepEqual([resumed.status, resumed.balance], ['active', 11])
})

test('a limit below the used amount exhausts the budget, and a higher one makes it active', async (t) => {
  const { server, create } = await start(t)
  const { id } = await create()
  await use(server, id, 6)
  const path = `/v1/budgets/${id}`
  const lowered = expectStatus(await server.call('PATCH', path, { limit: 5 }), 200)
  assert.deepEqual([lowered.status, lowered.balance], ['exhausted', -1])
  const forced = expectStatus(await server.call('PATCH', path, { status: 'active' }), 200)
  assert.equal(forced.status, 'exhausted')
  const raised = expectStatus(await server.call('PATCH', path, { limit: 7 }), 200)
  assert.deepEqual([raised.status, raised.balance], ['active', 1])
})

test('a period that is over is shown as begun again, and a top-up counts in the new one', async (t) => {
  const { server, create } = await start(t)
  const timeZone = zoneFarFromMidnight()
  const period = { type: 'calendar', unit: 'month', time_zone: timeZone }
  const { id, period_started_at } = await create({ period })
  const localTime = new Date(period_started_at!).toLocaleString('sv', { timeZone })
  assert.match(localTime, /^\d{4}-\d\d-01 00:00:00$/)
  await use(server, id, 10)
  const past = `period_started_at = now() - interval '40 days', period_ends_at = now() - interval '9 days'`
  await runSql(server.databaseUrl, `update budgets set ${past}, status = 'exhausted'`)
  const shown = await get(server, id)
  assert.deepEqual([shown.balance, shown.status], [10, 'active'])
  assert.equal(shown.period_started_at, period_started_at)
  const path = `/v1/budgets/${id}/top-up`
  const topped = expectStatus(await server.call('POST', path, { amount: 5 }), 200)
  assert.deepEqual([topped.balance, topped.status], [15, 'active'])
  assert.equal(topped.period_started_at, period_started_at)
  const entries = await ledgerOf(server, id)
  assert.deepEqual(
    entries.map(({ kind, amount }) => [kind, amount]),
    [
      ['top_up', -5],
      ['period', -10],
    ],
  )
})

test('periods of a fixed length begin with the budget', async (t) => {
  const { server, create } = await start(t)
  for (const [period, seconds] of [
    [{ type: 'rolling', window: '5h' }, 18_000],
    [{ type: 'rolling', window: '30m' }, 1_800],
    [{ type: 'rolling', window: '7d' }, 604_800],
    [{ type: 'duration', seconds: 90 }, 90],
  ] as const) {
    const { id } = await create({ period })
    const [row] = await queryRows<{ length: number }>(
      server.databaseUrl,
      `select extract(epoch from period_ends_at - period_started_at)::int as length from budgets where id = $1`,
      [id],
    )
    assert.equal(row!.length, seconds, JSON.stringify(period))
  }
})

test('a check returns the outcome of a call at this moment', async (t) => {
  const { server, create } = await start(t)
  const { id } = await create()
  const check = async () => expectStatus(await server.call('GET', `/v1/budgets/${id}/check`), 200)
  const about = { budget_id: id, currency: 'usd' }
  const quiet = { message: null, error_code: null, error_fields: null }
  assert.deepEqual(await check(), { action: 'continue', balance: 10, ...about, ...quiet })
  await use(server, id, 8)
  assert.deepEqual(await check(), {
    action: 'warn',
    balance: 2,
    ...about,
    message: '2 of 10 usd are left.',
    error_code: null,
    error_fields: { balance: 2, limit: 10, currency: 'usd' },
  })
  await runSql(server.databaseUrl, 'update budgets set reserved = 2')
  const reserved = await check()
  assert.deepEqual([reserved.action, reserved.error_code], ['stop', 'budget_exhausted'])
  await runSql(server.databaseUrl, `update budgets set reserved = 0, status = 'paused'`)
  const paused = await check()
  assert.deepEqual([paused.action, paused.error_code], ['pause', 'budget_paused'])
  expectStatus(await server.call('DELETE', `/v1/budgets/${id}`), 204)
  assert.equal((await check()).action, 'continue')
})

test('a check after a top-up warns when 20 % of limit and credits is left', async (t) => {
  const { server, create } = await start(t)
  const { id } = await create()
  expectStatus(await server.call('POST', `/v1/budgets/${id}/top-up`, { amount: 90 }), 200)
  const check = async () => expectStatus(await server.call('GET', `/v1/budgets/${id}/check`), 200)
  await use(server, id, 79)
  assert.equal((await check()).action, 'continue')
  await use(server, id, 1)
  const { action, message } = await check()
  assert.deepEqual([action, message], ['warn', '20 of 100 usd are left.'])
})

const refused: [name: string, fields: object][] = [
  ['a limit of 0', { limit: 0 }],
  ['a negative limit', { limit: -1 }],
  ['a limit that rounds to 0', { limit: 0.000_000_1 }],
  ['a limit beyond the maximum', { limit: 1e13 }],
  ['a limit that is text', { limit: '10' }],
  ['a soft limit above the limit', { soft_limit: 11 }],
  ['a subject type that no version has', { subject_type: 'app' }],
  ['an empty subject', { subject_id: '' }],
  ['a currency in capitals', { currency: 'USD' }],
  ['a currency that is SQL', { currency: "usd'; drop table budgets" }],
  ['a unit that no calendar has', { period: { type: 'calendar', unit: 'decade' } }],
  ['an unknown time zone', { period: { type: 'calendar', unit: 'day', time_zone: 'Mars/Base' } }],
  ['an offset as time zone', { period: { type: 'calendar', unit: 'day', time_zone: '+02:00' } }],
  ['a window without a unit', { period: { type: 'rolling', window: '5' } }],
  ['a window that is an interval', { period: { type: 'rolling', window: '5 hours' } }],
  ['a duration below a minute', { period: { type: 'duration', seconds: 1 } }],
  ['an action that no version has', { on_exhausted: 'explode' }],
  ['large metadata', { metadata: { text: 'x'.repeat(17_000) } }],
  ['metadata with NUL', { metadata: { text: 'a\u0000b' } }],
  ['metadata that is a list', { metadata: [1] }],
]

test('a body that no budget can have is refused', async (t) => {
  const { server, agent } = await start(t)
  const body = { subject_type: 'agent', subject_id: agent.id, currency: 'usd', limit: 10 }
  for (const [name, fields] of refused) {
    const { status, body: answer } = await server.call('POST', '/v1/budgets', {
      ...body,
      ...fields,
    })
    assert.deepEqual([status, answer.code], [400, 'invalid_request'], name)
  }
  for (const field of Object.keys(body)) {
    const { [field as 'limit']: _, ...rest } = body
    expectStatus(await server.call('POST', '/v1/budgets', rest), 400, 'invalid_request')
  }
  assert.deepEqual((await server.call('GET', '/v1/budgets')).body, [])
})

test('unknown fields of a period are not stored', async (t) => {
  const { server, agent } = await start(t)
  const body = { subject_type: 'agent', subject_id: agent.id, currency: 'usd', limit: 10 }
  for (const period of [
    { type: 'calendar', unit: 'day', time_zone: 'Europe/Kyiv' },
    { type: 'calendar', unit: 'day' },
    { type: 'rolling', window: '5h' },
    { type: 'duration', seconds: 60 },
  ]) {
    const more = { ...period, text: 'x'.repeat(100_000) }
    const made = expectStatus(
      await server.call('POST', '/v1/budgets', { ...body, period: more }),
      201,
    )
    assert.deepEqual(made.period, period)
  }
})

test('a subject must exist, except an end user', async (t) => {
  const { server, create } = await start(t)
  const uuid = '01933b5a-0000-7000-8000-000000000009'
  const hex = `${'0'.repeat(31)}9`
  for (const [subject_type, subject_id] of [
    ['organization', `org_${hex}`],
    ['agent', `agent_${hex}`],
    ['session', `session_${hex}`],
    ['agent_channel', `appchan_${hex}`],
    ['user', uuid],
    ['api_key', uuid],
  ]) {
    const body = { subject_type, subject_id, currency: 'usd', limit: 10 }
    expectStatus(await server.call('POST', '/v1/budgets', body), 404, 'not_found')
    const wrong = { ...body, subject_id: 'unknown' }
    expectStatus(await server.call('POST', '/v1/budgets', wrong), 400, 'invalid_id')
  }
  await create({ subject_type: 'end_user', subject_id: 'customer-4711' })
  const blank = { subject_type: 'end_user', subject_id: ' ', currency: 'usd', limit: 1 }
  expectStatus(await server.call('POST', '/v1/budgets', blank), 400, 'invalid_request')
})

test('a change or a top-up that no budget can have is refused, and changes nothing', async (t) => {
  const { server, create } = await start(t)
  const made = await create({ soft_limit: 8 })
  const path = `/v1/budgets/${made.id}`
  for (const change of [
    { limit: 7 },
    { soft_limit: 11 },
    { limit: 0 },
    { status: 'exhausted' },
    { status: 'deleted' },
    { metadata: { text: 'x'.repeat(17_000) } },
  ]) {
    expectStatus(await server.call('PATCH', path, change), 400, 'invalid_request')
  }
  for (const amount of [0, -5, 1e13, '5', null]) {
    expectStatus(await server.call('POST', `${path}/top-up`, { amount }), 400, 'invalid_request')
  }
  const long = { amount: 1, description: 'x'.repeat(501) }
  expectStatus(await server.call('POST', `${path}/top-up`, long), 400, 'invalid_request')
  assert.deepEqual(await get(server, made.id), made)
  for (const query of ['limit=0', 'offset=-1', 'limit=x']) {
    expectStatus(await server.call('GET', `${path}/ledger?${query}`), 400, 'invalid_request')
  }
})

test('an unknown budget is missing, and a malformed id is refused', async (t) => {
  const { server } = await start(t)
  for (const [method, suffix, body] of [
    ['GET', '', undefined],
    ['PATCH', '', { limit: 1 }],
    ['DELETE', '', undefined],
    ['POST', '/top-up', { amount: 1 }],
    ['GET', '/ledger', undefined],
    ['GET', '/check', undefined],
  ] as const) {
    const unknown = `/v1/budgets/${unknownId}${suffix}`
    expectStatus(await server.call(method, unknown, body), 404, 'not_found')
    const wrong = `/v1/budgets/unknown${suffix}`
    expectStatus(await server.call(method, wrong, body), 400, 'invalid_id')
  }
})

test('an organization has at most BUDGETS_MAX budgets, deleted ones included', async (t) => {
  const { server, agent, create } = await start(t, { env: { BUDGETS_MAX: '2' } })
  const { id } = await create()
  await create()
  expectStatus(await server.call('DELETE', `/v1/budgets/${id}`), 204)
  const body = { subject_type: 'agent', subject_id: agent.id, currency: 'usd', limit: 1 }
  expectStatus(await server.call('POST', '/v1/budgets', body), 403, 'quota_exceeded')
})
