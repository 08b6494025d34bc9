import { queryOptions } from '@tanstack/react-query'
import { outlast } from '../client.ts'
import { allOf } from './all-items.ts'
import { alertKeys } from './keys.ts'

/** All alerts of the organization, newest first. Values change without a change of the alert. */
export const alertsQuery = queryOptions({
  queryKey: alertKeys.lists,
  queryFn: ({ signal }) => allOf(outlast.alerts.list({}, { signal })),
  refetchInterval: 10_000,
})

export const alertFiringsQuery = (id: string) =>
  queryOptions({
    queryKey: [...alertKeys.one(id), 'firings'],
    queryFn: async ({ signal }) => (await outlast.alerts.listFirings(id, {}, { signal })).data,
  })
