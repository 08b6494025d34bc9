import './operations.css'
import { Alert, Text } from '@mantine/core'
import type { DurableHealth } from '@outlast/sdk'
import { durationOf } from '../sessions/conversation/duration.ts'
import { State } from '../shell/entry.tsx'
import { Failure } from '../shell/screen.tsx'
import { Chart } from './chart.tsx'
import { colors } from './colors.ts'
import { History } from './history.tsx'
import { type HealthSample, useHealth } from './use-health.ts'

/** The state of the server: now, while the page was open, and further back for all nodes. */
export function Overview() {
  const { current, seen } = useHealth()
  if (!current.data) {
    return current.isError ? <Failure error={current.error} retry={current.refetch} /> : null
  }
  const span = spanOf(seen)
  return (
    <div className="scroll">
      {current.isError && <Failure error={current.error} retry={current.refetch} />}
      <Banner health={current.data} />
      <Figures health={current.data} />
      <div className="ops-charts">
        <Chart
          title="Turns"
          span={span}
          say={String}
          lines={[
            { name: 'running', color: colors.blue, values: seen.map(({ running }) => running) },
            { name: 'queued', color: colors.orange, values: seen.map(({ queued }) => queued) },
            { name: 'waiting', color: colors.violet, values: seen.map(({ waiting }) => waiting) },
          ]}
        />
        <Chart
          title="Age of the queue"
          span={span}
          say={durationOf}
          lines={[{ name: 'oldest', color: colors.orange, values: seen.map(ageOf) }]}
        />
      </div>
      {current.data.workers ? (
        <History />
      ) : (
        <Text size="sm" c="dimmed" px="md" pb="md">
          How much all nodes do and how long it takes is for operators: all organizations share
          them.
        </Text>
      )}
    </div>
  )
}

const ageOf = ({ oldest_queued_at, atMs }: HealthSample) =>
  oldest_queued_at ? Math.max(0, atMs - Date.parse(oldest_queued_at)) : 0

function spanOf(list: readonly { atMs: number }[]): string {
  if (list.length < 2) return 'from now on'
  return `the last ${durationOf(list.at(-1)!.atMs - list[0]!.atMs)}`
}

function Banner({ health: { status, problems } }: { health: DurableHealth }) {
  if (status === 'ok') {
    return (
      <p className="ops-well" role="status">
        <State kind="good">Everything works</State>
      </p>
    )
  }
  return (
    <Alert color="red" m="md" mb={0} role="alert" title="Something is wrong">
      {problems.map((problem) => (
        <div key={problem}>{problem}</div>
      ))}
    </Alert>
  )
}

function Figures({ health }: { health: DurableHealth }) {
  const { running, queued, waiting, failed, oldest_queued_at, workers } = health
  const age = oldest_queued_at ? Math.max(0, Date.now() - Date.parse(oldest_queued_at)) : undefined
  const rows = [
    ['Running', running],
    ['Queued', queued],
    ['Oldest in queue', age === undefined ? '–' : durationOf(age)],
    ['Waiting', waiting],
    ['Failed', failed],
    ...(workers
      ? [
          ['Nodes', workers.alive],
          ['Slots in use', `${workers.used_slots} / ${workers.slots}`],
        ]
      : []),
  ]
  return (
    <dl className="ops-figures">
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}
