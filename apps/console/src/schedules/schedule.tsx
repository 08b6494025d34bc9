import { Button, Group, Select } from '@mantine/core'
import type { Execution, Schedule } from '@outlast/sdk'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import { outlast } from '../client.ts'
import { useMay } from '../login/me.ts'
import { durationOf } from '../sessions/conversation/duration.ts'
import { Ago, exactTimeOf } from '../shell/ago.tsx'
import { Confirm } from '../shell/confirm.tsx'
import { Entry, State, type StateKind } from '../shell/entry.tsx'
import { Empty, Failure, Screen } from '../shell/screen.tsx'
import { Tabs } from '../shell/tabs.tsx'
import { inWords } from './cron.ts'
import { ScheduleForm } from './editor.tsx'
import { Due, Target } from './list.tsx'
import { ScheduleActs } from './schedule-acts.tsx'
import { scheduleQuery } from './schedules-query.ts'

const tabs = [
  { tab: 'history', label: 'History' },
  { tab: 'edit', label: 'Edit' },
] as const

/** One schedule: when it is due, what came of each time. */
export function ScheduleScreen() {
  const { scheduleId } = useParams({ from: '/schedules/$scheduleId' })
  const { tab = 'history' } = useSearch({ from: '/schedules/$scheduleId' })
  const mayWrite = useMay('member')
  const { data, error, refetch } = useQuery(scheduleQuery(scheduleId))
  if (error) return <Failure error={error} retry={refetch} />
  if (!data) return null
  return (
    <Screen title={data.name} actions={<ScheduleActs schedule={data} />}>
      {mayWrite && <Tabs label="Parts of the schedule" tabs={tabs} current={tab} />}
      {tab === 'edit' && mayWrite ? (
        <div className="scroll">
          <ScheduleForm key={data.updated_at} stored={data} />
          <Ending schedule={data} />
        </div>
      ) : (
        <History schedule={data} />
      )}
    </Screen>
  )
}

function Ending({ schedule: { id, name } }: { schedule: Schedule }) {
  const [isAsking, setAsking] = useState(false)
  const navigate = useNavigate()
  const client = useQueryClient()
  return (
    <div className="manage-form">
      <Group>
        <Button size="xs" variant="light" color="red" onClick={() => setAsking(true)}>
          Delete this schedule
        </Button>
      </Group>
      {isAsking && (
        <Confirm
          title={`Delete ${name}?`}
          verb="Delete"
          close={() => setAsking(false)}
          act={async () => {
            await outlast.schedules.delete(id)
            client.invalidateQueries({ queryKey: ['schedules'] })
            navigate({ to: '/schedules' })
          }}
        >
          Its history goes with it. Sessions that it started stay, and turns that run go on.
        </Confirm>
      )}
    </div>
  )
}

const statuses = ['pending', 'running', 'completed', 'failed', 'skipped'] as const
const kinds: Record<Execution['status'], StateKind> = {
  pending: 'warn',
  running: 'busy',
  completed: 'good',
  failed: 'bad',
  skipped: 'off',
}
const shownMax = 100

function History({ schedule }: { schedule: Schedule }) {
  const { status } = useSearch({ from: '/schedules/$scheduleId' })
  const navigate = useNavigate({ from: '/schedules/$scheduleId' })
  const executions = useQuery({
    queryKey: ['schedule', schedule.id, 'executions', status],
    queryFn: async ({ signal }) =>
      await outlast.schedules.listExecutions(
        schedule.id,
        { limit: shownMax, ...(status && { status }) },
        { signal },
      ),
    refetchInterval: 3_000,
  })
  return (
    <div className="scroll">
      <div className="entry">
        <div className="entry-main">
          <div className="entry-name">
            {inWords(schedule.cron_expression)}, {schedule.timezone}
            <Due schedule={schedule} />
          </div>
          <div className="entry-about">
            <Target schedule={schedule} />
          </div>
        </div>
        <Stats id={schedule.id} />
      </div>
      <Group className="filter-bar">
        <Select
          size="xs"
          aria-label="Status"
          placeholder="Any status"
          clearable
          data={statuses}
          value={status ?? null}
          onChange={(value) => navigate({ search: { status: value ?? undefined }, replace: true })}
        />
      </Group>
      {executions.isError && <Failure error={executions.error} retry={executions.refetch} />}
      {executions.data?.data.length === 0 && (
        <Empty title="It has not run yet.">
          Each of its times will be here, with its session. Run it now to see what it does.
        </Empty>
      )}
      <ul className="entries" aria-label="Executions">
        {executions.data?.data.map((one) => (
          <ExecutionRow key={one.id} execution={one} />
        ))}
      </ul>
      {executions.data && executions.data.total > shownMax && (
        <p className="filter-bar">The latest {shownMax} are shown.</p>
      )}
    </div>
  )
}

function ExecutionRow({ execution }: { execution: Execution }) {
  const { scheduled_at, status, duration_ms, error, session_id } = execution
  return (
    <Entry
      label={`${status} ${exactTimeOf(scheduled_at)}`}
      name={
        <>
          <Ago at={scheduled_at} />
          <State kind={kinds[status]}>{status}</State>
        </>
      }
      about={error ?? (duration_ms == null ? undefined : `took ${durationOf(duration_ms)}`)}
      side={
        session_id && (
          <Link to="/sessions/$sessionId" params={{ sessionId: session_id }}>
            Session
          </Link>
        )
      }
    />
  )
}

function Stats({ id }: { id: string }) {
  const { data } = useQuery({
    queryKey: ['schedule', id, 'stats'],
    queryFn: ({ signal }) => outlast.schedules.getStats(id, { signal }),
    refetchInterval: 5_000,
  })
  if (!data) return null
  const { total_executions, successful_executions, failed_executions, skipped_executions } = data
  return (
    <div className="entry-side entry-about" role="status" aria-label="Statistics">
      <span>{total_executions} runs</span>
      <State kind="good">{successful_executions} completed</State>
      <State kind="bad">{failed_executions} failed</State>
      <State kind="off">{skipped_executions} skipped</State>
      {data.avg_duration_ms != null && <span>{durationOf(data.avg_duration_ms)} on average</span>}
    </div>
  )
}
