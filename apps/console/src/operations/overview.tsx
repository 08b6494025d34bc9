import './operations.css'
import { Alert, Text } from '@mantine/core'
import type { DurableHealth } from '@outlast/sdk'
import { durationOf } from '../sessions/parts/duration.ts'
import { Chart } from '../shell/chart/chart.tsx'
import { Failure } from '../shell/screen/screen.tsx'
import { Skeleton } from '../shell/screen/skeleton.tsx'
import { State } from '../shell/screen/state.tsx'
import { clockTime } from '../shell/text/times.ts'
import { History } from './history.tsx'
import { type HealthSample, useHealth } from './use-health.ts'

/** Server health now, since the page was opened, and the history of all nodes. */
export function Overview() {
  const { current, seen } = useHealth()
  if (!current.data) {
    return current.isError ? (
      <Failure error={current.error} retry={current.refetch} />
    ) : (
      <Skeleton />
    )
  }
  const common = { note: spanOf(seen), marks: seen.map(({ atMs }) => clockTime(atMs, 'second')) }
  return (
    <div className="scroll">
      {current.isError && <Failure error={current.error} retry={current.refetch} />}
      <Banner health={current.data} />
      <Figures health={current.data} />
      <div className="ops-charts">
        <Chart
          title="Turns"
          format={String}
          series={[
            {
              name: 'Running',
              color: 'var(--outlast-run)',
              values: seen.map((one) => one.running),
            },
            {
              name: 'Queued',
              color: 'var(--outlast-hue-2)',
              values: seen.map((one) => one.queued),
            },
            {
              name: 'Waiting',
              color: 'var(--outlast-wait)',
              values: seen.map((one) => one.waiting),
            },
          ]}
          {...common}
        />
        <Chart
          title="Oldest queued turn"
          format={durationOf}
          series={[{ name: 'Age', color: 'var(--outlast-hue-2)', values: seen.map(ageOf) }]}
          {...common}
        />
      </div>
      {current.data.workers ? (
        <History />
      ) : (
        <Text size="sm" c="dimmed" px="md" pb="md">
          Only operators can see throughput and latency, because all organizations share the nodes.
        </Text>
      )}
    </div>
  )
}

const ageOf = ({ oldest_queued_at, atMs }: HealthSample) =>
  oldest_queued_at ? Math.max(0, atMs - Date.parse(oldest_queued_at)) : 0

function spanOf(list: readonly { atMs: number }[]): string {
  if (list.length < 2) return 'Collecting data'
  return `Last ${durationOf(list.at(-1)!.atMs - list[0]!.atMs)}`
}

function Banner({ health: { status, problems } }: { health: DurableHealth }) {
  if (status === 'ok') {
    return (
      <p className="ops-well" role="status">
        <State kind="good">Healthy</State>
      </p>
    )
  }
  return (
    <Alert color="red" m="md" mb={0} role="alert" title="Problems detected">
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
