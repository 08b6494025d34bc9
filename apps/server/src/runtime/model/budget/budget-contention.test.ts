/** Many turns at the same budgets: each continues, and none waits for a lock of another one. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import {
  addBudget,
  assertSettled,
  budgetState,
  changeBudget,
  organization,
  settledCalls,
} from '../../../../test/budgets.ts'
import { connectTo, lockWaits, openTestPool, queryRows, runSql } from '../../../../test/database.ts'
import { addVendorModel, startVendor } from '../../../../test/remotes/vendor.ts'
import { startServer } from '../../../../test/server.ts'
import {
  converse,
  createAgent,
  createSession,
  dataOf,
  eventsOf,
  post,
  scripted,
} from '../../../../test/session.ts'
import { eventually } from '../../../../test/waiting.ts'
import { deleteBudgetsOfEndUser } from '../../../store/budgets/budget-deletion.ts'

const usage = { input_tokens: 60, output_tokens: 40 }

/** Number of sessions that are idle, and of turns that wait without a job. */
async function statesOf(databaseUrl: string) {
  const [states] = await queryRows<{ idle: number; parked: number }>(
    databaseUrl,
    `select count(*) filter (where status = 'idle')::int as idle,
      count(*) filter (where waiting_for is not null and not exists (select from turns where id = turn_id))::int as parked
    from sessions`,
  )
  return states!
}

async function deadlocksOf(databaseUrl: string): Promise<number> {
  const text = 'select deadlocks::int from pg_stat_database where datname = current_database()'
  return (await queryRows<{ deadlocks: number }>(databaseUrl, text))[0]!.deadlocks
}

/** Resolves once so many statements wait for a lock, besides those of the search index. */
const waitForLocks = (databaseUrl: string, count: number) =>
  eventually(async () => (await lockWaits(databaseUrl)) === count)

/** Posts a message in so many new sessions, a few at a time. */
async function postToAll(server: Parameters<typeof createAgent>[0], count: number, text: string) {
  const { id: agent_id } = await createAgent(server)
  for (let left = count; left > 0; left -= 25) {
    const some = Array.from({ length: Math.min(25, left) }, async () => {
      const { id } = await createSession(server, { agent_id })
      await post(server, id, text)
    })
    await Promise.all(some)
  }
  return agent_id
}

test('a budget that gets more wakes all turns that wait, more than one transaction takes', async (t) => {
  const server = await startServer(t)
  const budget = await addBudget(server, { limit: 1 })
  const count = 210
  await postToAll(server, count, scripted({ text: 'Done.', usage } as never))
  await eventually(async () => (await statesOf(server.databaseUrl)).parked === count)
  // Without the job that looks again each minute.
  await runSql(server.databaseUrl, `select graphile_worker.remove_job('budget:${budget}')`)
  await changeBudget(server, budget, 'limit_amount = 1000000000')
  await eventually(async () => (await statesOf(server.databaseUrl)).idle === count)
  assert.equal((await budgetState(server, budget)).used, count * 100)
  await assertSettled(server, budget)
  const [{ awaited }] = (await queryRows(server.databaseUrl, 'select awaited from budgets')) as [
    { awaited: boolean },
  ]
  assert.equal(awaited, false)
})

test('a turn that fits continues behind many older ones that do not', async (t) => {
  const server = await startServer(t)
  const budget = await addBudget(server, { limit: 1 })
  const { id: agent_id } = await createAgent(server)
  const reply = scripted({ text: 'Done.', usage } as never)
  const park = async (text: string, parked: number) => {
    const { id } = await createSession(server, { agent_id })
    await post(server, id, text)
    await eventually(async () => (await statesOf(server.databaseUrl)).parked === parked)
    return id
  }
  await park(`${'A long story. '.repeat(20_000)}${reply}`, 1)
  const others = 201
  await runSql(
    server.databaseUrl,
    `insert into sessions select (json_populate_record(s, json_build_object(
      'id', 'session_' || md5(n::text), 'turn_id', 'turn_' || md5(n::text)))).*
    from sessions s, generate_series(1, ${others}) n`,
  )
  const id = await park(reply, others + 2)
  await changeBudget(server, budget, 'limit_amount = 40000')
  await eventually(async () => (await statesOf(server.databaseUrl)).idle === 1)
  assert.equal((await server.call('GET', `/v1/sessions/${id}`)).body.status, 'idle')
  assert.equal((await budgetState(server, budget)).awaited, true)
  await assertSettled(server, budget)
})

test('a turn that is cancelled while its budget wakes turns leaves no row', async (t) => {
  const server = await startServer(t)
  const { databaseUrl } = server
  const budget = await addBudget(server, { limit: 1 })
  const { id: agent_id } = await createAgent(server)
  const ids: string[] = []
  for (const parked of [1, 2]) {
    const { id } = await createSession(server, { agent_id })
    ids.push(id)
    await post(server, id, scripted({ text: 'Done.', usage } as never))
    await eventually(async () => (await statesOf(databaseUrl)).parked === parked)
  }
  // The wake waits for this row before it comes to the second turn.
  const holder = await connectTo(t, databaseUrl)
  await holder.query('begin')
  await holder.query(
    'insert into turns (id, org_id, session_id) select turn_id, org_id, id from sessions where id = $1',
    [ids[0]],
  )
  const waking = changeBudget(server, budget, 'limit_amount = 1000000')
  await waitForLocks(databaseUrl, 1)
  await server.call('POST', `/v1/sessions/${ids[1]}/cancel`)
  await eventually(async () => (await statesOf(databaseUrl)).idle === 1)
  await holder.query('rollback')
  await waking
  await eventually(async () => (await statesOf(databaseUrl)).idle === 2)
  const strays = `select id from turns t where not exists (select from sessions s where s.turn_id = t.id)`
  assert.deepEqual(await queryRows(databaseUrl, strays), [])
  await assertSettled(server, budget)
})

/** A turn that waits for the budget because a running call has reserved all that is left. */
async function startContended(t: TestContext, on_exhausted: 'wait' | 'fail') {
  const { promise: ending, resolve: finish } = Promise.withResolvers<void>()
  const counted = { prompt_tokens: 1_900, completion_tokens: 90 }
  const vendor = await startVendor(t, () => ending.then(() => ({ text: 'Done.', usage: counted })))
  const server = await startServer(t)
  await addVendorModel(server, vendor)
  const budget = await addBudget(server, { limit: 2_000, on_exhausted })
  const first = await createSession(server)
  await post(server, first.id, 'Hello')
  await eventually(async () => vendor.requests.length)
  const { id } = await createSession(server)
  await post(server, id, 'Hello')
  await eventually(async () => (await statesOf(server.databaseUrl)).parked === 1)
  const whenFailed = async () => {
    await eventually(async () => (await statesOf(server.databaseUrl)).idle === 2)
    const events = await eventsOf(server, id)
    assert.equal(dataOf(events, 'turn.failed').error_code, 'budget_exhausted')
    const areFinal = events.flatMap(({ type, data }) =>
      type === 'budget.exhausted' ? [data.is_final] : [],
    )
    assert.deepEqual(areFinal, [undefined, true])
    assert.equal(vendor.requests.length, 1)
    await assertSettled(server, budget)
    assert.equal((await budgetState(server, budget)).awaited, false)
  }
  return { server, budget, finish, whenFailed }
}

test('a turn that waits for a running call fails when the call leaves too little', async (t) => {
  const { finish, whenFailed } = await startContended(t, 'fail')
  finish()
  await whenFailed()
})

test('a turn that is refused again keeps the time at which its wait began', async (t) => {
  const server = await startServer(t)
  const { databaseUrl } = server
  await addBudget(server, { limit: 1 })
  const { id } = await createSession(server)
  await post(server, id, scripted({ text: 'Done.', usage } as never))
  const waits = async () => {
    const [turn] = await queryRows<{ since: string; attempt: number }>(
      databaseUrl,
      `select waiting_for->>'since' as since, turn_attempt as attempt from sessions s
      where id = $1 and waiting_for is not null and not exists (select from turns where id = s.turn_id)`,
      [id],
    )
    return turn
  }
  const { since, attempt } = await eventually(waits)
  for (const again of [1, 2]) {
    await runSql(
      databaseUrl,
      `insert into turns (id, org_id, session_id) select turn_id, org_id, id from sessions;
      select start_turn(org_id, id, turn_id) from sessions`,
    )
    const later = await eventually(async () => {
      const found = await waits()
      return found && found.attempt >= attempt + again ? found : undefined
    })
    assert.equal(later.since, since)
  }
  const refusals = (await eventsOf(server, id)).filter(({ type }) => type === 'budget.exhausted')
  assert.deepEqual(
    refusals.map(({ ts }) => ts),
    [since],
  )
})

test('a turn that waits for more fails when its budget no longer lets it wait', async (t) => {
  const { server, budget, finish, whenFailed } = await startContended(t, 'wait')
  finish()
  await eventually(async () => (await budgetState(server, budget)).reserved === 0)
  assert.equal((await statesOf(server.databaseUrl)).parked, 1)
  await server.call('PATCH', `/v1/budgets/${budget}`, { on_exhausted: 'fail' })
  await whenFailed()
})

test('retries at a large and a small budget end in no deadlock', async (t) => {
  const server = await startServer(t)
  const other = await startServer(t, { databaseUrl: server.databaseUrl })
  const { id: agent_id } = await createAgent(server)
  // The large one lends to its shards, the small one does not.
  const large = await addBudget(server, { limit: 100_000_000 })
  const small = await addBudget(server, { limit: 40_000, subject: ['agent', agent_id] })
  const error = { message: 'Overloaded', status: 503, fail_attempts: 1 }
  const text = scripted({ text: 'Done.', usage, error } as never)
  const count = 16
  await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const { id } = await createSession(server, { agent_id })
      await post(index % 2 ? server : other, id, text)
    }),
  )
  await eventually(async () => (await statesOf(server.databaseUrl)).idle === count)
  for (const budget of [large, small]) {
    assert.equal(await settledCalls(server, budget, 100), count)
    await assertSettled(server, budget)
  }
  assert.equal(await deadlocksOf(server.databaseUrl), 0)
})

test('turns with tools and retries do not wait for the row of a large budget', async (t) => {
  const server = await startServer(t)
  const { id: agent_id } = await createAgent(server, { capabilities: [{ ref: 'current_time' }] })
  const budgets = [
    await addBudget(server, { limit: 100_000_000 }),
    await addBudget(server, { limit: 100_000_000, subject: ['agent', agent_id] }),
  ]
  const { id } = await createSession(server, { agent_id })
  // Lends to the shards.
  await converse(t, server, id, scripted({ text: 'Hello.', usage } as never))

  const holder = await connectTo(t, server.databaseUrl)
  await holder.query('begin')
  await holder.query('select from budgets for no key update')
  const call = { tool_calls: [{ name: 'get_current_time', arguments: {} }], usage }
  const error = { message: 'Overloaded', status: 503, fail_attempts: 1 }
  const steps = [call, { ...call, error }, { text: 'Done.', usage }]
  await converse(t, server, id, scripted(...(steps as never[])))
  await holder.query('commit')
  for (const budget of budgets) {
    assert.equal((await budgetState(server, budget)).used, 400)
    await assertSettled(server, budget)
  }
})

/** A budget that lends to its shards, and sessions whose model replies when `gate` is open. */
async function startLending(t: TestContext) {
  const model = { gate: Promise.withResolvers<void>() }
  model.gate.resolve()
  const counted = { prompt_tokens: 60, completion_tokens: 40 }
  const vendor = await startVendor(t, async () => {
    await model.gate.promise
    return { text: 'Hello.', usage: counted }
  })
  const server = await startServer(t)
  await addVendorModel(server, vendor)
  const { id: agent_id } = await createAgent(server)
  const budget = await addBudget(server, { limit: 100_000_000 })
  const ids: string[] = []
  for (let count = 0; count < 6; count++) ids.push((await createSession(server, { agent_id })).id)
  await converse(t, server, ids[0]!, 'Hello')
  const holder = await connectTo(t, server.databaseUrl)
  const holdBudget = () => holder.query('begin; select whole_budget(id) from budgets')
  const say = () => Promise.all(ids.map((id) => post(server, id, 'Hello')))
  const checkEnd = async () => {
    await eventually(async () => (await statesOf(server.databaseUrl)).idle === ids.length)
    await assertSettled(server, budget)
    assert.equal((await budgetState(server, budget)).used, 100 * (ids.length + 1))
    assert.equal(await deadlocksOf(server.databaseUrl), 0)
  }
  return { server, model, vendor, count: ids.length, holder, holdBudget, say, checkEnd }
}

test('calls that wait at shards while a budget takes them back end in no deadlock', async (t) => {
  const { server, count, holder, holdBudget, say, checkEnd } = await startLending(t)
  await holdBudget()
  await say()
  await waitForLocks(server.databaseUrl, count)
  await holder.query('commit')
  await checkEnd()
})

test('settlements that wait at shards while a budget takes them back end in no deadlock', async (t) => {
  const { server, model, vendor, count, holder, holdBudget, say, checkEnd } = await startLending(t)
  model.gate = Promise.withResolvers()
  await say()
  await eventually(async () => vendor.requests.length === count + 1)
  await holdBudget()
  model.gate.resolve()
  await waitForLocks(server.databaseUrl, count)
  await holder.query('commit')
  await checkEnd()
})

test('a call and the deletion of two budgets of its end user end in no deadlock', async (t) => {
  const server = await startServer(t)
  const { id: agent_id } = await createAgent(server)
  const ofUser: [string, string] = ['end_user', 'ada']
  const idOf = (place: string) => `bdgt_${place.repeat(32)}`
  // The call has a shard of the first one, and waits for the second one, when the deletion begins.
  await addBudget(server, { id: idOf('1'), limit: 100_000_000, subject: ofUser })
  const held = await addBudget(server, {
    id: idOf('2'),
    limit: 1_000,
    subject: ['agent', agent_id],
  })
  await addBudget(server, { id: idOf('3'), limit: 1_000, subject: ofUser })
  const { id } = await createSession(server, { agent_id, user: 'ada' })
  const text = scripted({ text: 'Hello.', usage } as never)
  // Lends to the shards.
  await converse(t, server, id, text)

  const holder = await connectTo(t, server.databaseUrl)
  await holder.query('begin')
  await holder.query('select from budgets where id = $1 for no key update', [held])
  await post(server, id, text)
  await waitForLocks(server.databaseUrl, 1)
  const db = openTestPool(server.databaseUrl)
  t.after(db.close)
  const deleting = deleteBudgetsOfEndUser(db, organization, 'ada')
  await waitForLocks(server.databaseUrl, 2)
  await holder.query('commit')
  await deleting
  await eventually(async () => (await statesOf(server.databaseUrl)).idle === 1)
  const left = await queryRows<{ id: string }>(server.databaseUrl, 'select id from budgets')
  assert.deepEqual(left, [{ id: held }])
  assert.equal((await budgetState(server, held)).used, 200)
  await assertSettled(server, held)
  assert.equal(await deadlocksOf(server.databaseUrl), 0)
})

test('a change of a budget and the deletion of its session end in no deadlock', async (t) => {
  const server = await startServer(t)
  const { id: agent_id } = await createAgent(server)
  const { id } = await createSession(server, { agent_id })
  const idOf = (place: string) => `bdgt_${place.repeat(32)}`
  // The call has reserved in a shard of the session's budget, and in the other one itself.
  const own = { id: idOf('1'), limit: 100_000_000, subject: ['session', id] as [string, string] }
  await addBudget(server, own)
  const small = { id: idOf('2'), limit: 40_000, subject: ['agent', agent_id] as [string, string] }
  const held = await addBudget(server, small)
  await converse(t, server, id, scripted({ text: 'Hello.', usage } as never))
  await post(server, id, scripted({ text: 'Late.', delay_ms: 600_000 }))
  const open = 'select from sessions where reservation is not null'
  await eventually(async () => (await queryRows(server.databaseUrl, open)).length)

  const holder = await connectTo(t, server.databaseUrl)
  await holder.query('begin')
  await holder.query('select from budgets where id = $1 for no key update', [held])
  const deleting = server.call('DELETE', `/v1/sessions/${id}`)
  await waitForLocks(server.databaseUrl, 1)
  const changing = server.call('PATCH', `/v1/budgets/${own.id}`, { limit: 90_000_000 })
  await waitForLocks(server.databaseUrl, 2)
  await holder.query('commit')
  const statuses = [(await deleting).status, (await changing).status]
  assert.equal(await deadlocksOf(server.databaseUrl), 0)
  assert.deepEqual(statuses, [204, 404])
  await assertSettled(server, held)
})
