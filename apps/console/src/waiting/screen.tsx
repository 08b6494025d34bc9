import './waiting.css'
import { Button, Group } from '@mantine/core'
import type { WaitingItem } from '@outlast/sdk'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { useAgentChoices } from '../queries/agents.ts'
import { meQuery, useMay } from '../queries/me.ts'
import { waitingQuery } from '../queries/waiting.ts'
import { Keeping } from '../sessions/parts/kept.tsx'
import { ClearFilters } from '../shell/list/clear-filters.tsx'
import { FilterSelect } from '../shell/list/filter-select.tsx'
import { List, type ListColumn } from '../shell/list/list.tsx'
import { Empty, Failure, Screen } from '../shell/screen/screen.tsx'
import { Skeleton } from '../shell/screen/skeleton.tsx'
import { WaitingEntry } from './item.tsx'
import { NotificationSwitch } from './notification-switch.tsx'
import { typeWords } from './words.ts'

const shownMax = 50

/** What waits for a person in all sessions, the longest wait first. Answered in place. */
export function WaitingScreen() {
  const me = useQuery(meQuery)
  const mayAnswer = useMay('member')
  return (
    <Screen title="Waiting" actions={mayAnswer && <NotificationSwitch />}>
      {me.data === undefined ? (
        me.error ? (
          <Failure error={me.error} retry={me.refetch} />
        ) : (
          <Skeleton />
        )
      ) : mayAnswer ? (
        <Keeping>
          <WaitingList />
        </Keeping>
      ) : (
        <Empty title="Only members answer">
          Approvals and questions of all sessions appear here for members and administrators.
        </Empty>
      )}
    </Screen>
  )
}

function WaitingList() {
  const { type, agent } = useSearch({ from: '/waiting' })
  const query = { limit: shownMax, ...(type && { type }), ...(agent && { agent_id: agent }) }
  const page = useQuery({ ...waitingQuery(query), placeholderData: keepPreviousData })
  const isFiltered = type !== undefined || agent !== undefined
  return (
    <>
      <Filters counts={page.data?.counts} />
      <div className="scroll">
        <List
          label="Waiting"
          columns={columns}
          query={page}
          items={page.data?.data ?? []}
          empty={
            <Empty title={isFiltered ? 'No entries match' : 'Nothing is waiting'}>
              Tool calls that need approval, questions of agents, budgets that are used up and MCP
              servers that reject their key appear here.
              {isFiltered ? (
                <ClearFilters />
              ) : (
                <div>
                  <Button
                    size="xs"
                    variant="default"
                    mt="sm"
                    renderRoot={(props) => <Link to="/" {...props} />}
                  >
                    View sessions
                  </Button>
                </div>
              )}
            </Empty>
          }
          row={(item) => <WaitingEntry key={item.id} item={item} />}
        />
        {page.data && page.data.total > page.data.data.length && (
          <p className="filter-bar">
            Showing {page.data.data.length} of {page.data.total_capped ? 'more than ' : ''}
            {page.data.total} entries.
          </p>
        )}
      </div>
    </>
  )
}

const columns: ListColumn[] = [
  { id: 'session', head: 'Session', width: 'minmax(160px, 1.4fr)' },
  { id: 'waits-for', head: 'Waits for', width: '132px' },
  { id: 'agent', head: 'Agent', width: 'minmax(120px, 0.8fr)', from: 'medium' },
  { id: 'user', head: 'User', width: 'minmax(80px, 0.6fr)', from: 'wide' },
  { id: 'since', head: 'Since', width: '112px', isRight: true, from: 'medium' },
]

const types = Object.keys(typeWords) as WaitingItem['type'][]

function Filters({ counts }: { counts: Record<WaitingItem['type'], number> | undefined }) {
  const { type, agent } = useSearch({ from: '/waiting' })
  const navigate = useNavigate({ from: '/waiting' })
  const choices = types.map((value) => ({
    value,
    label: counts ? `${typeWords[value].plural} (${counts[value]})` : typeWords[value].plural,
  }))
  return (
    <Group className="filter-bar" gap="xs" role="search">
      <FilterSelect
        label="Type"
        any="Any type"
        data={choices}
        value={type}
        onChange={(value) => navigate({ search: (before) => ({ ...before, type: value }) })}
      />
      <FilterSelect
        label="Agent"
        any="Any agent"
        searchable
        limit={200}
        data={useAgentChoices()}
        value={agent}
        onChange={(value) => navigate({ search: (before) => ({ ...before, agent: value }) })}
      />
    </Group>
  )
}
