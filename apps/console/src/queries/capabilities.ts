import { queryOptions } from '@tanstack/react-query'
import { outlast } from '../client.ts'
import { capabilityKeys } from './keys.ts'

/** All capabilities, including those of MCP servers. */
export const capabilitiesQuery = queryOptions({
  queryKey: capabilityKeys.lists,
  queryFn: async ({ signal }) => await outlast.capabilities.list({}, { signal }),
})
