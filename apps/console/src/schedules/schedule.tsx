import { Group } from '@mantine/core'
import type { Execution, Schedule } from '@outlast/sdk'
import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { invalidate, outlast } from '../client.ts'
import { scheduleKeys } from '../queries/keys.ts'
import { useMay } from '../queries/me.ts'
import { executionsQuery, scheduleQuery, scheduleStatsQuery } from '../queries/schedules.ts'
import { executionStatuses } from '../search.ts'
import { durationOf } from '../sessions/parts/duration.ts'
import { AskButton } from '../shell/controls/act-button.tsx'
import { FilterSelect } from '../shell/list/filter-select.tsx'
import { List, type ListColumn, ListRow } from '../shell/list/list.tsx'
import { Empty, Failure, Screen } from '../shell/screen/screen.tsx'
import { ScreenSkeleton } from '../shell/screen/skeleton.tsx'
import { State, type StateKind } from '../shell/screen/state.tsx'
import { Tabs } from '../shell/screen/tabs.tsx'
import { Ago } from '../shell/text/ago.tsx'
import { exactTimeOf } from '../shell/text/times.ts'
import { inWords } from './cron.ts'
import { ScheduleForm } from './editor.tsx'
import { Due, Target } from './list.tsx'
import { ScheduleActs } from './schedule-acts.tsx'

const tabs = [
  { tab: 'history', label: 'History' },
  { tab: 'edit', label: 'Edit' },
] as const

/** One schedule: next run, run history, and editor. */
export function ScheduleScreen() {
  const { scheduleId } = useParams({ from: '/schedules/$scheduleId' })
  const { tab = 'history' } = useSearch({ from: '/schedules/$scheduleId' })
  const mayWrite = useMay('member')
  const { data, error, refetch } = useQuery(scheduleQuery(scheduleId))
  const failure = error && <Failure error={error} retry={refetch} />
  if (!data) return failure ?? <ScreenSkeleton />
  return (
    <Screen title={data.name} actions={<ScheduleActs schedule={data} />}>
      {failure}
      {mayWrite && <Tabs label="Schedule views" tabs={tabs} current={tab} />}
      {tab === 'edit' && mayWrite ? (
        <div className="scroll">
          <ScheduleForm key={data.id} stored={data} />
          <Ending schedule={data} />
        </div>
      ) : (
        <ScheduleHistory schedule={data} />
      )}
    </Screen>
  )
}

function Ending({ schedule: { id, name } }: { schedule: Schedule }) {
  const navigate = useNavigate()
  return (
    <div className="manage-form">
      <Group>
        <AskButton
          label="Delete schedule"
          variant="light"
          color="red"
          title={`Delete ${name}?`}
          verb="Delete schedule"
          done="Schedule deleted"
          act={async () => {
            await outlast.schedules.delete(id)
            invalidate(scheduleKeys.lists)
            navigate({ to: '/schedules', ignoreBlocker: true })
          }}
        >
          Its run history is deleted. Sessions that it started stay, and running turns continue.
        </AskButton>
      </Group>
    </div>
  )
}

const kinds: Record<Execution['status'], StateKind> = {
  pending: 'warn',
  running: 'busy',
  completed: 'good',
  failed: 'bad',
  skipped: 'off',
}
const shownMax = 100

function ScheduleHistory({ schedule }: { schedule: Schedule }) {
  const { status } = useSearch({ from: '/schedules/$scheduleId' })
  const navigate = useNavigate({ from: '/schedules/$scheduleId' })
  const executions = useQuery(executionsQuery(schedule.id, { status, limit: shownMax }))
  return (
    <div className="scroll">
      <Group className="filter-bar" justify="space-between">
        <div>
          <Group gap="xs" className="list-name">
            {inWords(schedule.cron_expression)}, {schedule.timezone}
            <Due schedule={schedule} />
          </Group>
          <div className="list-dim">
            <Target schedule={schedule} />
          </div>
        </div>
        <Stats id={schedule.id} />
      </Group>
      <Group className="filter-bar">
        <FilterSelect
          label="Status"
          any="Any status"
          data={executionStatuses}
          value={status}
          onChange={(value) => navigate({ search: { status: value }, replace: true })}
        />
      </Group>
      <List
        label="Runs"
        columns={columns}
        query={executions}
        items={executions.data?.data ?? []}
        empty={
          <Empty title={status ? 'No runs match' : 'No runs yet'}>
            {status
              ? 'Choose another status.'
              : 'Each run appears here with its session. Run the schedule now to test it.'}
          </Empty>
        }
        row={(one) => <ExecutionRow key={one.id} execution={one} />}
      />
      {executions.data && executions.data.total > shownMax && (
        <p className="filter-bar">Showing the latest {shownMax} runs.</p>
      )}
    </div>
  )
}

const columns: ListColumn[] = [
  { id: 'time', head: 'Time', width: '120px' },
  { id: 'status', head: 'Status', width: '104px' },
  { id: 'took', head: 'Took', width: '72px', isRight: true, from: 'medium' },
  { id: 'error', head: 'Error', width: 'minmax(0, 1fr)', from: 'medium', isSecond: true },
  { id: 'actions', head: '', width: '96px', isRight: true },
]

function ExecutionRow({ execution }: { execution: Execution }) {
  const { scheduled_at, status, duration_ms, error, session_id } = execution
  return (
    <ListRow label={`${status} ${exactTimeOf(scheduled_at)}`}>
      <Ago at={scheduled_at} />
      <State kind={kinds[status]}>{status}</State>
      {duration_ms == null ? '' : durationOf(duration_ms)}
      <span title={error ?? undefined}>{error}</span>
      {session_id && (
        <Link key="session" to="/sessions/$sessionId" params={{ sessionId: session_id }}>
          View session
        </Link>
      )}
    </ListRow>
  )
}

function Stats({ id }: { id: string }) {
  const { data } = useQuery(scheduleStatsQuery(id))
  if (!data) return null
  const { total_executions, successful_executions, failed_executions, skipped_executions } = data
  return (
    <Group gap="sm" className="list-dim" role="status" aria-label="Statistics">
      <span>{total_executions} runs</span>
      <State kind="good">{successful_executions} completed</State>
      <State kind="bad">{failed_executions} failed</State>
      <State kind="off">{skipped_executions} skipped</State>
      {data.avg_duration_ms != null && <span>{durationOf(data.avg_duration_ms)} on average</span>}
    </Group>
  )
}
