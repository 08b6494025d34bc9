import { queryOptions } from '@tanstack/react-query'
import { outlast } from '../client.ts'
import { allOf } from './all-items.ts'
import { capabilityKeys } from './keys.ts'

/** All capabilities, including those of MCP servers. */
export const capabilitiesQuery = queryOptions({
  queryKey: capabilityKeys.lists,
  queryFn: async ({ signal }) => ({ data: await allOf(outlast.capabilities.list({}, { signal })) }),
})
