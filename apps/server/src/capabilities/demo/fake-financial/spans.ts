import { dayOf, type Transaction } from './finance.ts'

export type Period = 'current_month' | 'last_month' | 'quarter' | 'year'

/** The days from `begin` to the day before `end`, as in `2026-03-01`. */
export type FiscalSpan = { begin: string; end: string }

const firstOf = (year: number, month: number) => dayOf(new Date(Date.UTC(year, month, 1)))

const months: Record<Period, number> = { current_month: 1, last_month: 1, quarter: 3, year: 12 }

/** Returns the calendar month, quarter or year of `now`, or the one `back` periods before. */
export function spanOf(period: Period, now: Date, back = 0): FiscalSpan {
  const length = months[period]
  const month = Math.floor(now.getUTCMonth() / length) * length
  const begin = month - (back + (period === 'last_month' ? 1 : 0)) * length
  const year = now.getUTCFullYear()
  return { begin: firstOf(year, begin), end: firstOf(year, begin + length) }
}

export const inSpan = (transactions: readonly Transaction[], { begin, end }: FiscalSpan) =>
  transactions.filter(({ date }) => date >= begin && date < end)
