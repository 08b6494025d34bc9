import '../agents/agents.css'
import { Badge, Button, Group, Menu, Text } from '@mantine/core'
import type { Agent, CapabilityInfo } from '@outlast/sdk'
import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { isCapabilityFound } from '../agents/found.ts'
import type { Schema } from '../agents/schema.ts'
import { agentsQuery } from '../queries/agents.ts'
import { capabilitiesQuery } from '../queries/capabilities.ts'
import type { CapabilitiesSearch } from '../search.ts'
import { ClearFilters } from '../shell/list/clear-filters.tsx'
import { FilterSelect } from '../shell/list/filter-select.tsx'
import { List, type ListColumn, ListRow } from '../shell/list/list.tsx'
import type { Sortable } from '../shell/list/sort.ts'
import { TextFilter } from '../shell/list/text-filter.tsx'
import { Empty, Screen } from '../shell/screen/screen.tsx'
import { Named } from '../shell/text/identity.tsx'
import { SchemaTable } from './schema-table.tsx'
import { ToolDetails } from './tool.tsx'

/** The capability catalog. Filters and the open entry are in the URL. */
export function Catalogue() {
  const { search = '', category, open } = useSearch({ from: '/capabilities' })
  const navigate = useNavigate({ from: '/capabilities' })
  const set = (change: CapabilitiesSearch) =>
    navigate({ search: (before) => ({ ...before, ...change }), replace: true })
  const all = useQuery(capabilitiesQuery)
  const known = all.data?.data ?? []
  const categories = [...new Set(known.flatMap((one) => one.category ?? []))].sort()
  const found = known.filter(
    (one) =>
      isCapabilityFound(one, search.toLowerCase()) && (!category || one.category === category),
  )
  return (
    <Screen title="Capabilities">
      <Group className="filters" gap="xs" role="search">
        <TextFilter
          label="Search"
          placeholder="Search names, descriptions and tools"
          value={search}
          onChange={(text) => set({ search: text })}
          className="wide"
        />
        <FilterSelect
          label="Category"
          any="Any category"
          data={categories}
          value={category}
          onChange={(value) => set({ category: value })}
          w={160}
        />
      </Group>
      <div className="scroll">
        <List
          label="Capabilities"
          columns={columns}
          query={all}
          items={found}
          sort={sort}
          empty={
            <Empty title="No capabilities match">
              <ClearFilters />
            </Empty>
          }
          row={(one) => (
            <CapabilityRow
              key={one.id}
              capability={one}
              isOpen={one.id === open}
              toggle={(isOpen) => set({ open: isOpen ? one.id : undefined })}
            />
          )}
        />
      </div>
    </Screen>
  )
}

const columns: ListColumn[] = [
  { id: 'name', head: 'Capability', width: 'minmax(200px, 1.2fr)', sort: 'asc' },
  { id: 'category', head: 'Category', width: '120px', sort: 'asc', from: 'medium' },
  {
    id: 'description',
    head: 'Description',
    width: 'minmax(0, 2fr)',
    from: 'medium',
    isSecond: true,
  },
  { id: 'tools', head: 'Tools', width: '56px', sort: 'desc', isRight: true },
]

const sort: Sortable<CapabilityInfo> = {
  name: ({ name }) => name,
  category: ({ is_mcp, category }) => (is_mcp ? 'MCP' : category),
  tools: ({ tool_definitions = [] }) => tool_definitions.length,
}

type RowProps = {
  capability: CapabilityInfo
  isOpen: boolean
  toggle: (isOpen: boolean) => void
}

const statusWords = { available: '', coming_soon: 'Coming soon', deprecated: 'Deprecated' }

function CapabilityRow({ capability, isOpen, toggle }: RowProps) {
  const { id, name, description, status, category, is_mcp, tool_definitions = [] } = capability
  return (
    <ListRow label={name} more={isOpen && <Opened capability={capability} />}>
      <div className="list-pair">
        <button
          type="button"
          className="list-link"
          aria-expanded={isOpen}
          title={id}
          onClick={() => toggle(!isOpen)}
        >
          <Named name={name} icon={is_mcp ? 'plug' : 'capability'} />
        </button>
        {statusWords[status] && (
          <Badge size="xs" color="gray" variant="light">
            {statusWords[status]}
          </Badge>
        )}
      </div>
      <span className="list-dim">{is_mcp ? 'MCP' : category}</span>
      <span title={description}>{description}</span>
      <span className="list-dim">{tool_definitions.length}</span>
    </ListRow>
  )
}

function Opened({ capability }: { capability: CapabilityInfo }) {
  const { id, system_prompt, tool_definitions = [], config_schema, dependencies = [] } = capability
  return (
    <div className="capability-body">
      <Text size="sm">{capability.description}</Text>
      <Text size="xs" c="dimmed" ff="monospace">
        {id}
      </Text>
      {capability.status === 'available' && <UseInAgent id={id} />}
      {dependencies.length > 0 && <Text size="sm">Also adds {dependencies.join(', ')}.</Text>}
      {tool_definitions.length > 0 && <h2>Tools</h2>}
      {tool_definitions.map((tool) => (
        <ToolDetails key={tool.name} tool={tool} />
      ))}
      <h2>Configuration</h2>
      <SchemaTable schema={(config_schema ?? {}) as Schema} empty="No settings" />
      {system_prompt && (
        <details>
          <summary>Prompt text</summary>
          <pre className="prompt">{system_prompt}</pre>
        </details>
      )}
    </div>
  )
}

const offeredMax = 50

/** The agents that the console can change. */
const editableOf = ({ data }: { data: Agent[] }) => data.filter(({ source }) => source === 'api')

function UseInAgent({ id }: { id: string }) {
  const agents = useQuery({ ...agentsQuery, select: editableOf })
  return (
    <Menu position="bottom-start">
      <Menu.Target>
        <Button size="xs" variant="light">
          Add to agent
        </Button>
      </Menu.Target>
      <Menu.Dropdown className="long-menu">
        <Menu.Item
          renderRoot={(props) => <Link to="/agents/new" search={{ add: id }} {...props} />}
        >
          New agent
        </Menu.Item>
        <Menu.Divider />
        {agents.data?.slice(0, offeredMax).map((agent) => (
          <Menu.Item
            key={agent.id}
            renderRoot={(props) => (
              <Link
                to="/agents/$agentId"
                params={{ agentId: agent.id }}
                search={{ add: id }}
                {...props}
              />
            )}
          >
            {agent.name}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  )
}
