import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  addBudget,
  assertSettled,
  budgetState,
  changeBudget,
  ledgerOf,
  settledCalls,
  whenParked,
} from '../../../../test/budgets.ts'
import { queryRows } from '../../../../test/database.ts'
import { addVendorModel, startVendor } from '../../../../test/remotes/vendor.ts'
import { startServer } from '../../../../test/server.ts'
import {
  converse,
  createAgent,
  createSession,
  dataOf,
  eventsOf,
  post,
  replyOf,
  scripted,
  typesOf,
} from '../../../../test/session.ts'
import { follow } from '../../../../test/stream.ts'
import { eventually } from '../../../../test/waiting.ts'

const usageOf = (input_tokens: number, output_tokens: number) => ({
  usage: { input_tokens, output_tokens },
})

/** A message whose reply reports these tokens. */
const costing = (input: number, output: number, more: object = {}) =>
  scripted({ text: 'Done.', ...usageOf(input, output), ...more } as never)

test('a call is reserved in the statement of its intent, and settled in that of its outcome', async (t) => {
  const { promise: ending, resolve: finish } = Promise.withResolvers<void>()
  const usage = { prompt_tokens: 120, completion_tokens: 30 }
  const vendor = await startVendor(t, () => ending.then(() => ({ text: 'Done.', usage })))
  const server = await startServer(t)
  await addVendorModel(server, vendor)
  const budget = await addBudget(server, { limit: 100_000 })
  const session = await createSession(server)
  const stream = await follow(t, server.url, { sessionId: session.id })
  await post(server, session.id, 'Hello')
  await stream.event('output.message.started')
  const during = await budgetState(server, budget)
  assert.ok(during.reserved > 30_000, `${during.reserved} reserved`)
  assert.equal(during.used, 0)
  const entries = async () => (await server.call('GET', `/v1/budgets/${budget}/ledger`)).body
  const [open, ...none] = await entries()
  assert.deepEqual(
    [open.kind, open.amount, open.reserved, open.session_id, none],
    ['reserve', 0, during.reserved, session.id, []],
  )
  finish()
  await stream.event('session.idled')
  const [closed, ...more] = await entries()
  assert.deepEqual([closed.kind, closed.ref_id, more], ['settle', open.ref_id, []])
  const after = await budgetState(server, budget)
  assert.deepEqual([after.used, after.reserved, after.status], [150, 0, 'active'])
  const [entry, ...others] = await ledgerOf(server, budget)
  assert.deepEqual(others, [])
  assert.deepEqual(entry, {
    kind: 'settle',
    amount: 150,
    reserved: during.reserved,
    session_id: session.id,
  })
  await assertSettled(server, budget)
  assert.ok(!typesOf(stream.events).some((type) => type.startsWith('budget.')))
})

test('a call that does not fit parks the turn, which continues when the budget gets more', async (t) => {
  const server = await startServer(t)
  const budget = await addBudget(server, { limit: 200 })
  const session = await createSession(server)
  await post(server, session.id, costing(10, 5))
  const waiting = await whenParked(server, session.id)
  assert.equal(waiting.type, 'budget')
  assert.equal(waiting.budget_id, budget)
  assert.ok((waiting.least as number) > 256)
  const { body: shown } = await server.call('GET', `/v1/sessions/${session.id}`)
  assert.equal(shown.status, 'active')
  const { body: why } = await server.call('GET', `/v1/sessions/${session.id}/why`)
  assert.deepEqual([why.state, why.budget_id], ['waits_for_budget', budget])
  assert.match(why.sentence, new RegExp(budget))
  assert.equal((await budgetState(server, budget)).awaited, true)
  const stream = await follow(t, server.url, { sessionId: session.id })
  await changeBudget(server, budget, 'credits = credits + 5000')
  await stream.event('session.idled')
  const types = typesOf(stream.events)
  const exhausted = types.indexOf('budget.exhausted')
  assert.ok(exhausted > types.indexOf('reason.started'))
  assert.equal(types[exhausted + 1], 'budget.resumed')
  assert.equal(types.indexOf('output.message.started'), exhausted + 2)
  assert.equal(types.filter((type) => type === 'budget.exhausted').length, 1)
  assert.equal(replyOf(stream.events), 'Done.')
  assert.equal(dataOf(stream.events, 'budget.exhausted').budget_id, budget)
  assert.equal((await budgetState(server, budget)).used, 15)
  await assertSettled(server, budget)
})

test('a budget that fails calls ends the turn with budget_exhausted', async (t) => {
  const server = await startServer(t)
  await addBudget(server, { limit: 10, on_exhausted: 'fail' })
  const session = await createSession(server)
  const events = await converse(t, server, session.id, costing(1, 1))
  assert.equal(dataOf(events, 'turn.failed').error_code, 'budget_exhausted')
  assert.ok(typesOf(events).includes('budget.exhausted'))
  assert.match(replyOf(events), /budget/)
})

test('what is left caps the output that a vendor is asked for', async (t) => {
  const usage = { prompt_tokens: 20, completion_tokens: 7 }
  const vendor = await startVendor(t, () => ({ text: 'Yes.', usage }))
  const server = await startServer(t, { env: { BUDGET_UNKNOWN_PRICES: 'tokens' } })
  await addVendorModel(server, vendor)
  const session = await createSession(server)
  await converse(t, server, session.id, 'Without a budget')
  assert.equal(vendor.requests[0]!.body.max_tokens, undefined)
  const budget = await addBudget(server, { limit: 1_000 })
  await converse(t, server, session.id, 'With one')
  const { max_tokens: asked = 0 } = vendor.requests[1]!.body
  assert.ok(asked >= 256 && asked < 1_000, `${asked} tokens`)
  const [entry] = await ledgerOf(server, budget)
  assert.deepEqual([entry!.amount, entry!.reserved], [27, 1_000])
  await converse(t, server, session.id, 'Short', { controls: { max_output_tokens: 20 } })
  assert.equal(vendor.requests[2]!.body.max_tokens, 20)
  const [, short] = await ledgerOf(server, budget)
  assert.ok(short!.reserved! < 1_000, `${short!.reserved} reserved`)
})

test('a vendor that reports more than it was asked for makes the balance negative once', async (t) => {
  const server = await startServer(t)
  const budget = await addBudget(server, { limit: 1_000 })
  const session = await createSession(server)
  await converse(t, server, session.id, costing(900, 600))
  const { used, status } = await budgetState(server, budget)
  assert.deepEqual([used, status], [1_500, 'exhausted'])
  await post(server, session.id, costing(1, 1))
  await whenParked(server, session.id)
  assert.equal((await budgetState(server, budget)).used, 1_500)
  const exhausted = dataOf(await eventsOf(server, session.id), 'budget.exhausted')
  assert.equal(exhausted.balance, -500)
})

test('warns once at the soft limit and once when 20 % is left', async (t) => {
  const server = await startServer(t)
  await addBudget(server, { limit: 100_000, soft_limit: 50_000 })
  const session = await createSession(server)
  const warningsOf = async (tokens: number) => {
    const events = await converse(t, server, session.id, costing(tokens, 0))
    return events.flatMap((event) => (event.type === 'budget.warning' ? [event.data.balance] : []))
  }
  assert.deepEqual(await warningsOf(40_000), [])
  assert.deepEqual(await warningsOf(10_000), [50_000])
  assert.deepEqual(await warningsOf(29_000), [])
  assert.deepEqual(await warningsOf(2_000), [19_000])
  assert.deepEqual(await warningsOf(1_000), [])
  const sequences = (await eventsOf(server, session.id, '?limit=500')).map((e) => e.sequence)
  assert.deepEqual(
    sequences,
    sequences.map((_, index) => index + 1),
  )
})

test('all budgets of a session are charged, or none', async (t) => {
  const server = await startServer(t)
  const agent = await createAgent(server)
  const session = await createSession(server, { agent_id: agent.id, user: 'mia' })
  const ofOrganization = await addBudget(server, { limit: 1_000_000 })
  const ofAgent = await addBudget(server, { subject: ['agent', agent.id], limit: 1_000_000 })
  const ofUser = await addBudget(server, { subject: ['end_user', 'mia'], limit: 1_000_000 })
  const ofOther = await addBudget(server, { subject: ['end_user', 'ben'], limit: 1 })
  const credits = await addBudget(server, { currency: 'credits', limit: 1_000 })
  const all = [ofOrganization, ofAgent, ofUser]
  await converse(t, server, session.id, costing(100, 20))
  for (const budget of all) assert.equal((await budgetState(server, budget)).used, 120)
  assert.equal((await budgetState(server, credits)).used, 0.12)
  assert.equal((await budgetState(server, ofOther)).used, 0)
  const small = await addBudget(server, { subject: ['session', session.id], limit: 100 })
  await post(server, session.id, costing(100, 20))
  assert.equal((await whenParked(server, session.id)).budget_id, small)
  for (const budget of all) await assertSettled(server, budget)
  await changeBudget(server, small, `status = 'disabled'`)
  await eventually(async () => (await budgetState(server, ofUser)).used === 240)
})

test('calls in dollars use the prices of the catalogue', async (t) => {
  const usage = { prompt_tokens: 1_000, completion_tokens: 100 }
  const vendor = await startVendor(t, () => ({ text: 'Yes.', usage }))
  const server = await startServer(t)
  await addVendorModel(server, vendor, 'gpt-5-mini')
  const budget = await addBudget(server, { currency: 'usd', limit: 5 })
  const session = await createSession(server)
  const events = await converse(t, server, session.id, 'Hello')
  const cost = dataOf(events, 'llm.generation').metadata.usage!.cost_usd!
  assert.ok(cost > 0)
  assert.equal((await budgetState(server, budget)).used, cost)
  await assertSettled(server, budget)
})

test('a setting decides what a budget in dollars does without a price', async (t) => {
  const usage = { prompt_tokens: 20, completion_tokens: 7 }
  const vendor = await startVendor(t, () => ({ text: 'Yes.', usage }))
  const server = await startServer(t)
  await addVendorModel(server, vendor)
  const dollars = await addBudget(server, { currency: 'usd', limit: 5 })
  const session = await createSession(server)
  const events = await converse(t, server, session.id, 'Hello')
  assert.equal(dataOf(events, 'turn.failed').error_code, 'budget_unpriced')
  assert.equal(vendor.requests.length, 0)
  const { databaseUrl } = server
  const other = await startServer(t, { databaseUrl, env: { BUDGET_UNKNOWN_PRICES: 'tokens' } })
  const tokens = await addBudget(server, { limit: 100_000 })
  await server.stop()
  const more = await converse(t, other, session.id, 'Hello')
  assert.equal(replyOf(more), 'Yes.')
  assert.deepEqual((await budgetState(other, dollars)).used, 0)
  assert.equal((await budgetState(other, tokens)).used, 27)
})

test('a paused budget parks turns until it is active again', async (t) => {
  const server = await startServer(t)
  const budget = await addBudget(server, { limit: 100_000 })
  await changeBudget(server, budget, `status = 'paused'`)
  const session = await createSession(server)
  await post(server, session.id, costing(1, 1))
  await whenParked(server, session.id)
  const stream = await follow(t, server.url, { sessionId: session.id })
  await stream.event('budget.paused')
  await changeBudget(server, budget, 'credits = 5')
  await changeBudget(server, budget, `status = 'active'`)
  await stream.event('session.idled')
  assert.equal((await budgetState(server, budget)).used, 2)
})

test('the end of a period wakes the turns that wait, and its money is whole again', async (t) => {
  const server = await startServer(t)
  const budget = await addBudget(server, {
    limit: 1_000,
    period: { type: 'duration', seconds: 3_600 },
  })
  const session = await createSession(server)
  await converse(t, server, session.id, costing(900, 90))
  await post(server, session.id, costing(1, 1))
  const waiting = await whenParked(server, session.id)
  assert.ok(Date.parse(waiting.resets_at as string) > Date.now())
  const stream = await follow(t, server.url, { sessionId: session.id, query: '?after_sequence=1' })
  await changeBudget(server, budget, `period_ends_at = clock_timestamp() + interval '1 second'`)
  await queryRows(
    server.databaseUrl,
    `select graphile_worker.add_job('budget', json_build_object('budget_id', $1::text), job_key => 'budget:' || $1, run_at => period_ends_at) from budgets where id = $1`,
    [budget],
  )
  await stream.event('budget.resumed')
  await eventually(async () => (await budgetState(server, budget)).used === 2)
  const kinds = (await ledgerOf(server, budget)).map(({ kind, amount }) => [kind, amount])
  assert.deepEqual(kinds, [
    ['settle', 990],
    ['period', -990],
    ['settle', 2],
  ])
  await assertSettled(server, budget)
})

test('a cancel releases the reservation of a running call, and ends a parked turn', async (t) => {
  const server = await startServer(t)
  const budget = await addBudget(server, { limit: 20_000 })
  const session = await createSession(server)
  const stream = await follow(t, server.url, { sessionId: session.id })
  await post(server, session.id, scripted({ text: 'Slow. '.repeat(500), tokens_per_second: 20 }))
  await stream.event('output.message.delta')
  await server.call('POST', `/v1/sessions/${session.id}/cancel`)
  await stream.event('session.idled')
  await assertSettled(server, budget)
  const { used } = await budgetState(server, budget)
  assert.ok(used > 0 && used < 2_000, `${used} used`)
  await changeBudget(server, budget, 'limit_amount = 10')
  await post(server, session.id, costing(1, 1))
  await whenParked(server, session.id)
  await server.call('POST', `/v1/sessions/${session.id}/cancel`)
  await eventually(async () => {
    const { body } = await server.call('GET', `/v1/sessions/${session.id}`)
    return body.status === 'idle'
  })
  await assertSettled(server, budget)
})

test('two nodes with many sessions spend the last tokens without exceeding the budget', async (t) => {
  const server = await startServer(t)
  const other = await startServer(t, { databaseUrl: server.databaseUrl })
  const budget = await addBudget(server, { limit: 20_000 })
  const agent = await createAgent(server)
  const sessions = await Promise.all(
    Array.from({ length: 24 }, () => createSession(server, { agent_id: agent.id })),
  )
  await Promise.all(
    sessions.map(({ id }, index) => post(index % 2 ? server : other, id, costing(600, 400))),
  )
  const states = () =>
    queryRows<{ idle: number; parked: number }>(
      server.databaseUrl,
      `select count(*) filter (where status = 'idle')::int as idle,
        count(*) filter (where waiting_for is not null and not exists (select from turns where id = turn_id))::int as parked
      from sessions`,
    )
  await eventually(async () => {
    const [{ idle, parked }] = (await states()) as [{ idle: number; parked: number }]
    return idle + parked === 24 && (await budgetState(server, budget)).reserved === 0
  })
  const { used, left } = await budgetState(server, budget)
  assert.ok(used <= 20_000, `${used} used`)
  assert.ok(left < 1_000, `${left} left although turns wait`)
  await assertSettled(server, budget)
  await changeBudget(server, budget, 'limit_amount = 1000000')
  await eventually(async () => (await states())[0]!.idle === 24)
  assert.equal(await settledCalls(server, budget, 1_000), 24)
  await assertSettled(server, budget)
})

test('a large budget is lent to shards, which return what is left when its limit falls', async (t) => {
  const server = await startServer(t)
  const other = await startServer(t, { databaseUrl: server.databaseUrl })
  const budget = await addBudget(server, { limit: 100_000_000 })
  const agent = await createAgent(server)
  const sessions = await Promise.all(
    Array.from({ length: 24 }, () => createSession(server, { agent_id: agent.id })),
  )
  await Promise.all(
    sessions.map(({ id }, index) => converse(t, index % 2 ? server : other, id, costing(600, 400))),
  )
  const [shards] = await queryRows<{ used: number }>(
    server.databaseUrl,
    'select sum(used)::float8 as used from budget_shards where budget_id = $1',
    [budget],
  )
  assert.ok(shards!.used > 12_000, `${shards!.used} used of shards`)
  assert.equal(await settledCalls(server, budget, 1_000), 24)
  await assertSettled(server, budget)
  const { used } = await budgetState(server, budget)
  await changeBudget(server, budget, `limit_amount = ${used + 100}`)
  assert.equal((await budgetState(server, budget)).left, 100)
  const first = sessions[0]!
  await post(server, first.id, costing(600, 400))
  await whenParked(server, first.id)
  await changeBudget(server, budget, 'limit_amount = 100000000')
  await eventually(async () => (await settledCalls(server, budget, 1_000)) === 25)
  await assertSettled(server, budget)
})

test('retries reserve again, and a failed attempt without a reply costs nothing', async (t) => {
  const server = await startServer(t)
  const budget = await addBudget(server, { limit: 100_000 })
  const session = await createSession(server)
  const error = { message: 'Overloaded', status: 503, fail_attempts: 1 }
  const step = { text: 'Done.', error, ...usageOf(30, 10) }
  await converse(t, server, session.id, scripted(step as never))
  const ledger = await ledgerOf(server, budget)
  assert.deepEqual(
    ledger.map(({ amount }) => amount),
    [0, 40],
  )
  await assertSettled(server, budget)
})

test('summaries of long conversations are charged', async (t) => {
  const server = await startServer(t, { env: { CONTEXT_TOKENS_UNKNOWN: '600' } })
  const budget = await addBudget(server, { limit: 1_000_000 })
  const session = await createSession(server)
  let compacted = 0
  while (compacted === 0) {
    const events = await converse(t, server, session.id, `Remember: ${'word '.repeat(150)}`)
    compacted = events.filter(({ type }) => type === 'context.compacted').length
  }
  const { body } = await server.call('GET', `/v1/sessions/${session.id}`)
  const { input_tokens, output_tokens } = body.usage
  assert.equal((await budgetState(server, budget)).used, input_tokens + output_tokens)
  await assertSettled(server, budget)
})

test('deleting a session or ending a budget leaves no reservation', async (t) => {
  const server = await startServer(t)
  const budget = await addBudget(server, { limit: 1_000_000 })
  const session = await createSession(server)
  const stream = await follow(t, server.url, { sessionId: session.id })
  await post(server, session.id, scripted({ text: 'Slow. '.repeat(500), tokens_per_second: 20 }))
  await stream.event('output.message.delta')
  assert.equal((await server.call('DELETE', `/v1/sessions/${session.id}`)).status, 204)
  await assertSettled(server, budget)
  const next = await createSession(server)
  const following = await follow(t, server.url, { sessionId: next.id })
  await post(server, next.id, costing(5, 5, { delay_ms: 300 }))
  await following.event('output.message.started')
  await changeBudget(server, budget, `status = 'disabled'`)
  await following.event('session.idled')
  await assertSettled(server, budget)
})
