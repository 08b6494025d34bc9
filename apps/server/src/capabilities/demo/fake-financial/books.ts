import { Type } from 'typebox'
import { ToolError } from '../../capability.ts'
import { addRow, Line, nextId, noInput, strict } from '../session-document.ts'
import {
  Amount,
  balanceOf,
  currencyOf,
  dayOf,
  type Finance,
  finance,
  inCents,
  ofType,
  sumOf,
  TransactionType,
} from './finance.ts'
import { inSpan, spanOf } from './spans.ts'

const listTransactions = finance.reads({
  name: 'finance_list_transactions',
  description: 'Lists all transactions, or those of a type or a category, with their total.',
  input: Type.Object(
    { transaction_type: Type.Optional(TransactionType), category: Type.Optional(Line()) },
    strict,
  ),
  run: ({ transaction_type: type, category }, data) => {
    const transactions = data.transactions.filter(
      (one) =>
        (type === undefined || one.transaction_type === type) &&
        (category === undefined || one.category === category),
    )
    const total_amount = sumOf(transactions)
    return { transactions, total_count: transactions.length, total_amount }
  },
})

const createTransaction = finance.changes({
  name: 'finance_create_transaction',
  description: "Books income or an expense on an account with today's date.",
  input: Type.Object(
    {
      transaction_type: TransactionType,
      category: Line(),
      amount: Amount,
      description: Line(),
      account: Type.Optional(Type.String({ default: 'operating', maxLength: 500 })),
    },
    strict,
  ),
  run: ({ account = 'operating', ...input }, data) => {
    checkAccountName(data, account)
    const amount = inCents(input.amount)
    const id = nextId(data.transactions, 'id', 'TXN-001')
    const date = dayOf(new Date())
    addRow(data.transactions, { id, date, ...input, amount, account }, 'transactions')
    return { transaction_id: id, amount, type: input.transaction_type, date }
  },
})

function checkAccountName({ accounts }: Finance, name: string): void {
  if (accounts.some((account) => account.name === name)) return
  const names = accounts.map((account) => account.name).join(', ') || 'none'
  throw new ToolError(`Account ${name} not found. There are: ${names}`)
}

const getBalance = finance.reads({
  name: 'finance_get_balance',
  description: 'Returns the balance of all accounts, or of one: opening balance plus transactions.',
  input: Type.Object({ account: Type.Optional(Line()) }, strict),
  run: ({ account }, data, config) => {
    if (account !== undefined) checkAccountName(data, account)
    const currency = currencyOf(config)
    const accounts = data.accounts
      .filter(({ name }) => account === undefined || name === account)
      .map(({ name }) => ({ name, balance: balanceOf(data, name), currency }))
    const total_balance = inCents(accounts.reduce((sum, { balance }) => sum + balance, 0))
    return { accounts, total_balance, currency }
  },
})

const listBudgets = finance.reads({
  name: 'finance_list_budgets',
  description: 'Lists the budgets with the amount spent this month.',
  input: noInput,
  run: (_, { budgets, transactions }) => {
    const thisMonth = inSpan(ofType(transactions, 'expense'), spanOf('current_month', new Date()))
    const listed = budgets.map(({ category, monthly_limit }) => {
      const spent = sumOf(thisMonth.filter((one) => one.category === category))
      return { category, monthly_limit, spent, remaining: inCents(monthly_limit - spent) }
    })
    return { budgets: listed, total_count: listed.length }
  },
})

const createBudget = finance.changes({
  name: 'finance_create_budget',
  description: 'Sets the monthly budget of a category. A category has one budget.',
  input: Type.Object({ category: Line(), monthly_limit: Amount }, strict),
  run: ({ category, monthly_limit }, { budgets }) => {
    if (budgets.some((budget) => budget.category === category)) {
      throw new ToolError(`The category ${category} already has a budget`)
    }
    addRow(budgets, { category, monthly_limit }, 'budgets')
    return { category, monthly_limit, status: 'created' }
  },
})

export const bookTools = {
  reading: [listTransactions, getBalance, listBudgets],
  changing: [createTransaction, createBudget],
}
