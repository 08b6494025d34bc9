import type { Execution } from '@outlast/sdk'
import { queryOptions } from '@tanstack/react-query'
import { outlast } from '../client.ts'
import { allOf } from './all-items.ts'
import { scheduleKeys } from './keys.ts'

/** All schedules, newest first. */
export const schedulesQuery = queryOptions({
  queryKey: scheduleKeys.lists,
  queryFn: ({ signal }) => allOf(outlast.schedules.list({}, { signal })),
  // Runs change with their sessions, without a change of the schedule.
  refetchInterval: 10_000,
})

export const scheduleQuery = (id: string) =>
  queryOptions({
    queryKey: scheduleKeys.one(id),
    queryFn: ({ signal }) => outlast.schedules.get(id, { signal }),
    refetchInterval: 10_000,
  })

type ExecutionFilter = { status: Execution['status'] | undefined; limit: number }

export const executionsQuery = (id: string, { status, limit }: ExecutionFilter) =>
  queryOptions({
    queryKey: [...scheduleKeys.one(id), 'executions', status],
    queryFn: async ({ signal }) =>
      await outlast.schedules.listExecutions(id, { limit, ...(status && { status }) }, { signal }),
    refetchInterval: 3_000,
  })

export const scheduleStatsQuery = (id: string) =>
  queryOptions({
    queryKey: [...scheduleKeys.one(id), 'stats'],
    queryFn: ({ signal }) => outlast.schedules.getStats(id, { signal }),
    refetchInterval: 5_000,
  })
