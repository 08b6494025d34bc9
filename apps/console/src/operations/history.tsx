import { Group, SegmentedControl } from '@mantine/core'
import type { TurnHistory } from '@outlast/sdk'
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { turnHistoryQuery } from '../queries/workers.ts'
import { durationOf } from '../sessions/parts/duration.ts'
import { Chart, type ChartSeries } from '../shell/chart/chart.tsx'
import { Failure } from '../shell/screen/screen.tsx'
import { clockTime } from '../shell/text/times.ts'

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
  const note = `${durationOf(step_seconds * 1_000).replace('.0 s', ' s')} per point`
  const marks = steps.map(({ at }) => clockTime(at))
  const counted = (name: 'completed' | 'failed' | 'cancelled', color: string): ChartSeries => {
    const total = steps.reduce((sum, step) => sum + step[name], 0)
    const values = steps.map((step) => step[name])
    return { name: labels[name], color, values, shape: 'bar', now: String(total) }
  }
  const percentiles = (kind: 'turn' | 'first_token'): ChartSeries[] => [
    line('p50', 'var(--outlast-hue-1)', (step) => step[`${kind}_p50_ms`]),
    line('p95', 'var(--outlast-hue-4)', (step) => step[`${kind}_p95_ms`]),
  ]
  const line = (name: string, color: string, pick: (step: Step) => number | null) => ({
    name,
    color,
    values: steps.map((step) => pick(step) ?? undefined),
  })
  const common = { note, marks }
  return (
    <div className="ops-charts">
      <Chart
        title="Throughput and failures"
        format={String}
        series={[
          counted('completed', 'var(--outlast-good)'),
          counted('failed', 'var(--outlast-fail)'),
          counted('cancelled', 'var(--outlast-done)'),
        ]}
        {...common}
      />
      <Chart title="Turn duration" format={durationOf} series={percentiles('turn')} {...common} />
      <Chart
        title="Time to first token"
        format={durationOf}
        series={percentiles('first_token')}
        {...common}
      />
    </div>
  )
}
