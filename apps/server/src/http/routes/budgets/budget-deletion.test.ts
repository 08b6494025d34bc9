/** Budgets and the entries of their ledgers, until the last of them is deleted. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { type TestContext, test } from 'node:test'
import type { Budget, LedgerEntry } from '@outlast/contract'
import { expectStatus, registerPerson, startGuarded } from '../../../../test/access.ts'
import { addBudget } from '../../../../test/budgets.ts'
import { openChannel } from '../../../../test/channel.ts'
import {
  connectTo,
  openTestPool,
  queryRows,
  runSql,
  untilLocked,
} from '../../../../test/database.ts'
import { type Call, startServer } from '../../../../test/server.ts'
import { createAgent, createSession, post, scripted } from '../../../../test/session.ts'
import { eventually } from '../../../../test/waiting.ts'
import { sweepBudgets } from '../../../store/budgets/budget-deletion.ts'
import { sweepLedger } from '../../../store/budgets/ledger.ts'

const spending_limit = { amount: 1_000_000, currency: 'tokens' }

type Target = { databaseUrl: string }
type Server = { url: string; call: Call } & Target

const budgetIn = async ({ call }: Pick<Server, 'call'>, fields: object) => {
  const body = { currency: 'usd', limit: 10, ...fields }
  return expectStatus(await call('POST', '/v1/budgets', body), 201) as Budget
}

const topUp = async ({ call }: Server, id: string, amount: number) =>
  expectStatus(await call('POST', `/v1/budgets/${id}/top-up`, { amount }), 200)

/** The budgets of the entries in all ledgers. */
/** The budgets of the entries in the ledger, without the ends of periods. */
const entriesIn = async ({ databaseUrl }: Target) =>
  (
    await queryRows<{ id: string }>(
      databaseUrl,
      "select budget_id as id from budget_ledger where kind <> 'period'",
    )
  ).map(({ id }) => id)

const budgetsIn = async ({ databaseUrl }: Target) =>
  (await queryRows<{ id: string }>(databaseUrl, 'select id from budgets')).map(({ id }) => id)

function open(t: TestContext, { databaseUrl }: Target) {
  const db = openTestPool(databaseUrl)
  t.after(db.close)
  return db
}

/** Opens a channel with a limit, and adds an entry to the ledger of one of its users. */
async function openLimited(manager: Pick<Server, 'url' | 'call'>, target: Target) {
  const channel = await openChannel(manager, { config: { spending_limit } })
  const caller = channel.as('ada')
  const id = await caller.create()
  expectStatus(await caller.say(id, 'Hello'), 201)
  await eventually(async () => (await caller.call('GET', `/sessions/${id}`)).body.status === 'idle')
  assert.equal((await entriesIn(target)).length, 1)
}

const age = ({ databaseUrl }: Target, days: number) =>
  runSql(
    databaseUrl,
    `with l as (update budget_ledger set created_at = created_at - interval '${days} days')
    update budgets set updated_at = updated_at - interval '${days} days'`,
  )

test('a budget and its ledger go with its session or its end user, and a deleted one after BUDGET_LEDGER_DAYS', async (t) => {
  const server = await startServer(t)
  const { id: agentId } = await createAgent(server)
  const session = await createSession(server)
  const create = async (subject_type: string, subject_id: string) => {
    const { id } = await budgetIn(server, { subject_type, subject_id })
    await topUp(server, id, 1)
    return id
  }
  const ofSession = await create('session', session.id)
  const ofUser = await create('end_user', 'ada')
  const kept = await create('agent', agentId)
  const deleted = await create('agent', agentId)
  expectStatus(await server.call('DELETE', '/v1/end-users?user=ada'), 200)
  assert.deepEqual(await budgetsIn(server), await entriesIn(server))
  expectStatus(await server.call('DELETE', `/v1/sessions/${session.id}`), 204)
  expectStatus(await server.call('DELETE', `/v1/budgets/${deleted}`), 204)
  for (const id of [ofSession, ofUser]) {
    expectStatus(await server.call('GET', `/v1/budgets/${id}`), 404, 'not_found')
  }
  const db = open(t, server)
  await sweepLedger(db, 10)
  await sweepBudgets(db, 10)
  const shown = expectStatus(await server.call('GET', `/v1/budgets/${deleted}`), 200)
  assert.equal(shown.status, 'disabled')
  const { length } = expectStatus(await server.call('GET', `/v1/budgets/${deleted}/ledger`), 200)
  assert.equal(length, 1)
  await age(server, 11)
  await topUp(server, kept, 2)
  await sweepLedger(db, 10)
  await sweepBudgets(db, 10)
  assert.deepEqual(await budgetsIn(server), [kept])
  assert.deepEqual(await entriesIn(server), [kept])
})

test('entries of ledgers are deleted after BUDGET_LEDGER_DAYS, also more than one batch', async (t) => {
  const server = await startServer(t)
  const { id: agentId } = await createAgent(server)
  const subject = { subject_type: 'agent', subject_id: agentId }
  const budgets = [await budgetIn(server, subject), await budgetIn(server, subject)]
  for (const amount of [1, 2, 3]) {
    for (const { id } of budgets) await topUp(server, id, amount)
  }
  await runSql(
    server.databaseUrl,
    `update budget_ledger set created_at = now() - interval '11 days' where amount > -3`,
  )
  await sweepLedger(open(t, server), 10, 1)
  for (const { id } of budgets) {
    const entries = expectStatus(await server.call('GET', `/v1/budgets/${id}/ledger`), 200)
    assert.deepEqual(
      entries.map(({ amount }: LedgerEntry) => amount),
      [-3],
    )
    const { balance } = expectStatus(await server.call('GET', `/v1/budgets/${id}`), 200)
    assert.equal(balance, 16)
  }
})

test('a deleted budget keeps its row until all batches of its entries are deleted', async (t) => {
  const server = await startServer(t)
  const id = await addBudget(server, { limit: 10 })
  for (let amount = 1; amount <= 5; amount += 1) await topUp(server, id, amount)
  expectStatus(await server.call('DELETE', `/v1/budgets/${id}`), 204)
  await age(server, 11)
  const db = open(t, server)
  let batches = 0
  const dying: typeof db = {
    ...db,
    run: (...statement) =>
      batches++ < 2 ? db.run(...statement) : Promise.reject(new Error('killed')),
  }
  await assert.rejects(sweepBudgets(dying, 10, 2), /killed/)
  assert.deepEqual(await budgetsIn(server), [id])
  assert.deepEqual(await entriesIn(server), [id])
  await sweepBudgets(db, 10, 2)
  assert.deepEqual(await budgetsIn(server), [])
  assert.deepEqual(await entriesIn(server), [])
})

test('a settlement whose budget is deleted meanwhile leaves no entry', async (t) => {
  const server = await startServer(t)
  const channel = await openChannel(server, { config: { spending_limit } })
  const id = await channel.as('ada').create()
  expectStatus(await post(server, id, scripted({ text: 'Late.', delay_ms: 600_000 })), 201)
  const running = 'from sessions where reservation is not null'
  const settling = await connectTo(t, server.databaseUrl)
  await eventually(async () => (await queryRows(server.databaseUrl, `select ${running}`)).length)
  await settling.query(`begin; select settle_budgets(org_id, id, reservation, null) ${running};
    update sessions set reservation = null where reservation is not null`)
  const deleting = runSql(server.databaseUrl, 'delete from budgets')
  await untilLocked(server.databaseUrl)
  await settling.query('commit')
  await deleting
  assert.deepEqual(await budgetsIn(server), [])
  assert.deepEqual(await entriesIn(server), [])
})

test('nothing is left of the ledgers of a deleted organization', async (t) => {
  const server = await startGuarded(t, { sweepIntervalMs: 100 })
  const { call, orgId } = await registerPerson(server)
  await openLimited({ url: server.url, call }, server)
  const agent = await createAgent({ url: server.url, call })
  const kept = await budgetIn({ call }, { subject_type: 'agent', subject_id: agent.id })
  await topUp({ ...server, call }, kept.id, 1)
  await runSql(
    server.databaseUrl,
    `update budgets set period_ends_at = now() - interval '2 days' where period is not null`,
  )
  await eventually(async () => (await budgetsIn(server)).length === 1)
  expectStatus(await call('DELETE', `/v1/orgs/${orgId}`), 204)
  await eventually(async () => (await budgetsIn(server)).length === 0)
  assert.deepEqual(await entriesIn(server), [])
})

test('the migration deletes entries whose budgets are gone', async (t) => {
  const server = await startServer(t)
  const id = await addBudget(server, { limit: 10 })
  await topUp(server, id, 1)
  const insert = `insert into budget_ledger (budget_id, org_id, kind, amount, meter_source, ref_type)
    select 'bdgt_gone', org_id, kind, amount, meter_source, ref_type from budget_ledger`
  await runSql(server.databaseUrl, insert)
  const migration = '../../../../migrations/0077_ledgers_end_with_budgets.sql'
  await runSql(server.databaseUrl, await readFile(new URL(migration, import.meta.url), 'utf8'))
  assert.deepEqual(await entriesIn(server), [id])
})
