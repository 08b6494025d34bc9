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
import { ActButton, AskButton } from '../shell/act-button.tsx'
import { Ago } from '../shell/ago.tsx'
import { Refusal } from '../shell/confirm.tsx'
import { Entry, State, type StateKind } from '../shell/entry.tsx'
import { FilterSelect } from '../shell/filter-select.tsx'
import { Empty, Failure } from '../shell/screen.tsx'

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
      {turns.isError && <Failure error={turns.error} retry={turns.refetch} />}
      <div className="scroll">
        {turns.data?.data.length === 0 && (
          <Empty title={status || agent ? 'No turns match' : 'No open turns'}>
            Queued, running, waiting and failed turns appear here. Completed turns are in their
            sessions.
          </Empty>
        )}
        <ul className="entries" aria-label="Turns">
          {turns.data?.data.map((one) => (
            <Turn key={one.turn_id} turn={one} />
          ))}
        </ul>
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

function Turn({ turn }: { turn: Workflow }) {
  const { turn_id, session_id, agent_id, status, since, node, attempts, cancelled, error } = turn
  const names = useAgentNames()
  return (
    <Entry
      label={`Turn ${turn_id}`}
      name={
        <>
          <Link to="/sessions/$sessionId" params={{ sessionId: session_id }}>
            {names.get(agent_id) ?? agent_id}
          </Link>
          <State kind={kinds[status]}>{cancelled ? 'canceling' : status}</State>
        </>
      }
      about={
        <>
          <Ago at={since} />
          {node && ` · on ${node}`}
          {attempts > 1 && ` · ${attempts} attempts`} · <code>{turn_id}</code>
          {error && <div>{error}</div>}
        </>
      }
      side={<Acts turn={turn} />}
    />
  )
}

function Acts({ turn: { turn_id, status, cancelled, retried_as } }: { turn: Workflow }) {
  const mayWrite = useMay('member')
  const refresh = () => invalidate(workflowKeys.all)
  const retry = useMutation({
    mutationFn: () => outlast.workflows.retry(turn_id),
    onSuccess: refresh,
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
