import { type Static, Type } from 'typebox'
import { documentConfig, documentTools, Line, Rows } from '../session-document.ts'

export const Amount = Type.Number({ minimum: 0, maximum: 1e12 })
export const TransactionType = Type.Enum(['income', 'expense'], { type: 'string' })

const Transaction = Type.Object({
  id: Line(),
  date: Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}$' }),
  transaction_type: TransactionType,
  category: Line(),
  amount: Amount,
  description: Line(),
  account: Line(),
})
export type Transaction = Static<typeof Transaction>

const shape = Type.Object({
  accounts: Rows(Type.Object({ name: Line(), opening_balance: Type.Number() })),
  transactions: Rows(Transaction),
  budgets: Rows(Type.Object({ category: Line(), monthly_limit: Amount })),
})
export type Finance = Static<typeof shape>

const directory = '/finance'

export const financeConfig = documentConfig(directory, shape, {
  currency: Type.Optional(
    Type.String({
      pattern: '^[A-Z]{3}$',
      default: 'USD',
      description: 'Currency of all amounts as an ISO 4217 code; by default USD.',
    }),
  ),
})
export type FinanceConfig = Static<typeof financeConfig>

export const currencyOf = ({ currency = 'USD' }: FinanceConfig) => currency

/** The day of a time, in UTC. */
export const dayOf = (time: Date) => time.toISOString().slice(0, 10)

const accounts = (operating: number, savings: number, payroll: number) =>
  Object.entries({ operating, savings, payroll }).map(([name, opening_balance]) => ({
    name,
    opening_balance,
  }))

export const finance = documentTools<Finance, FinanceConfig>({
  directory,
  file: 'finance.json',
  shape,
  seeds: {
    empty: () => ({ accounts: accounts(0, 0, 0), transactions: [], budgets: [] }),
    default: () => ({
      accounts: accounts(120_000, 50_000, 75_000),
      transactions: [
        {
          id: 'TXN-001',
          date: dayOf(new Date()),
          transaction_type: 'income',
          category: 'sales',
          amount: 5_000,
          description: 'First order of the month',
          account: 'operating',
        },
      ],
      budgets: [
        { category: 'marketing', monthly_limit: 8_000 },
        { category: 'travel', monthly_limit: 2_500 },
      ],
    }),
  },
})

/** Rounds to cents, without residues of binary fractions. */
export const inCents = (amount: number) => Math.round(amount * 100) / 100

export const sumOf = (transactions: readonly Transaction[]) =>
  inCents(transactions.reduce((sum, { amount }) => sum + amount, 0))

export const ofType = (
  transactions: readonly Transaction[],
  type: Transaction['transaction_type'],
) => transactions.filter(({ transaction_type }) => transaction_type === type)

/** The balance of an account: opening balance plus its transactions. */
export function balanceOf({ accounts, transactions }: Finance, name: string): number {
  const own = transactions.filter(({ account }) => account === name)
  const opening = accounts.find((account) => account.name === name)?.opening_balance ?? 0
  return inCents(opening + sumOf(ofType(own, 'income')) - sumOf(ofType(own, 'expense')))
}
