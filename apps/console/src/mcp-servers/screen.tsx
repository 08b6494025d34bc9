import { Button } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { mcpServersQuery } from '../queries/mcp-servers.ts'
import { useMay } from '../queries/me.ts'
import { Empty, Failure, Screen } from '../shell/screen.tsx'
import { ServerEntry } from './server-entry.tsx'
import { ServerForm } from './server-form.tsx'

/** All MCP servers of the organization, newest first. */
export function McpServersScreen() {
  const { new: isNew } = useSearch({ from: '/mcp-servers' })
  const navigate = useNavigate({ from: '/mcp-servers' })
  const mayChange = useMay('admin')
  const servers = useQuery(mcpServersQuery)
  const open = (isOpen: boolean) => navigate({ search: { new: isOpen || undefined } })
  return (
    <Screen
      title="MCP servers"
      actions={
        mayChange && (
          <Button size="xs" onClick={() => open(true)}>
            Add server
          </Button>
        )
      }
    >
      {isNew && <ServerForm close={() => open(false)} />}
      {servers.isError && <Failure error={servers.error} retry={servers.refetch} />}
      {servers.data?.length === 0 && (
        <Empty title="No MCP servers yet">
          An MCP server provides tools to your agents over HTTP. Add its URL, test it, then add it
          to an agent as a capability.
        </Empty>
      )}
      <ul className="entries scroll" aria-label="MCP servers">
        {servers.data?.map((one) => (
          <ServerEntry key={one.id} server={one} />
        ))}
      </ul>
    </Screen>
  )
}
