import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { expectStatus } from '../../../../test/access.ts'
import { assertSettled, budgetState, moveClock, whenParked } from '../../../../test/budgets.ts'
import { type channelClient, openChannel } from '../../../../test/channel.ts'
import { connectTo, openTestPool, queryRows, runSql } from '../../../../test/database.ts'
import { beforeAll } from '../../../../test/hooks.ts'
import { startServer } from '../../../../test/server.ts'
import { converse, eventsOf, post, scripted } from '../../../../test/session.ts'
import { eventually } from '../../../../test/waiting.ts'
import { sweepBudgets } from '../../../store/budgets/budget-deletion.ts'

let server: Awaited<ReturnType<typeof startServer>>

beforeAll(async (t) => {
  server = await startServer(t as TestContext)
})

const limit = { amount: 2_000, currency: 'tokens' }

type Caller = ReturnType<typeof channelClient>
type Row = { id: string; subject_id: string; status: string; limit_amount: number }
const budgetsOf = ({ id }: { id: string }) =>
  queryRows<Row>(
    server.databaseUrl,
    `select id, subject_id, status, limit_amount::float8 as limit_amount from budgets
    where subject_type = 'channel_user' and subject_id like $1 || ' %' order by created_at`,
    [id],
  )

const hours = (count: number) => count * 3_600_000

/**
 * Checks that the limit of the only user ends at midnight in UTC, and moves its end by 24 hours:
 * midnight may pass during a test. Returns the new end.
 */
async function lengthenDay({ id }: { id: string }): Promise<number> {
  const [row, ...others] = await queryRows<{ start: Date; end: Date }>(
    server.databaseUrl,
    `update budgets set period_ends_at = period_ends_at + interval '24 hours'
    where subject_type = 'channel_user' and subject_id like $1 || ' %'
    returning period_started_at as start, period_ends_at as end`,
    [id],
  )
  assert.deepEqual(others, [])
  const [start, end] = [row!.start.getTime(), row!.end.getTime()]
  assert.deepEqual([start % hours(24), end - start], [0, hours(48)])
  return end
}

/** Sends messages until the limit of the caller is used up. Returns the refusal. */
async function useUp(caller: Caller, sessionId: string) {
  for (let sent = 0; sent < 60; sent++) {
    const answer = await caller.say(sessionId, 'Tell me more about it, please.')
    if (answer.status !== 201) return { answer, sent }
    await idle(caller, sessionId)
  }
  throw new Error('the limit was never used up')
}

const idle = (caller: Caller, id: string) =>
  eventually(async () => (await caller.call('GET', `/sessions/${id}`)).body.status === 'idle')

/** The periods of the budgets of a channel ended more than a day ago. */
async function lapse(channel: { id: string }) {
  for (const { id } of await budgetsOf(channel)) await moveClock(server, id, '3 days')
}

test('an end user whose limit of the day is used up starts no work, and still reads', async () => {
  const channel = await openChannel(server, { config: { spending_limit: limit } })
  const ada = channel.as('ada')
  const id = await ada.create()
  const end = await lengthenDay(channel)
  const { answer, sent } = await useUp(ada, id)
  const { retry_after_seconds } = expectStatus(answer, 429, 'spending_limit')
  assert.ok(sent > 1)
  const wait = Number(answer.headers.get('retry-after'))
  assert.equal(retry_after_seconds, wait)
  assert.ok(wait >= 1 && Math.abs((end - Date.now()) / 1000 - wait) < 120, `${wait}`)
  const created = await ada.call('POST', '/sessions', {})
  expectStatus(created, 429, 'spending_limit')
  const events = await ada.events(id)
  assert.ok(events.some(({ type }) => type === 'output.message.completed'))
  expectStatus(await ada.call('GET', '/sessions'), 200)
  expectStatus(await ada.call('POST', `/sessions/${id}/cancel`), 200)
  const others = [channel.as('bob'), channel]
  for (const other of others) {
    const own = await other.create()
    expectStatus(await other.say(own, 'Hello'), 201)
    await idle(other, own)
  }
  const [first, second, ...more] = await budgetsOf(channel)
  assert.deepEqual(
    [first!.subject_id, second!.subject_id, more.length],
    [`${channel.id} ${channel.keyId} ada`, `${channel.id} ${channel.keyId} bob`, 0],
  )
  for (const { id: budget } of [first!, second!]) await assertSettled(server, budget)
  await runSql(
    server.databaseUrl,
    `update budgets set period_ends_at = now() - interval '1 second' where id = '${first!.id}'`,
  )
  expectStatus(await ada.say(id, 'A new day'), 201)
  await idle(ada, id)
})

test('a changed limit holds for the amount used already, and a removed one for nobody', async () => {
  const channel = await openChannel(server, { config: { spending_limit: limit } })
  const ada = channel.as('ada')
  const id = await ada.create()
  await lengthenDay(channel)
  const { answer } = await useUp(ada, id)
  expectStatus(answer, 429, 'spending_limit')
  const change = async (spending_limit: object | null) =>
    expectStatus(await channel.manage('PATCH', '', { channel_config: { spending_limit } }), 200)
  const untilSaid = async (status: number) => {
    // A change holds on every node within a second.
    await eventually(async () => (await ada.say(id, 'Hello')).status === status)
    await idle(ada, id)
  }
  await change({ amount: 1_000_000, currency: 'tokens' })
  await untilSaid(201)
  await change(limit)
  await untilSaid(429)
  await change({ amount: 1_000_000, currency: 'credits' })
  const [ofTokens] = await budgetsOf(channel)
  const { used } = await budgetState(server, ofTokens!.id)
  await eventually(async () => {
    await ada.say(id, 'Hello')
    return (await currenciesOf(id)) === 'credits'
  })
  await idle(ada, id)
  await change(null)
  await untilSaid(201)
  assert.equal(await currenciesOf(id), '')
  const [same, ofCredits] = await budgetsOf(channel)
  assert.deepEqual([same!.id, (await budgetState(server, same!.id)).used], [ofTokens!.id, used])
  await assertSettled(server, ofCredits!.id)
})

const completedIn = async (id: string) =>
  (await eventsOf(server, id)).filter(({ type }) => type === 'turn.completed').length

/** Currencies of the budgets that apply to a session. */
async function currenciesOf(id: string): Promise<string> {
  const shown = expectStatus(await server.call('GET', `/v1/sessions/${id}/budgets`), 200)
  return shown.map(({ currency }: { currency: string }) => currency).join()
}

test('the budgets of a limit are shown with a session, and count for nothing else', async () => {
  const channel = await openChannel(server, { config: { spending_limit: limit } })
  const id = await channel.as('ada').create()
  const [budget] = await budgetsOf(channel)
  const shown = expectStatus(await server.call('GET', `/v1/sessions/${id}/budgets`), 200)
  assert.deepEqual(
    shown.map((one: Record<string, unknown>) => [one.id, one.subject_type, one.limit, one.period]),
    [[budget!.id, 'channel_user', 2_000, { type: 'calendar', unit: 'day', time_zone: 'UTC' }]],
  )
  const listed = expectStatus(await server.call('GET', '/v1/budgets'), 200)
  assert.ok(!JSON.stringify(listed).includes(budget!.id))
  const body = { subject_type: 'channel_user', subject_id: 'x', currency: 'usd', limit: 1 }
  expectStatus(await server.call('POST', '/v1/budgets', body), 400, 'invalid_request')
})

test('the budgets of a limit and their ledgers end with the user, the channel and the day', async (t) => {
  const channel = await openChannel(server, { config: { spending_limit: limit } })
  for (const user of ['ada lovelace', 'lovelace', 'bob']) {
    const caller = channel.as(user)
    const id = await caller.create()
    expectStatus(await caller.say(id, 'Hello'), 201)
    await idle(caller, id)
  }
  const created = await budgetsOf(channel)
  const users = async () => {
    const left = await budgetsOf(channel)
    const rows = await queryRows<{ id: string }>(
      server.databaseUrl,
      'select distinct budget_id as id from budget_ledger where budget_id = any($1)',
      [created.map(({ id }) => id)],
    )
    assert.deepEqual(rows.map(({ id }) => id).sort(), left.map(({ id }) => id).sort())
    return left.map(({ subject_id }) => subject_id.split(' ').slice(2).join(' '))
  }
  assert.deepEqual(await users(), ['ada lovelace', 'lovelace', 'bob'])
  const remove = (user: string) => server.call('DELETE', `/v1/end-users?user=${user}`)
  expectStatus(await remove('lovelace'), 200)
  assert.deepEqual(await users(), ['ada lovelace', 'bob'])
  await runSql(
    server.databaseUrl,
    `update budgets set period_ends_at = now() - interval '2 days' where subject_id like '% bob'`,
  )
  const db = openTestPool(server.databaseUrl)
  t.after(db.close)
  await sweepBudgets(db, 90)
  assert.deepEqual(await users(), ['ada lovelace'])
  expectStatus(await channel.manage('DELETE', ''), 200)
  await sweepBudgets(db, 90)
  assert.deepEqual(await users(), [])
})

test('the deletion of a channel changes no budget of its users, and they count no call', async (t) => {
  const channel = await openChannel(server, { config: { spending_limit: limit } })
  const ada = channel.as('ada')
  const id = await ada.create()
  await lengthenDay(channel)
  expectStatus((await useUp(ada, id)).answer, 429, 'spending_limit')
  const [budget] = await budgetsOf(channel)
  const state = await budgetState(server, budget!.id)
  // Each statement that changes or deletes the budget waits for this.
  const holding = await connectTo(t, server.databaseUrl)
  await holding.query('begin')
  await holding.query('select from budgets where id = $1 for update', [budget!.id])
  expectStatus(await channel.manage('DELETE', ''), 200)
  const before = await completedIn(id)
  await converse(t, server, id, 'x'.repeat(20_000))
  assert.equal(await completedIn(id), before + 1)
  await holding.query('commit')
  assert.equal(await currenciesOf(id), '')
  assert.deepEqual(await budgetState(server, budget!.id), state)
  const db = openTestPool(server.databaseUrl)
  t.after(db.close)
  await sweepBudgets(db, 90)
  assert.deepEqual(await budgetsOf(channel), [])
})

test('the budget of a limit is kept while a turn of its user waits', async (t) => {
  const agent = { tools: [{ type: 'client_side', name: 'open_door', description: 'Opens it.' }] }
  const channel = await openChannel(server, { config: { spending_limit: limit }, agent })
  const names = ['ada lovelace', 'lovelace']
  const [ada, other] = [channel.as(names[0]!), channel.as(names[1]!)]
  const calling = { tool_calls: [{ id: 'call_1', name: 'open_door', arguments: {} }] }
  const id = await ada.create()
  expectStatus(await post(server, id, scripted(calling, { text: 'Open.' })), 201)
  await whenParked(server, id)
  const own = await other.create()
  expectStatus(await other.say(own, 'Hello'), 201)
  await idle(other, own)
  const [budget] = await budgetsOf(channel)
  await lapse(channel)
  const db = openTestPool(server.databaseUrl)
  t.after(db.close)
  await sweepBudgets(db, 90)
  assert.deepEqual(await budgetsOf(channel), [budget])
  const results = { tool_results: [{ tool_call_id: 'call_1', result: 'open' }] }
  expectStatus(await server.call('POST', `/v1/sessions/${id}/tool-results`, results), 200)
  await idle(ada, id)
  await assertSettled(server, budget!.id)
  assert.ok((await budgetState(server, budget!.id)).used > 0)
  await lapse(channel)
  await sweepBudgets(db, 90)
  assert.deepEqual(await budgetsOf(channel), [])
})
