import { queryOptions } from '@tanstack/react-query'
import { outlast } from '../client.ts'
import { budgetKeys } from './keys.ts'

/** The budgets of the organization, newest first. Calls use them without a change event. */
export const budgetsQuery = queryOptions({
  queryKey: budgetKeys.lists,
  queryFn: ({ signal }) => outlast.budgets.list({}, { signal }),
  refetchInterval: 10_000,
})

export const budgetQuery = (id: string) =>
  queryOptions({
    queryKey: budgetKeys.one(id),
    queryFn: ({ signal }) => outlast.budgets.get(id, { signal }),
    refetchInterval: 10_000,
  })

/** The newest entries of a budget. */
export const ledgerQuery = (id: string) =>
  queryOptions({
    queryKey: [...budgetKeys.one(id), 'ledger'],
    queryFn: ({ signal }) => outlast.budgets.ledger(id, {}, { signal }),
    refetchInterval: 10_000,
  })
