/** Rows that the functions of budgets read, among many that they do not need. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import pg from 'pg'
import { addBudget, organization } from '../../apps/server/test/budgets.ts'
import { createTestDatabase, runSql } from '../../apps/server/test/database.ts'

const foreignBudgets = 10_000
/** Far more than the rows that any of the functions has to read here. */
const readsMax = 200

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
  const client = new pg.Client(url)
  // The database is dropped first.
  client.on('error', () => {})
  await client.connect()
  t.after(() => client.end())
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
