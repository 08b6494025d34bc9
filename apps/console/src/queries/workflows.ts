import type { WorkflowQuery } from '@outlast/sdk'
import { queryOptions } from '@tanstack/react-query'
import { outlast } from '../client.ts'
import { workflowKeys } from './keys.ts'

/** Turns that are queued, running, waiting or failed. */
export const workflowsQuery = (query: WorkflowQuery) =>
  queryOptions({
    queryKey: [...workflowKeys.lists, query],
    queryFn: async ({ signal }) => await outlast.workflows.list(query, { signal }),
    refetchInterval: 3_000,
  })
