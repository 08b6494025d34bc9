import { queryOptions } from '@tanstack/react-query'
import { outlast } from '../client.ts'
import { capabilityKeys } from './keys.ts'

/** Everything that agents can be given, tools of MCP servers too. */
export const capabilitiesQuery = queryOptions({
  queryKey: capabilityKeys.lists,
  queryFn: async ({ signal }) => await outlast.capabilities.list({}, { signal }),
})
