import { type Static, Type } from 'typebox'
import { strict } from '../session-document.ts'
import {
  balanceOf,
  type Finance,
  finance,
  inCents,
  ofType,
  sumOf,
  type Transaction,
} from './finance.ts'
import { inSpan, type Period, spanOf } from './spans.ts'

const periodInput = Type.Object(
  {
    period: Type.Optional(
      Type.Enum(['current_month', 'last_month', 'quarter', 'year'], {
        type: 'string',
        default: 'current_month',
        description: 'A calendar period: quarter and year are the current ones.',
      }),
    ),
  },
  strict,
)

/** The sum of each category, the largest first. */
function sumsOf(transactions: readonly Transaction[]): [category: string, sum: number][] {
  const groups = Map.groupBy(transactions, ({ category }) => category)
  const sums = [...groups].map(([category, rows]): [string, number] => [category, sumOf(rows)])
  return sums.sort(([, a], [, b]) => b - a)
}

function booked({ transactions }: Finance, type: Transaction['transaction_type'], period: Period) {
  const rows = ofType(transactions, type)
  const now = new Date()
  return { rows: inSpan(rows, spanOf(period, now)), before: inSpan(rows, spanOf(period, now, 1)) }
}

const expenseReport = finance.reads({
  name: 'finance_get_expense_report',
  description: 'Returns the expenses of a period by category.',
  input: periodInput,
  run: ({ period = 'current_month' }, data) => {
    const { rows } = booked(data, 'expense', period)
    const sums = sumsOf(rows)
    const top_category = sums[0]?.[0] ?? null
    const breakdown = Object.fromEntries(sums)
    return { period, total_expenses: sumOf(rows), breakdown, top_category }
  },
})

const revenueReport = finance.reads({
  name: 'finance_get_revenue_report',
  description:
    'Returns the income of a period by category, and its growth over the period before in per cent.',
  input: periodInput,
  run: ({ period = 'current_month' }, data) => {
    const { rows, before } = booked(data, 'income', period)
    const [total_revenue, last] = [sumOf(rows), sumOf(before)]
    const growth_vs_last_period = last === 0 ? null : inCents(((total_revenue - last) / last) * 100)
    const breakdown = Object.fromEntries(sumsOf(rows))
    return { period, total_revenue, breakdown, growth_vs_last_period }
  },
})

const averagedMonths = 3

/** The average monthly income and expenses, of months with transactions. */
function monthly({ transactions }: Finance, now: Date) {
  const recent = Array.from({ length: averagedMonths }, (_, back) =>
    inSpan(transactions, spanOf('current_month', now, back)),
  ).filter((rows) => rows.length > 0)
  const all = recent.flat()
  const mean = (type: Transaction['transaction_type']) =>
    inCents(sumOf(ofType(all, type)) / Math.max(1, recent.length))
  return { revenue: mean('income'), expenses: mean('expense') }
}

const forecastInput = Type.Object(
  { months: Type.Optional(Type.Integer({ minimum: 1, maximum: 12, default: 3 })) },
  strict,
)

function forecast({ months = 3 }: Static<typeof forecastInput>, data: Finance) {
  const now = new Date()
  const { revenue, expenses } = monthly(data, now)
  const net = inCents(revenue - expenses)
  const total = data.accounts.reduce((sum, { name }) => sum + balanceOf(data, name), 0)
  return {
    forecast_months: months,
    forecast: Array.from({ length: months }, (_, index) => ({
      month: spanOf('current_month', now, -1 - index).begin.slice(0, 7),
      projected_revenue: revenue,
      projected_expenses: expenses,
      net_cash_flow: net,
      ending_balance: inCents(total + net * (index + 1)),
    })),
    assumptions: [
      `Each month equals the average of the last ${averagedMonths} months with transactions, this month included.`,
      'The forecast starts from the current balance of all accounts.',
    ],
  }
}

const forecastCashFlow = finance.reads({
  name: 'finance_forecast_cash_flow',
  description: 'Forecasts the balance of all accounts at the end of the next months.',
  input: forecastInput,
  run: forecast,
})

export const reportTools = {
  reading: [expenseReport, revenueReport, forecastCashFlow],
  changing: [],
}
