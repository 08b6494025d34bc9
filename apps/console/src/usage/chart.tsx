import type { UsageQuery, UsageReport } from '@outlast/sdk'
import { useQuery } from '@tanstack/react-query'
import { type UsageReports, usageDaysQuery } from '../queries/usage.ts'
import { Chart, type ChartSeries } from '../shell/chart/chart.tsx'
import { Failure } from '../shell/screen/screen.tsx'
import { hueOf } from '../shell/text/identity.tsx'
import { dollarsText, shortCount } from '../shell/text/money.ts'
import { shortDay } from './days.ts'
import {
  allTokensOf,
  daysOf,
  idOf,
  type UsageGroup,
  type UsagePeriod,
  type UsageRow,
  type UsageSums,
} from './report.ts'

export type Measure = 'cost' | 'tokens'

const measureOf = {
  cost: ({ cost_usd }: UsageSums) => cost_usd ?? 0,
  tokens: allTokensOf,
} satisfies Record<Measure, (sums: UsageSums) => number>

/** One hue less than there are: the last one would look like that of the other groups. */
const partsMax = 7
const hues = [
  'var(--outlast-hue-0)',
  'var(--outlast-hue-1)',
  'var(--outlast-hue-2)',
  'var(--outlast-hue-3)',
  'var(--outlast-hue-4)',
  'var(--outlast-hue-5)',
  'var(--outlast-hue-6)',
  'var(--outlast-hue-7)',
]

export const otherColor = 'var(--outlast-done)'

/** The colors of the largest groups: the hue of the name, or the next one that is free. */
export function colorsOf(
  group: UsageGroup,
  rows: readonly UsageRow[],
  nameOf: (id: string) => string,
): ReadonlyMap<string, string> {
  const taken = new Set<number>()
  const shown =
    group === 'day' ? [] : rows.filter(({ id, now }) => id !== '' && now.model_calls > 0)
  return new Map(
    shown.slice(0, partsMax).map(({ id }) => {
      let hue = hueOf(nameOf(id))
      while (taken.has(hue)) hue = (hue + 1) % hues.length
      taken.add(hue)
      return [id, hues[hue]!]
    }),
  )
}

type ChartProps = {
  group: UsageGroup
  measure: Measure
  query: UsageQuery
  /** The rows of both periods by the group. */
  reports: UsageReports
  periods: { length: number; now: UsagePeriod; before?: UsagePeriod }
  colors: ReadonlyMap<string, string>
  /** Name of the calls that have no color. */
  restName: string
  nameOf: (id: string) => string
}

const filterNames = { agent: 'agent_id', model: 'model', user: 'user', key: 'key_id' } as const

/** The days of a period, divided by the largest groups, above a line of the period before. */
export function UsageChart(props: ChartProps) {
  const { group, measure, query, reports, periods, colors, restName, nameOf } = props
  const ids = [...colors.keys()]
  const parts = group === 'day' ? [] : ids.map((id) => ({ [filterNames[group]]: id }))
  const { now, before } = periods
  const asked = { now: { ...query, ...now }, before: before && { ...query, ...before } }
  const found = useQuery({ ...usageDaysQuery(asked, parts), enabled: group !== 'day' })
  if (found.isError) return <Failure error={found.error} retry={found.refetch} />
  const days =
    group === 'day'
      ? { days: reports.now.data, before: reports.before?.data ?? [], parts: [] }
      : found.data
  const dates = daysOf(now, periods.length)
  const valuesOf = (data: UsageReport['data'], of: readonly string[]) => {
    const byDay = new Map(data.map((row) => [idOf(row), measureOf[measure](row)]))
    return of.map((day) => byDay.get(day) ?? 0)
  }
  const whole = valuesOf(days?.days ?? [], dates)
  const partValues = days?.parts.map(({ data }) => valuesOf(data, dates)) ?? []
  const format = measure === 'cost' ? dollarsText : shortCount
  const series: ChartSeries[] =
    group === 'day'
      ? byKind(measure, { dates, days: days?.days ?? [], whole, format })
      : byPart({
          names: ids.map(nameOf),
          colors: [...colors.values()],
          partValues,
          ...{ restName, whole, format },
        })
  const earlier = before ? valuesOf(days?.before ?? [], daysOf(before, periods.length)) : []
  if (sumOf(earlier) > 0) {
    series.push({
      name: 'Period before',
      color: 'var(--outlast-dim)',
      values: earlier,
      isDashed: true,
      now: format(sumOf(earlier)),
    })
  }
  return (
    <Chart
      title={measure === 'cost' ? 'Cost by day' : 'Tokens by day'}
      note={measure === 'cost' ? 'US dollars, days in UTC' : 'days in UTC'}
      marks={dates.map(shortDay)}
      series={series}
      format={format}
    />
  )
}

const sumOf = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0)

type Format = (value: number) => string

function byKind(
  measure: Measure,
  about: { dates: string[]; days: UsageReport['data']; whole: number[]; format: Format },
): ChartSeries[] {
  const { dates, days, whole, format } = about
  const bar = (name: string, color: string, values: number[]): ChartSeries => {
    return { name, color, values, shape: 'bar', now: format(sumOf(values)) }
  }
  if (measure === 'cost') return [bar('Cost', 'var(--outlast-accent)', whole)]
  const byDay = new Map(days.map((row) => [idOf(row), row]))
  const values = (field: 'input_tokens' | 'output_tokens') =>
    dates.map((day) => byDay.get(day)?.[field] ?? 0)
  return [
    bar('Input', 'var(--outlast-trace-model)', values('input_tokens')),
    bar('Output', 'var(--outlast-trace-tool)', values('output_tokens')),
  ]
}

function byPart(about: {
  names: string[]
  colors: string[]
  partValues: number[][]
  restName: string
  whole: number[]
  format: Format
}): ChartSeries[] {
  const { names, colors, partValues, restName, whole, format } = about
  const bars = partValues.slice(0, names.length).map((values, at): ChartSeries => {
    return {
      name: names[at]!,
      color: colors[at]!,
      values,
      shape: 'bar',
      now: format(sumOf(values)),
    }
  })
  const rest = whole.map((value, day) => {
    return Math.max(0, value - partValues.reduce((sum, values) => sum + values[day]!, 0))
  })
  // Less than this is a rounding error.
  if (sumOf(rest) < 1e-9 * Math.max(1, sumOf(whole))) return bars
  const other = { name: restName, color: otherColor, values: rest }
  return [...bars, { ...other, shape: 'bar', now: format(sumOf(rest)) }]
}
