import './agents.css'
import { Badge, Button, Group } from '@mantine/core'
import type { Agent } from '@outlast/sdk'
import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { useMemo } from 'react'
import { agentsQuery } from '../queries/agents.ts'
import { useModelNames } from '../queries/models.ts'
import { List, type ListColumn, ListRow, type RowPlace } from '../shell/list/list.tsx'
import { LongRows } from '../shell/list/long-rows.tsx'
import type { Sortable } from '../shell/list/sort.ts'
import { TextFilter } from '../shell/list/text-filter.tsx'
import { Empty, Screen } from '../shell/screen/screen.tsx'
import { Ago } from '../shell/text/ago.tsx'
import { Named } from '../shell/text/identity.tsx'
import { isAgentFound } from './found.ts'
import { ImportAgent } from './import-agent.tsx'

/** Values of the sortable columns. */
const valuesOf = (models: ReadonlyMap<string, string>): Sortable<Agent> => ({
  name: ({ name }) => name,
  model: ({ default_model_id }) => models.get(default_model_id ?? ''),
  capabilities: ({ capabilities }) => capabilities.length,
  updated: ({ updated_at }) => updated_at,
})

/** All agents, newest first or in the order of a column. */
export function AgentList() {
  const { search = '', importing = false } = useSearch({ from: '/agents' })
  const navigate = useNavigate({ from: '/agents' })
  const agents = useQuery(agentsQuery)
  const all = agents.data?.data ?? []
  const found = all.filter((agent) => isAgentFound(agent, search.toLowerCase()))
  const models = useModelNames()
  const sort = useMemo(() => valuesOf(models), [models])
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
        <TextFilter
          label="Search"
          placeholder="Search names, descriptions and tags"
          value={search}
          onChange={(text) =>
            navigate({ search: (before) => ({ ...before, search: text }), replace: true })
          }
          className="wide"
        />
      </Group>
      <List
        label="Agents"
        columns={columns}
        query={agents}
        items={found}
        sort={sort}
        Rows={LongRows}
        empty={<NoAgents isFiltered={all.length > 0} />}
        row={(agent, place) => (
          <AgentRow
            key={agent.id}
            agent={agent}
            model={models.get(agent.default_model_id ?? '')}
            place={place}
          />
        )}
      />
    </Screen>
  )
}

const columns: ListColumn[] = [
  { id: 'name', head: 'Agent', width: 'minmax(160px, 1.3fr)', sort: 'asc' },
  { id: 'description', head: 'Description', width: 'minmax(0, 2fr)', from: 'wide', isSecond: true },
  { id: 'model', head: 'Model', width: 'minmax(120px, 0.9fr)', sort: 'asc', from: 'medium' },
  {
    id: 'capabilities',
    head: 'Capabilities',
    width: '92px',
    sort: 'desc',
    isRight: true,
    from: 'medium',
  },
  { id: 'updated', head: 'Updated', width: '112px', sort: 'desc', isRight: true },
]

const NoAgents = ({ isFiltered }: { isFiltered: boolean }) =>
  isFiltered ? (
    <Empty title="No agents match">
      <Button size="xs" variant="default" renderRoot={(props) => <Link to="/agents" {...props} />}>
        Clear search
      </Button>
    </Empty>
  ) : (
    <Empty title="No agents yet">
      An agent has a prompt, a model and capabilities. Create one, or import a file.
      <div>
        <Button size="xs" mt="sm" renderRoot={(props) => <Link to="/agents/new" {...props} />}>
          Create agent
        </Button>
      </div>
    </Empty>
  )

type RowProps = { agent: Agent; model: string | undefined; place: RowPlace | undefined }

function AgentRow({ agent, model, place }: RowProps) {
  const { id, name, description, tags, capabilities, source_file, updated_at } = agent
  return (
    <ListRow label={name} place={place}>
      <div className="list-pair">
        <Link to="/agents/$agentId" params={{ agentId: id }} className="list-link">
          <Named name={name} />
        </Link>
        {tags.slice(0, 3).map((tag) => (
          <Badge key={tag} size="xs" variant="default">
            {tag}
          </Badge>
        ))}
      </div>
      <span className="list-dim" title={description}>
        {source_file && (
          <>
            <span>from {source_file}</span>
            {' · '}
          </>
        )}
        {description ?? id}
      </span>
      {model ? <Named name={model} icon="model" /> : <span className="list-dim">Default</span>}
      <span className="list-dim">{capabilities.length}</span>
      <span className="list-dim">
        <Ago at={updated_at} />
      </span>
    </ListRow>
  )
}
