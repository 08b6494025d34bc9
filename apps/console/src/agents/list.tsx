import './agents.css'
import { Badge, Button, Group, Text } from '@mantine/core'
import type { Agent } from '@outlast/sdk'
import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { useVirtualizer } from '@tanstack/react-virtual'
import { useRef } from 'react'
import { agentsQuery } from '../queries/agents.ts'
import { Ago } from '../shell/ago.tsx'
import { Empty, Failure, Screen } from '../shell/screen.tsx'
import { Words } from '../shell/words.tsx'
import { isAgentFound } from './found.ts'
import { ImportAgent } from './import-agent.tsx'

/** All agents, newest first. */
export function AgentList() {
  const { search = '', importing = false } = useSearch({ from: '/agents' })
  const navigate = useNavigate({ from: '/agents' })
  const agents = useQuery(agentsQuery)
  const all = agents.data?.data ?? []
  const found = all.filter((agent) => isAgentFound(agent, search.toLowerCase()))
  const open = (isOpen: boolean) =>
    navigate({ search: (before) => ({ ...before, importing: isOpen || undefined }), replace: true })
  return (
    <Screen
      title="Agents"
      actions={
        <>
          <Button size="xs" variant="default" onClick={() => open(true)}>
            Import agent
          </Button>
          <Button size="xs" renderRoot={(props) => <Link to="/agents/new" {...props} />}>
            New agent
          </Button>
        </>
      }
    >
      {importing && <ImportAgent close={() => open(false)} />}
      <Group className="filters" role="search">
        <Words
          label="Search"
          placeholder="Search names, descriptions and tags"
          value={search}
          onChange={(text) =>
            navigate({ search: (before) => ({ ...before, search: text }), replace: true })
          }
          className="wide"
        />
      </Group>
      {agents.isError && <Failure error={agents.error} retry={agents.refetch} />}
      {agents.isSuccess && found.length === 0 && (
        <Empty title={all.length === 0 ? 'No agents yet' : 'No agents match'}>
          {all.length === 0
            ? 'An agent has a prompt, a model and capabilities. Create one, or import a file.'
            : 'Change or clear the search text.'}
        </Empty>
      )}
      <Rows agents={found} />
    </Screen>
  )
}

const rowHeight = 60

function Rows({ agents }: { agents: readonly Agent[] }) {
  const box = useRef<HTMLDivElement>(null)
  const virtual = useVirtualizer({
    count: agents.length,
    getScrollElement: () => box.current,
    estimateSize: () => rowHeight,
    overscan: 10,
  })
  return (
    <div ref={box} className="scroll">
      <ul className="agent-rows" aria-label="Agents" style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map(({ index, start }) => {
          const agent = agents[index]!
          return (
            <li key={agent.id} style={{ transform: `translateY(${start}px)` }}>
              <Row agent={agent} />
            </li>
          )
        })}
      </ul>
    </div>
  )
}

function Row({
  agent: { id, name, description, tags, capabilities, source_file, updated_at },
}: {
  agent: Agent
}) {
  return (
    <Link to="/agents/$agentId" params={{ agentId: id }} className="agent-row">
      <span className="agent-name">
        <Text span size="sm" fw={500} truncate>
          {name}
        </Text>
        {tags.slice(0, 3).map((tag) => (
          <Badge key={tag} size="xs" variant="default">
            {tag}
          </Badge>
        ))}
      </span>
      <Text span size="xs" c="dimmed" className="agent-when">
        <Ago at={updated_at} />
      </Text>
      <Text span size="xs" c="dimmed" truncate className="agent-about">
        {source_file && <FileLabel file={source_file} />}
        {description ?? id}
      </Text>
      <Text span size="xs" c="dimmed" className="agent-can">
        {countOf(capabilities.length)}
      </Text>
    </Link>
  )
}

const FileLabel = ({ file }: { file: string }) => (
  <>
    <span>from {file}</span>
    {' · '}
  </>
)

const countOf = (count: number) =>
  count === 0 ? 'No capabilities' : count === 1 ? '1 capability' : `${count} capabilities`
