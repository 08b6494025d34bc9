import type { WaitingPage, WaitingQuery } from '@outlast/sdk'
import { queryOptions } from '@tanstack/react-query'
import { outlast } from '../client.ts'
import { waitingKeys } from './keys.ts'

/** What waits for a person. Changes of sessions invalidate it; others are seen after a minute. */
export const waitingQuery = (query: WaitingQuery) =>
  queryOptions({
    queryKey: [...waitingKeys.lists, query],
    queryFn: async ({ signal }): Promise<WaitingPage> =>
      await outlast.waiting.list(query, { signal }),
    refetchInterval: 60_000,
  })

/** The number of entries, with one of them: for the menu. */
export const waitingCountQuery = waitingQuery({ limit: 1 })
