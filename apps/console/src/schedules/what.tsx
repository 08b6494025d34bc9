import { Checkbox, Group, NumberInput, Select, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { agentsQuery } from '../agents/agents-query.ts'
import { outlast } from '../client.ts'
import { problemAt } from '../shell/confirm.tsx'
import type { EditProps } from './draft.ts'

/** Whom it talks to. */
export function Talk({ draft, change, error }: EditProps) {
  return draft.doing === 'start_session' ? (
    <AgentChoice draft={draft} change={change} error={error} />
  ) : (
    <SessionChoice draft={draft} change={change} error={error} />
  )
}

function AgentChoice({ draft, change, error }: EditProps) {
  const agents = useQuery(agentsQuery)
  return (
    <Select
      label="Agent"
      required
      searchable
      limit={200}
      data={(agents.data?.data ?? []).map(({ id, name }) => ({ value: id, label: name }))}
      value={draft.agentId || null}
      onChange={(agentId) => change({ agentId: agentId ?? '' })}
      error={problemAt(error, 'target/input/agent_id')}
    />
  )
}

const recentMax = 50

function SessionChoice({ draft, change, error }: EditProps) {
  const sessions = useQuery({
    queryKey: ['sessions', 'recent-for-schedules'],
    queryFn: async ({ signal }) =>
      (await outlast.sessions.list({ limit: recentMax }, { signal })).data,
  })
  return (
    <>
      <Select
        label="Recent sessions"
        placeholder="Choose one, or give its id below"
        searchable
        clearable
        data={(sessions.data ?? []).map(({ id, title }) => ({ value: id, label: title || id }))}
        value={sessions.data?.some(({ id }) => id === draft.sessionId) ? draft.sessionId : null}
        onChange={(sessionId) => change({ sessionId: sessionId ?? '' })}
      />
      <TextInput
        label="Session"
        required
        placeholder="session_…"
        value={draft.sessionId}
        onChange={({ currentTarget }) => change({ sessionId: currentTarget.value.trim() })}
        error={problemAt(error, 'target/input/session_id')}
      />
    </>
  )
}

const asNumber = (value: number | string) => (typeof value === 'number' ? value : '')

/** What happens when it is late, or still busy with an earlier time. */
export function Late({ draft, change, error }: EditProps) {
  return (
    <>
      <Checkbox
        label="Catch up on times that were missed while the server was away"
        checked={draft.catchUp}
        onChange={({ currentTarget }) => change({ catchUp: currentTarget.checked })}
      />
      <Group align="flex-end" grow preventGrowOverflow={false}>
        {draft.catchUp && (
          <NumberInput
            label="Catch up at most"
            placeholder="100"
            min={0}
            max={100}
            allowDecimal={false}
            value={draft.catchUpMax}
            onChange={(value) => change({ catchUpMax: asNumber(value) })}
            error={problemAt(error, 'max_catch_up')}
          />
        )}
        <NumberInput
          label="At once at most"
          description="A time that comes while so many are not over is skipped."
          placeholder="100"
          min={0}
          allowDecimal={false}
          value={draft.concurrentMax}
          onChange={(value) => change({ concurrentMax: asNumber(value) })}
          error={problemAt(error, 'max_concurrent')}
        />
      </Group>
    </>
  )
}
