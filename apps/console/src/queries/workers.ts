import { keepPreviousData, queryOptions } from '@tanstack/react-query'
import { outlast } from '../client.ts'
import { workerKeys } from './keys.ts'

const everyMs = 3_000
const everySlowMs = 30_000

export const workersQuery = queryOptions({
  queryKey: workerKeys.lists,
  queryFn: async ({ signal }) => (await outlast.workers.list({}, { signal })).data,
  refetchInterval: ({ state }) => (state.error ? false : everyMs),
})

/** The current health of the queue and the nodes. */
export const queueHealthQuery = queryOptions({
  queryKey: [...workerKeys.all, 'health'],
  queryFn: async ({ signal }) => await outlast.workers.getHealth({ signal }),
  refetchInterval: everyMs,
})

/** Turn statistics of all nodes. The last hour is refreshed every 3 s. */
export const turnHistoryQuery = (minutes: number) =>
  queryOptions({
    queryKey: [...workerKeys.all, 'history', minutes],
    queryFn: async ({ signal }) => await outlast.workers.getHistory({ minutes }, { signal }),
    placeholderData: keepPreviousData,
    refetchInterval: minutes === 60 ? everyMs : everySlowMs,
  })
