import { Group } from '@mantine/core'
import type { Workflow } from '@outlast/sdk'
import { useMutation, useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { invalidate, outlast } from '../client.ts'
import { useAgentChoices, useAgentNames } from '../queries/agents.ts'
import { workflowKeys } from '../queries/keys.ts'
import { useMay } from '../queries/me.ts'
import { workflowsQuery } from '../queries/workflows.ts'
import { workflowStatuses } from '../search.ts'
import { ActButton, AskButton } from '../shell/controls/act-button.tsx'
import { Refusal } from '../shell/controls/confirm.tsx'
import { ClearFilters } from '../shell/list/clear-filters.tsx'
import { FilterSelect } from '../shell/list/filter-select.tsx'
import { List, type ListColumn, ListRow } from '../shell/list/list.tsx'
import { Empty } from '../shell/screen/screen.tsx'
import { State, type StateKind } from '../shell/screen/state.tsx'
import { Ago } from '../shell/text/ago.tsx'
import { Named } from '../shell/text/identity.tsx'
import { showToast } from '../shell/toasts/toasts.ts'

const kinds: Record<Workflow['status'], StateKind> = {
  queued: 'off',
  running: 'busy',
  waiting: 'warn',
  failed: 'bad',
}
const shownMax = 100

/** Turns that are queued, running, waiting or failed. */
export function Turns() {
  const { status, agent } = useSearch({ from: '/operations' })
  const navigate = useNavigate({ from: '/operations' })
  const turns = useQuery(
    workflowsQuery({
      limit: shownMax,
      ...(status && { status }),
      ...(agent && { agent_id: agent }),
    }),
  )
  return (
    <>
      <Group className="filter-bar" gap="xs" role="search">
        <FilterSelect
          label="Status"
          any="Any status"
          data={workflowStatuses}
          value={status}
          onChange={(value) => navigate({ search: (before) => ({ ...before, status: value }) })}
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
      <div className="scroll">
        <List
          label="Turns"
          columns={columns}
          query={turns}
          items={turns.data?.data ?? []}
          empty={
            <Empty title={status || agent ? 'No turns match' : 'No open turns'}>
              Queued, running, waiting and failed turns appear here. Completed turns are in their
              sessions.
              {(status || agent) && <ClearFilters />}
            </Empty>
          }
          row={(one) => <TurnRow key={one.turn_id} turn={one} />}
        />
        {turns.data && turns.data.total > shownMax && (
          <p className="filter-bar">
            Showing {shownMax} of {turns.data.total_capped ? 'more than ' : ''}
            {turns.data.total} turns.
          </p>
        )}
      </div>
    </>
  )
}

const columns: ListColumn[] = [
  { id: 'agent', head: 'Agent', width: 'minmax(120px, 0.8fr)' },
  { id: 'status', head: 'Status', width: '92px' },
  { id: 'error', head: 'Error', width: 'minmax(0, 1.6fr)', from: 'medium', isSecond: true },
  { id: 'node', head: 'Node', width: '96px', from: 'wide' },
  { id: 'turn', head: 'Turn', width: '112px', from: 'wide' },
  { id: 'attempts', head: 'Attempts', width: '60px', isRight: true, from: 'wide' },
  { id: 'since', head: 'Since', width: '104px', isRight: true, from: 'medium' },
  { id: 'actions', head: '', width: '80px', isRight: true },
]

function TurnRow({ turn }: { turn: Workflow }) {
  const { turn_id, session_id, agent_id, status, since, node, attempts, cancelled, error } = turn
  const names = useAgentNames()
  return (
    <ListRow label={`Turn ${turn_id}`}>
      <Link to="/sessions/$sessionId" params={{ sessionId: session_id }} className="list-link">
        <Named name={names.get(agent_id) ?? agent_id} />
      </Link>
      <State kind={kinds[status]}>{cancelled ? 'canceling' : status}</State>
      <span title={error ?? undefined}>{error}</span>
      <span className="list-dim">{node}</span>
      <code className="list-dim" title={turn_id}>
        {turn_id}
      </code>
      <span className="list-dim">{attempts}</span>
      <span className="list-dim">
        <Ago at={since} />
      </span>
      <div className="list-actions">
        <Acts turn={turn} />
      </div>
    </ListRow>
  )
}

function Acts({ turn: { turn_id, status, cancelled, retried_as } }: { turn: Workflow }) {
  const mayWrite = useMay('member')
  const refresh = () => invalidate(workflowKeys.all)
  const retry = useMutation({
    mutationFn: () => outlast.workflows.retry(turn_id),
    onSuccess() {
      refresh()
      showToast('Turn retried')
    },
  })
  if (!mayWrite) return null
  if (status === 'failed') {
    return retried_as ? (
      <State kind="off">retried</State>
    ) : (
      <>
        <ActButton act={retry}>Retry</ActButton>
        {retry.isError && <Refusal error={retry.error} />}
      </>
    )
  }
  return (
    <AskButton
      label="Cancel"
      disabled={cancelled}
      title="Cancel this turn?"
      verb="Cancel turn"
      done="Turn canceled"
      keep="Keep running"
      act={async () => {
        await outlast.workflows.cancel(turn_id)
        refresh()
      }}
    >
      Results so far stay in the session.
    </AskButton>
  )
}
