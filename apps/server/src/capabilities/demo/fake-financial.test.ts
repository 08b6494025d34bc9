import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { beforeAll } from '../../../test/hooks.ts'
import { startServer } from '../../../test/server.ts'
import { sessionWith, type ToolUse, useTools } from '../../../test/tool-session.ts'
import { dayOf } from './fake-financial/finance.ts'
import { type Period, spanOf } from './fake-financial/spans.ts'

let server: Awaited<ReturnType<typeof startServer>>
beforeAll(async (t) => {
  server = await startServer(t as never)
})

/** Stops the clock of tools, which run in this process: no day or month ends during a test. */
const stopClock = (t: TestContext) => t.mock.timers.enable({ apis: ['Date'], now: Date.now() })

const ref = 'fake_financial'
const book = (transaction_type: string, category: string, amount: number, more: object = {}) =>
  [
    'finance_create_transaction',
    { transaction_type, category, amount, description: 'x', ...more },
  ] as ToolUse
const list = (input: object = {}): ToolUse => ['finance_list_transactions', input]
const balance = (input: object = {}): ToolUse => ['finance_get_balance', input]

test('books and lists transactions and updates balances', async (t) => {
  stopClock(t)
  const session = await sessionWith(server, ref)
  const answers = await useTools(
    t,
    server,
    session.id,
    balance(),
    book('expense', 'travel', 0.1),
    book('expense', 'travel', 0.2),
    book('income', 'interest', 12.345, { account: 'savings' }),
    book('income', 'sales', 1, { account: 'petty' }),
    book('income', 'sales', -1),
    list(),
    list({ transaction_type: 'expense' }),
    list({ category: 'interest' }),
    balance(),
    balance({ account: 'savings' }),
    balance({ account: 'petty' }),
  )
  const [before, first, , interest, unknown, negative, all, expenses, earned, ...after] = answers
  const accounts = (operating: number, savings: number) =>
    Object.entries({ operating, savings, payroll: 75_000 }).map(([name, balance]) => ({
      name,
      balance,
      currency: 'USD',
    }))
  assert.deepEqual(before, {
    accounts: accounts(125_000, 50_000),
    total_balance: 250_000,
    currency: 'USD',
  })
  const date = dayOf(new Date())
  assert.deepEqual(first, { transaction_id: 'TXN-002', amount: 0.1, type: 'expense', date })
  assert.equal(interest.amount, 12.35)
  const missing = 'Account petty not found. There are: operating, savings, payroll'
  assert.equal(unknown, missing)
  assert.match(negative, /amount must be between 0 and/)
  assert.equal(all.total_count, 4)
  assert.deepEqual(all.transactions[1], {
    id: 'TXN-002',
    date,
    transaction_type: 'expense',
    category: 'travel',
    amount: 0.1,
    description: 'x',
    account: 'operating',
  })
  assert.deepEqual([expenses.total_count, expenses.total_amount], [2, 0.3])
  assert.deepEqual([earned.total_count, earned.total_amount], [1, 12.35])
  assert.deepEqual(after[0].accounts, accounts(124_999.7, 50_012.35))
  assert.equal(after[0].total_balance, 250_012.05)
  assert.deepEqual([after[1].accounts.length, after[1].total_balance], [1, 50_012.35])
  assert.equal(after[2], missing)
})

test('budgets report the spent amount', async (t) => {
  stopClock(t)
  const session = await sessionWith(server, ref)
  const create: ToolUse = ['finance_create_budget', { category: 'tea', monthly_limit: 40 }]
  const [created, twice, , listed] = await useTools(
    t,
    server,
    session.id,
    create,
    create,
    book('expense', 'tea', 12.5),
    ['finance_list_budgets', {}],
  )
  assert.deepEqual(created, { category: 'tea', monthly_limit: 40, status: 'created' })
  assert.equal(twice, 'The category tea already has a budget')
  assert.equal(listed.total_count, 3)
  assert.deepEqual(listed.budgets[2], {
    category: 'tea',
    monthly_limit: 40,
    spent: 12.5,
    remaining: 27.5,
  })
})

/** Transactions in this month and the one before. */
function someBooks() {
  const now = new Date()
  const day = (back: number) => spanOf('current_month', now, back).begin
  const row = (
    id: string,
    date: string,
    [transaction_type, category]: string[],
    amount: number,
  ) => ({
    id,
    date,
    transaction_type,
    category,
    amount,
    description: 'x',
    account: 'operating',
  })
  return {
    accounts: [{ name: 'operating', opening_balance: 1_000 }],
    transactions: [
      row('TXN-001', day(1), ['income', 'sales'], 400),
      row('TXN-002', day(1), ['expense', 'rent'], 100),
      row('TXN-003', day(0), ['income', 'sales'], 500),
      row('TXN-004', day(0), ['income', '7'], 100),
      row('TXN-005', day(0), ['expense', '7'], 20),
      row('TXN-006', day(0), ['expense', 'rent'], 80),
    ],
  }
}

test('computes reports and forecasts from the transactions', async (t) => {
  stopClock(t)
  const session = await sessionWith(server, ref, { data: someBooks() })
  const [spent, spentBefore, earned, earnedBefore, soon, usual] = await useTools(
    t,
    server,
    session.id,
    ['finance_get_expense_report', {}],
    ['finance_get_expense_report', { period: 'last_month' }],
    ['finance_get_revenue_report', {}],
    ['finance_get_revenue_report', { period: 'last_month' }],
    ['finance_forecast_cash_flow', { months: 2 }],
    ['finance_forecast_cash_flow', {}],
  )
  assert.deepEqual(spent, {
    period: 'current_month',
    total_expenses: 100,
    breakdown: { '7': 20, rent: 80 },
    top_category: 'rent',
  })
  assert.deepEqual([spentBefore.total_expenses, spentBefore.top_category], [100, 'rent'])
  assert.deepEqual(earned, {
    period: 'current_month',
    total_revenue: 600,
    breakdown: { '7': 100, sales: 500 },
    growth_vs_last_period: 50,
  })
  assert.deepEqual([earnedBefore.total_revenue, earnedBefore.growth_vs_last_period], [400, null])
  const month = (ahead: number) => spanOf('current_month', new Date(), -ahead).begin.slice(0, 7)
  const projected = { projected_revenue: 500, projected_expenses: 100, net_cash_flow: 400 }
  assert.equal(soon.forecast_months, 2)
  assert.deepEqual(soon.forecast, [
    { month: month(1), ...projected, ending_balance: 2_200 },
    { month: month(2), ...projected, ending_balance: 2_600 },
  ])
  assert.equal(soon.assumptions.length, 2)
  assert.equal(usual.forecast.length, 3)
})

test('a period is a calendar period', () => {
  const now = new Date('2026-02-28T23:59:59Z')
  const cases: [Period, number, string, string][] = [
    ['current_month', 0, '2026-02-01', '2026-03-01'],
    ['last_month', 0, '2026-01-01', '2026-02-01'],
    ['last_month', 1, '2025-12-01', '2026-01-01'],
    ['quarter', 0, '2026-01-01', '2026-04-01'],
    ['quarter', 1, '2025-10-01', '2026-01-01'],
    ['year', 0, '2026-01-01', '2027-01-01'],
    ['year', 1, '2025-01-01', '2026-01-01'],
  ]
  for (const [period, back, begin, end] of cases) {
    assert.deepEqual(spanOf(period, now, back), { begin, end }, `${period} ${back}`)
  }
})

test('config sets the currency, the initial data and read-only mode', async (t) => {
  const session = await sessionWith(server, ref, { currency: 'UAH', seed: 'empty' })
  const [before, , after, none] = await useTools(
    t,
    server,
    session.id,
    balance(),
    book('income', 'sales', 7),
    balance({ account: 'operating' }),
    ['finance_list_budgets', {}],
  )
  assert.deepEqual([before.total_balance, before.currency], [0, 'UAH'])
  assert.deepEqual(after.accounts, [{ name: 'operating', balance: 7, currency: 'UAH' }])
  assert.equal(none.total_count, 0)
  const looking = await sessionWith(server, ref, { readonly: true })
  const answers = await useTools(t, server, looking.id, book('income', 'sales', 7), [
    'finance_create_budget',
    {},
  ])
  assert.deepEqual(answers, [
    'Tool definition not found: finance_create_transaction',
    'Tool definition not found: finance_create_budget',
  ])
})
