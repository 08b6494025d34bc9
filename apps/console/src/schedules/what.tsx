import { Checkbox, Group, Select, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { NumberField } from '../form/number-field.tsx'
import { useAgentChoices } from '../queries/agents.ts'
import { newestSessionsQuery } from '../queries/sessions.ts'
import type { ScheduleFormProps } from './draft.ts'

/** Chooses the agent or the session. */
export const ScheduleTalk = ({ form }: ScheduleFormProps) =>
  form.draft.doing === 'start_session' ? <AgentChoice form={form} /> : <SessionChoice form={form} />

function AgentChoice({ form }: ScheduleFormProps) {
  const choices = useAgentChoices()
  return (
    <Select
      label="Agent"
      required
      searchable
      limit={200}
      data={choices}
      {...form.choice('agentId', 'target/input/agent_id')}
    />
  )
}

const recentMax = 50

function SessionChoice({ form }: ScheduleFormProps) {
  const sessions = useQuery(newestSessionsQuery(recentMax)).data?.data ?? []
  const { sessionId } = form.draft
  return (
    <>
      <Select
        label="Recent sessions"
        placeholder="Choose one, or enter its ID below"
        searchable
        clearable
        data={sessions.map(({ id, title }) => ({ value: id, label: title || id }))}
        value={sessions.some(({ id }) => id === sessionId) ? sessionId : null}
        onChange={(chosen) => form.change({ sessionId: chosen ?? '' })}
      />
      <TextInput
        label="Session ID"
        required
        placeholder="session_…"
        {...form.text('sessionId', 'target/input/session_id')}
      />
    </>
  )
}

/** Options for missed and concurrent runs. */
export function Late({ form }: ScheduleFormProps) {
  const { catchUp } = form.draft
  return (
    <>
      <Checkbox
        label="Run missed times after server downtime"
        checked={catchUp}
        onChange={({ currentTarget }) => form.change({ catchUp: currentTarget.checked })}
      />
      <Group align="flex-end" grow preventGrowOverflow={false}>
        {catchUp && (
          <NumberField
            label="Max catch-up runs"
            placeholder="100"
            min={0}
            max={100}
            {...form.number('catchUpMax', 'max_catch_up')}
          />
        )}
        <NumberField
          label="Max concurrent runs"
          description="Extra runs are skipped."
          placeholder="100"
          min={0}
          {...form.number('concurrentMax', 'max_concurrent')}
        />
      </Group>
    </>
  )
}
