import { Button } from '@mantine/core'
import type { Schedule } from '@outlast/sdk'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useAgentNames } from '../queries/agents.ts'
import { useMay } from '../queries/me.ts'
import { schedulesQuery } from '../queries/schedules.ts'
import { List, type ListColumn, ListRow } from '../shell/list/list.tsx'
import type { Sortable } from '../shell/list/sort.ts'
import { Empty, Screen } from '../shell/screen/screen.tsx'
import { State } from '../shell/screen/state.tsx'
import { Ago } from '../shell/text/ago.tsx'
import { escaped } from '../shell/text/escapes.ts'
import { inWords } from './cron.ts'
import { doingOf } from './draft.ts'
import { ScheduleActs } from './schedule-acts.tsx'

/** All schedules, newest first. */
export function ScheduleList() {
  const schedules = useQuery(schedulesQuery)
  const mayWrite = useMay('member')
  return (
    <Screen
      title="Schedules"
      actions={
        mayWrite && (
          <Button size="xs" renderRoot={(props) => <Link to="/schedules/new" {...props} />}>
            New schedule
          </Button>
        )
      }
    >
      <div className="scroll">
        <List
          label="Schedules"
          columns={columns}
          query={schedules}
          items={schedules.data ?? []}
          sort={sort}
          empty={
            <Empty title="No schedules yet">
              A schedule starts a session or sends a message at set times, for example a report
              every morning.
              {mayWrite && (
                <div>
                  <Button
                    size="xs"
                    mt="sm"
                    renderRoot={(props) => <Link to="/schedules/new" {...props} />}
                  >
                    Create schedule
                  </Button>
                </div>
              )}
            </Empty>
          }
          row={(one) => <ScheduleRow key={one.id} schedule={one} />}
        />
      </div>
    </Screen>
  )
}

const columns: ListColumn[] = [
  { id: 'name', head: 'Schedule', width: 'minmax(140px, 1.1fr)', sort: 'asc' },
  { id: 'next', head: 'Next run', width: '172px', sort: 'asc' },
  { id: 'times', head: 'Times', width: 'minmax(0, 1.3fr)', from: 'medium', isSecond: true },
  { id: 'target', head: 'Target', width: 'minmax(180px, 1.2fr)', from: 'wide' },
  { id: 'last', head: 'Last run', width: '104px', sort: 'desc', isRight: true, from: 'wide' },
  { id: 'actions', head: '', width: '156px', isRight: true },
]

const sort: Sortable<Schedule> = {
  name: ({ name }) => name,
  next: ({ enabled, next_trigger_at }) => (enabled ? next_trigger_at : undefined),
  last: ({ last_triggered_at }) => last_triggered_at,
}

function ScheduleRow({ schedule }: { schedule: Schedule }) {
  const { id, name, cron_expression, timezone, last_triggered_at, enabled } = schedule
  const times = `${inWords(cron_expression)}, ${timezone}`
  return (
    <ListRow label={name} isOff={!enabled}>
      <Link to="/schedules/$scheduleId" params={{ scheduleId: id }} className="list-link">
        {escaped(name)}
      </Link>
      <Due schedule={schedule} />
      <span title={times}>{times}</span>
      <span className="list-dim">
        <Target schedule={schedule} />
      </span>
      <span className="list-dim">
        {last_triggered_at ? <Ago at={last_triggered_at} /> : 'never'}
      </span>
      <div className="list-actions">
        <ScheduleActs schedule={schedule} />
      </div>
    </ListRow>
  )
}

/** The next run, or why there is none. */
export function Due({ schedule }: { schedule: Schedule }) {
  const { enabled, next_trigger_at, paused_reason } = schedule
  if (!enabled) {
    return (
      <State kind={paused_reason ? 'warn' : 'off'}>
        {paused_reason ? `paused: ${paused_reason}` : 'paused'}
      </State>
    )
  }
  if (!next_trigger_at) return <State kind="off">no more runs</State>
  return (
    <State kind="good">
      <span>
        Next run <Ago at={next_trigger_at} />
      </span>
    </State>
  )
}

/** The target of a schedule. */
export function Target({ schedule }: { schedule: Schedule }) {
  const names = useAgentNames()
  const { agent_id, session_id } = doingOf(schedule)
  if (session_id) {
    return (
      <>
        sends a message to a{' '}
        <Link to="/sessions/$sessionId" params={{ sessionId: session_id }}>
          session
        </Link>
      </>
    )
  }
  if (!agent_id) return <>{schedule.target.name}</>
  return (
    <>
      starts a session with{' '}
      <Link to="/agents/$agentId" params={{ agentId: agent_id }}>
        {escaped(names.get(agent_id) ?? agent_id)}
      </Link>
    </>
  )
}
