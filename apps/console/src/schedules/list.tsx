import { Button } from '@mantine/core'
import type { Schedule } from '@outlast/sdk'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useAgentNames } from '../queries/agents.ts'
import { useMay } from '../queries/me.ts'
import { schedulesQuery } from '../queries/schedules.ts'
import { Ago } from '../shell/ago.tsx'
import { Entry, State } from '../shell/entry.tsx'
import { Empty, Failure, Screen } from '../shell/screen.tsx'
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
      {schedules.isError && <Failure error={schedules.error} retry={schedules.refetch} />}
      {schedules.data?.length === 0 && (
        <Empty title="No schedules yet">
          A schedule starts a session or sends a message at set times, for example a report every
          morning. Create one with New schedule.
        </Empty>
      )}
      <ul className="entries scroll" aria-label="Schedules">
        {schedules.data?.map((one) => (
          <Row key={one.id} schedule={one} />
        ))}
      </ul>
    </Screen>
  )
}

function Row({ schedule }: { schedule: Schedule }) {
  const { id, name, cron_expression, timezone, last_triggered_at } = schedule
  return (
    <Entry
      label={name}
      name={
        <>
          <Link to="/schedules/$scheduleId" params={{ scheduleId: id }}>
            {name}
          </Link>
          <Due schedule={schedule} />
        </>
      }
      about={
        <>
          {inWords(cron_expression)}, {timezone} · <Target schedule={schedule} />
          {last_triggered_at && (
            <>
              {' · last run '}
              <Ago at={last_triggered_at} />
            </>
          )}
        </>
      }
      side={<ScheduleActs schedule={schedule} />}
    />
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
        {names.get(agent_id) ?? agent_id}
      </Link>
    </>
  )
}
