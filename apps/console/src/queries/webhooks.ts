import { queryOptions } from '@tanstack/react-query'
import { invalidate, outlast } from '../client.ts'
import { allOf } from './all-items.ts'
import { webhookKeys } from './keys.ts'

/** All webhooks of the organization, newest first. */
export const webhooksQuery = queryOptions({
  queryKey: webhookKeys.lists,
  queryFn: ({ signal }) => allOf(outlast.webhooks.list({}, { signal })),
})

/** The latest deliveries of a webhook. They change without a notice, so they are read again. */
export const deliveriesQuery = (id: string) =>
  queryOptions({
    queryKey: [...webhookKeys.one(id), 'deliveries'],
    queryFn: async ({ signal }) =>
      (await outlast.webhooks.deliveries(id, { limit: 20 }, { signal })).data,
    refetchInterval: 5_000,
  })

/** Invalidates queries after a webhook changed. */
export const webhooksChanged = () => invalidate(webhookKeys.all)
