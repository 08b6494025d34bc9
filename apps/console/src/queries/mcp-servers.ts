import { queryOptions } from '@tanstack/react-query'
import { invalidate, outlast } from '../client.ts'
import { capabilityKeys, mcpServerKeys } from './keys.ts'

/** Every MCP server of the organization, the newest first. */
export const mcpServersQuery = queryOptions({
  queryKey: mcpServerKeys.lists,
  queryFn: async ({ signal }) => (await outlast.mcpServers.list({}, { signal })).data,
})

/** After a change of a server: its tools are capabilities. */
export const mcpServersChanged = () => invalidate(mcpServerKeys.all, capabilityKeys.all)
