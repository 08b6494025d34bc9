import { queryOptions } from '@tanstack/react-query'
import { outlast } from '../client.ts'

/** The version and state of the server. */
export const healthQuery = queryOptions({
  queryKey: ['health'],
  queryFn: async ({ signal }) => await outlast.health.get({ signal }),
})
