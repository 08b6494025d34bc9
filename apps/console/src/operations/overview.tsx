import './operations.css'
import { Alert, Text } from '@mantine/core'
import type { DurableHealth } from '@outlast/sdk'
import { durationOf } from '../sessions/duration.ts'
import { State } from '../shell/entry.tsx'
import { Failure } from '../shell/screen.tsx'
import { Chart } from './chart.tsx'
import { quantile, type Sample } from './metrics.ts'
import { useSamples } from './use-samples.ts'

const colors = {
  blue: 'var(--mantine-color-blue-5)',
  green: 'var(--mantine-color-green-6)',
  red: 'var(--mantine-color-red-6)',
  orange: 'var(--mantine-color-orange-5)',
  violet: 'var(--mantine-color-violet-5)',
}

/** How everything does, now and in the minutes that one looked. */
export function Overview() {
  const { current, health, samples, hasMetrics } = useSamples()
  if (!current.data) {
    return current.isError ? <Failure error={current.error} retry={current.refetch} /> : null
  }
  const span = spanOf(health)
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
            { name: 'running', color: colors.blue, values: health.map(({ running }) => running) },
            { name: 'queued', color: colors.orange, values: health.map(({ queued }) => queued) },
            { name: 'waiting', color: colors.violet, values: health.map(({ waiting }) => waiting) },
          ]}
        />
        <Chart
          title="Age of the queue"
          span={span}
          say={durationOf}
          lines={[{ name: 'oldest', color: colors.orange, values: health.map(ageOf) }]}
        />
        {hasMetrics && <OfNode samples={samples} />}
      </div>
      {!hasMetrics && (
        <Text size="sm" c="dimmed" px="md" pb="md">
          Throughput, failures and latency are counted by each node, which tells them at /metrics:
          to this machine, and to who shows METRICS_TOKEN. Let Prometheus read them there.
        </Text>
      )}
    </div>
  )
}

const ageOf = ({ oldest_queued_at, atMs }: DurableHealth & { atMs: number }) =>
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

/** A rate or a time needs some turns: what happened within so many looks. */
const window = 10

const over = <T,>(samples: readonly Sample[], pick: (before: Sample, after: Sample) => T) =>
  samples.map((after, at) =>
    at === 0 ? undefined : pick(samples[Math.max(0, at - window)]!, after),
  )

const perMinute = (pick: (sample: Sample) => number) => (before: Sample, after: Sample) =>
  ((pick(after) - pick(before)) / (after.atMs - before.atMs)) * 60_000

const ms = (seconds: number | undefined) => (seconds === undefined ? undefined : seconds * 1_000)

const rate = (value: number) => `${Number(value.toFixed(1))} / min`

/** What the node that answers counted of itself. */
function OfNode({ samples }: { samples: readonly Sample[] }) {
  const span = spanOf(samples)
  const time = (part: number, of: 'turnSeconds' | 'firstTokenSeconds') =>
    over(samples, (before, after) => ms(quantile(before[of], after[of], part)))
  return (
    <>
      <Chart
        title="Throughput and failures of this node"
        span={span}
        say={rate}
        lines={[
          {
            name: 'completed',
            color: colors.green,
            values: over(
              samples,
              perMinute(({ completed }) => completed),
            ),
          },
          {
            name: 'failed',
            color: colors.red,
            values: over(
              samples,
              perMinute(({ failed }) => failed),
            ),
          },
        ]}
      />
      <Chart
        title="How long turns take on this node"
        span={span}
        say={durationOf}
        lines={[
          { name: 'half below', color: colors.blue, values: time(0.5, 'turnSeconds') },
          { name: '95 % below', color: colors.violet, values: time(0.95, 'turnSeconds') },
        ]}
      />
      <Chart
        title="Until a model's first token"
        span={span}
        say={durationOf}
        lines={[
          { name: 'half below', color: colors.blue, values: time(0.5, 'firstTokenSeconds') },
          { name: '95 % below', color: colors.violet, values: time(0.95, 'firstTokenSeconds') },
        ]}
      />
    </>
  )
}
