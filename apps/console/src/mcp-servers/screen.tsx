import { Button } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { mcpServersQuery } from '../queries/mcp-servers.ts'
import { useMay } from '../queries/me.ts'
import { Empty, Failure, Screen } from '../shell/screen.tsx'
import { ServerEntry } from './server-entry.tsx'
import { ServerForm } from './server-form.tsx'

/** Every MCP server of the organization, the newest first. */
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
            Add a server
          </Button>
        )
      }
    >
      {isNew && <ServerForm close={() => open(false)} />}
      {servers.isError && <Failure error={servers.error} retry={servers.refetch} />}
      {servers.data?.length === 0 && (
        <Empty title="There is no MCP server yet.">
          A server that speaks the Model Context Protocol over HTTP gives its tools to your agents.
          Add its address, test it, then choose it among the capabilities of an agent.
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
