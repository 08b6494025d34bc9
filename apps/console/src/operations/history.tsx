import { Group, SegmentedControl } from '@mantine/core'
import type { TurnHistory } from '@outlast/sdk'
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { turnHistoryQuery } from '../queries/workers.ts'
import { durationOf } from '../sessions/conversation/duration.ts'
import { Failure } from '../shell/screen.tsx'
import { Chart, type ChartLine } from './chart.tsx'
import { colors } from './colors.ts'

const spans = [
  { minutes: 60, label: 'Last hour' },
  { minutes: 360, label: '6 hours' },
  { minutes: 1_440, label: '24 hours' },
] as const

const labels = { completed: 'Completed', failed: 'Failed', cancelled: 'Canceled' } as const

type Step = TurnHistory['steps'][number]

/** Throughput and latency of all nodes. */
export function History() {
  const { minutes = 60 } = useSearch({ from: '/operations' })
  const navigate = useNavigate({ from: '/operations' })
  const history = useQuery(turnHistoryQuery(minutes))
  return (
    <section aria-label="All nodes">
      <Group className="ops-history" justify="space-between">
        <h2>All nodes</h2>
        <SegmentedControl
          size="xs"
          aria-label="Time range"
          data={spans.map((one) => ({ value: String(one.minutes), label: one.label }))}
          value={String(minutes)}
          onChange={(value) =>
            navigate({
              search: (before) => ({
                ...before,
                minutes: spans.find((one) => String(one.minutes) === value)?.minutes,
              }),
              replace: true,
            })
          }
        />
      </Group>
      {history.isError && <Failure error={history.error} retry={history.refetch} />}
      {history.data && <Charts history={history.data} />}
    </section>
  )
}

function Charts({ history: { steps, step_seconds } }: { history: TurnHistory }) {
  const span = `${durationOf(step_seconds * 1_000).replace('.0 s', ' s')} per point`
  const counted = (name: 'completed' | 'failed' | 'cancelled', color: string): ChartLine => {
    const total = steps.reduce((sum, step) => sum + step[name], 0)
    return {
      name: labels[name],
      color,
      values: steps.map((step) => step[name]),
      now: String(total),
    }
  }
  const timed = (name: string, color: string, pick: (step: Step) => number | null): ChartLine => ({
    name,
    color,
    values: steps.map((step) => pick(step) ?? undefined),
  })
  return (
    <div className="ops-charts">
      <Chart
        title="Throughput and failures"
        span={span}
        format={String}
        lines={[
          counted('completed', colors.green),
          counted('failed', colors.red),
          counted('cancelled', colors.violet),
        ]}
      />
      <Chart
        title="Turn duration"
        span={span}
        format={durationOf}
        lines={[
          timed('p50', colors.blue, (step) => step.turn_p50_ms),
          timed('p95', colors.violet, (step) => step.turn_p95_ms),
        ]}
      />
      <Chart
        title="Time to first token"
        span={span}
        format={durationOf}
        lines={[
          timed('p50', colors.blue, (step) => step.first_token_p50_ms),
          timed('p95', colors.violet, (step) => step.first_token_p95_ms),
        ]}
      />
    </div>
  )
}
