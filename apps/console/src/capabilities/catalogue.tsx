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
import { FilterSelect } from '../shell/filter-select.tsx'
import { Empty, Failure, Screen } from '../shell/screen.tsx'
import { Words } from '../shell/words.tsx'
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
        <Words
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
      {all.isError && <Failure error={all.error} retry={all.refetch} />}
      <div className="scroll">
        {all.isSuccess && found.length === 0 && (
          <Empty title="No capabilities match">Change or clear the filters.</Empty>
        )}
        {found.map((one) => (
          <Entry
            key={one.id}
            capability={one}
            isOpen={one.id === open}
            toggle={(isOpen) => set({ open: isOpen ? one.id : undefined })}
          />
        ))}
      </div>
    </Screen>
  )
}

type EntryProps = {
  capability: CapabilityInfo
  isOpen: boolean
  toggle: (isOpen: boolean) => void
}

const statusWords = { available: '', coming_soon: 'Coming soon', deprecated: 'Deprecated' }

function Entry({ capability, isOpen, toggle }: EntryProps) {
  const { id, name, description, status, category, is_mcp, tool_definitions = [] } = capability
  return (
    <section className="capability" aria-label={name}>
      <button
        type="button"
        className="capability-head"
        aria-expanded={isOpen}
        onClick={() => toggle(!isOpen)}
      >
        <span className="capability-name">
          <Text span fw={500} size="sm">
            {name}
          </Text>
          <Text span size="xs" c="dimmed" ff="monospace">
            {id}
          </Text>
          {statusWords[status] && (
            <Badge size="xs" color="gray" variant="light">
              {statusWords[status]}
            </Badge>
          )}
        </span>
        <Text span size="xs" c="dimmed" className="capability-category">
          {is_mcp ? 'MCP' : category}
        </Text>
        <Text span c="dimmed" className="capability-about">
          {description}
        </Text>
        <Text span size="xs" c="dimmed" className="capability-count">
          {countOf(tool_definitions.length)}
        </Text>
      </button>
      {isOpen && <Opened capability={capability} />}
    </section>
  )
}

const countOf = (count: number) =>
  count === 0 ? 'No tools' : count === 1 ? '1 tool' : `${count} tools`

function Opened({ capability }: { capability: CapabilityInfo }) {
  const { id, system_prompt, tool_definitions = [], config_schema, dependencies = [] } = capability
  return (
    <div className="capability-body">
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
