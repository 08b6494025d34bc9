import { queryOptions } from '@tanstack/react-query'
import { invalidate, outlast } from '../client.ts'
import { allOf } from './all-items.ts'
import { capabilityKeys, mcpServerKeys } from './keys.ts'

/** All MCP servers of the organization, newest first. */
export const mcpServersQuery = queryOptions({
  queryKey: mcpServerKeys.lists,
  queryFn: ({ signal }) => allOf(outlast.mcpServers.list({}, { signal })),
})

/** Invalidates queries after a server changed. Its tools are capabilities. */
export const mcpServersChanged = () => invalidate(mcpServerKeys.all, capabilityKeys.all)
