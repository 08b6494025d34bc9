import { Button, Group, Select } from '@mantine/core'
import type { Workflow } from '@outlast/sdk'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import { agentsQuery, useAgentNames } from '../agents/agents-query.ts'
import { outlast } from '../client.ts'
import { useMay } from '../login/me.ts'
import { Ago } from '../shell/ago.tsx'
import { Confirm, Refusal } from '../shell/confirm.tsx'
import { Entry, State, type StateKind } from '../shell/entry.tsx'
import { Empty, Failure } from '../shell/screen.tsx'

const statuses = ['queued', 'running', 'waiting', 'failed'] as const
const kinds: Record<Workflow['status'], StateKind> = {
  queued: 'off',
  running: 'busy',
  waiting: 'warn',
  failed: 'bad',
}
const shownMax = 100

/** Turns that run, wait, or failed for good. */
export function Turns() {
  const { status, agent } = useSearch({ from: '/operations' })
  const navigate = useNavigate({ from: '/operations' })
  const agents = useQuery(agentsQuery)
  const turns = useQuery({
    queryKey: ['workflows', status, agent],
    queryFn: async ({ signal }) =>
      await outlast.workflows.list(
        { limit: shownMax, ...(status && { status }), ...(agent && { agent_id: agent }) },
        { signal },
      ),
    refetchInterval: 3_000,
  })
  return (
    <>
      <Group className="filter-bar" gap="xs" role="search">
        <Select
          size="xs"
          aria-label="Status"
          placeholder="Any status"
          clearable
          data={statuses}
          value={status ?? null}
          onChange={(value) =>
            navigate({ search: (before) => ({ ...before, status: value ?? undefined }) })
          }
        />
        <Select
          size="xs"
          aria-label="Agent"
          placeholder="Any agent"
          clearable
          searchable
          limit={200}
          data={(agents.data?.data ?? []).map(({ id, name }) => ({ value: id, label: name }))}
          value={agent ?? null}
          onChange={(value) =>
            navigate({ search: (before) => ({ ...before, agent: value ?? undefined }) })
          }
        />
      </Group>
      {turns.isError && <Failure error={turns.error} retry={turns.refetch} />}
      <div className="scroll">
        {turns.data?.data.length === 0 && (
          <Empty title="No turn is like that.">
            What runs, what waits for a node, a person or a client, and what failed for good is
            listed here. Turns that completed are in their sessions.
          </Empty>
        )}
        <ul className="entries" aria-label="Turns">
          {turns.data?.data.map((one) => (
            <Turn key={one.turn_id} turn={one} />
          ))}
        </ul>
        {turns.data && turns.data.total > shownMax && (
          <p className="filter-bar">
            {shownMax} of {turns.data.total_capped ? 'more than ' : ''}
            {turns.data.total} are shown.
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
          <State kind={kinds[status]}>{cancelled ? 'being cancelled' : status}</State>
        </>
      }
      about={
        <>
          <Ago at={since} />
          {node && ` · on ${node}`}
          {attempts > 1 && ` · taken ${attempts} times`} · <code>{turn_id}</code>
          {error && <div>{error}</div>}
        </>
      }
      side={<Acts turn={turn} />}
    />
  )
}

function Acts({ turn: { turn_id, status, cancelled, retried_as } }: { turn: Workflow }) {
  const [isAsking, setAsking] = useState(false)
  const mayWrite = useMay('member')
  const client = useQueryClient()
  const readAnew = () => client.invalidateQueries({ queryKey: ['workflows'] })
  const retry = useMutation({
    mutationFn: () => outlast.workflows.retry(turn_id),
    onSuccess: readAnew,
  })
  if (!mayWrite) return null
  if (status === 'failed') {
    return retried_as ? (
      <State kind="off">tried again</State>
    ) : (
      <>
        <Button
          size="xs"
          variant="default"
          loading={retry.isPending}
          onClick={() => retry.mutate()}
        >
          Retry
        </Button>
        {retry.isError && <Refusal error={retry.error} />}
      </>
    )
  }
  return (
    <>
      <Button size="xs" variant="default" disabled={cancelled} onClick={() => setAsking(true)}>
        Cancel
      </Button>
      {isAsking && (
        <Confirm
          title="Cancel this turn?"
          verb="Cancel the turn"
          close={() => setAsking(false)}
          act={async () => {
            await outlast.workflows.cancel(turn_id)
            readAnew()
          }}
        >
          What it has done so far stays in its session.
        </Confirm>
      )}
    </>
  )
}
