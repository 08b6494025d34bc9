/** Rows that the functions of budgets read, among many that they do not need. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { addBudget, type BudgetFields, organization } from '../../apps/server/test/budgets.ts'
import {
  connectTo,
  createTestDatabase,
  queryRows,
  runSql,
} from '../../apps/server/test/database.ts'

const foreignBudgets = 10_000
/** Far more than the rows that any of the functions has to read here. */
const readsMax = 200
const waitingTurns = 2_000

/** A database with budgets of other organizations. */
async function createManyBudgets(t: TestContext): Promise<string> {
  const databaseUrl = await createTestDatabase(t)
  await runSql(
    databaseUrl,
    `insert into budgets (org_id, id, subject_type, subject_id, currency, limit_amount)
    select 'org_' || (n % 100), 'bdgt_' || md5(n::text), 'end_user', 'user ' || n, 'tokens', 1000
    from generate_series(1, ${foreignBudgets}) n`,
  )
  await addBudget({ databaseUrl }, { limit: 5_000 })
  await addBudget({ databaseUrl }, { limit: 5_000, subject: ['end_user', 'ada'] })
  await runSql(databaseUrl, 'analyze budgets')
  return databaseUrl
}

type Session = { run: (text: string, values?: unknown[]) => Promise<{ rows: Row[] }> }
type Row = Record<string, string | null>

/** Opens a transaction, which counts its own reads. */
async function begin(t: TestContext, url: string): Promise<Session> {
  const client = await connectTo(t, url)
  await client.query('begin')
  return { run: (text, values) => client.query(text, values) }
}

/** The rows of a table that the transaction has read. */
async function readsOf({ run }: Session, table: string): Promise<number> {
  const { rows } = await run(
    `select seq_tup_read + coalesce(idx_tup_fetch, 0) as reads from pg_stat_xact_user_tables
    where relname = $1`,
    [table],
  )
  return Number(rows[0]!.reads)
}

const call = {
  exec_id: 'exec_1',
  input_tokens: 100,
  output_tokens: 400,
  output_min: 256,
  output_fair: 400,
  input_cost: null,
  output_price: null,
  counts_only_tokens: true,
}

async function charge({ run }: Session, open: string | null, spent: object | null) {
  const { rows } = await run(
    `select granted, reservation, refused from charge_budgets($1, 'sess_1', 'turn_1', $2, $3, $4, $5)`,
    [organization, [`organization ${organization}`, 'end_user ada'], open, spent, call],
  )
  return rows[0]!
}

test('a call after tools reads only the budgets that apply to it', async (t) => {
  const session = await begin(t, await createManyBudgets(t))
  let { reservation } = await charge(session, null, null)
  // PostgreSQL makes a plan for any values after some calls.
  for (let count = 0; count < 7; count += 1) {
    const before = await readsOf(session, 'budgets')
    const charged = await charge(session, reservation!, { tokens: 300, dollars: null })
    assert.equal(charged.granted, '400')
    reservation = charged.reservation!
    const reads = (await readsOf(session, 'budgets')) - before
    assert.ok(reads < readsMax, `${reads} rows of budgets were read`)
  }
  const { rows } = await session.run(
    'select used::float8, reserved::float8 from budgets where org_id = $1',
    [organization],
  )
  assert.deepEqual(rows, [
    { used: 2_100, reserved: 500 },
    { used: 2_100, reserved: 500 },
  ])
})

/** A budget for which many turns are parked, each with this `waiting_for` beside the budget. */
async function createWaiting(t: TestContext, budget: BudgetFields) {
  const databaseUrl = await createTestDatabase(t)
  const id = await addBudget({ databaseUrl }, budget)
  await queryRows(
    databaseUrl,
    `insert into sessions (org_id, id, agent_id, title, status, turn_id, waiting_for)
    select $1, 'sess_' || n, 'agent', '', 'active', 'turn_' || n, json_build_object(
      'type', 'budget', 'budget_id', $2::text, 'since', '2026-01-01T00:00:00Z', 'needed', 300, 'least', 300)
    from generate_series(1, ${waitingTurns}) n`,
    [organization, id],
  )
  await runSql(databaseUrl, 'analyze sessions')
  return { id, databaseUrl }
}

async function wake({ run }: Session, id: string): Promise<number> {
  const { rows } = await run('select wake_budget($1) as woken', [id])
  return Number(rows[0]!.woken)
}

test('a budget with nothing left reads none of the turns that wait for it', async (t) => {
  const { id, databaseUrl } = await createWaiting(t, { limit: 0 })
  const session = await begin(t, databaseUrl)
  assert.equal(await wake(session, id), 0)
  const reads = await readsOf(session, 'sessions')
  assert.ok(reads < readsMax, `${reads} rows of sessions were read`)
  const { rows } = await session.run('select awaited from budgets where id = $1', [id])
  assert.deepEqual(rows, [{ awaited: true }])
  const jobs = await session.run('select key from graphile_worker.jobs where key = $1', [
    `budget:${id}`,
  ])
  assert.equal(jobs.rows.length, 1)
})

test('a budget that fails calls, or is of another session, wakes turns with nothing left', async (t) => {
  for (const budget of [
    { limit: 0, on_exhausted: 'fail' as const },
    { limit: 0, subject: ['session', 'sess_0'] as [string, string] },
  ]) {
    const { id, databaseUrl } = await createWaiting(t, budget)
    assert.equal(await wake(await begin(t, databaseUrl), id), 200)
  }
})
