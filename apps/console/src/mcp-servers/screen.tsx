import { Button } from '@mantine/core'
import type { McpServer } from '@outlast/sdk'
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { mcpServersQuery } from '../queries/mcp-servers.ts'
import { useMay } from '../queries/me.ts'
import { List, type ListColumn } from '../shell/list/list.tsx'
import type { Sortable } from '../shell/list/sort.ts'
import { Empty, Screen } from '../shell/screen/screen.tsx'
import { ServerEntry, serverState } from './server-entry.tsx'
import { ServerForm } from './server-form.tsx'

const columns: ListColumn[] = [
  { id: 'name', head: 'Server', width: 'minmax(140px, 1.2fr)', sort: 'asc' },
  { id: 'status', head: 'Status', width: '108px', sort: 'asc' },
  {
    id: 'url',
    head: 'URL',
    width: 'minmax(0, 1.6fr)',
    sort: 'asc',
    from: 'medium',
    isSecond: true,
  },
  { id: 'description', head: 'Description', width: 'minmax(0, 1fr)', from: 'wide' },
  { id: 'credentials', head: 'Credentials', width: '104px', from: 'medium' },
  { id: 'tools', head: 'Tools', width: '52px', sort: 'desc', isRight: true, from: 'medium' },
  { id: 'listed', head: 'Listed', width: '104px', sort: 'desc', isRight: true, from: 'wide' },
  { id: 'actions', head: '', width: '96px', isRight: true },
]

const sort: Sortable<McpServer> = {
  name: ({ name }) => name,
  status: (server) => serverState(server)[1],
  url: ({ url }) => url,
  tools: ({ tool_count }) => tool_count,
  listed: ({ tools_listed_at }) => tools_listed_at,
}

/** All MCP servers of the organization, newest first. */
export function McpServersScreen() {
  const { new: isNew } = useSearch({ from: '/mcp-servers' })
  const navigate = useNavigate({ from: '/mcp-servers' })
  const mayChange = useMay('admin')
  const servers = useQuery(mcpServersQuery)
  const open = (isOpen: boolean) =>
    navigate({ search: (before) => ({ ...before, new: isOpen || undefined }) })
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
      <div className="scroll">
        <List
          label="MCP servers"
          columns={columns}
          query={servers}
          items={servers.data ?? []}
          sort={sort}
          empty={
            <Empty title="No MCP servers yet">
              An MCP server provides tools to your agents over HTTP. Add its URL, test it, then add
              it to an agent as a capability.
              {mayChange && (
                <div>
                  <Button size="xs" mt="sm" onClick={() => open(true)}>
                    Add MCP server
                  </Button>
                </div>
              )}
            </Empty>
          }
          row={(one) => <ServerEntry key={one.id} server={one} />}
        />
      </div>
    </Screen>
  )
}
