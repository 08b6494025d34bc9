import './usage.css'
import { Button } from '@mantine/core'
import type { UsageQuery } from '@outlast/sdk'
import { useMutation, useQuery } from '@tanstack/react-query'
import { Link, useSearch } from '@tanstack/react-router'
import { saveBlob } from '../files/save.ts'
import { readUsage, type UsageReports, usageQuery } from '../queries/usage.ts'
import type { UsageSearch } from '../search.ts'
import { Refusal } from '../shell/controls/confirm.tsx'
import { Empty, Failure, Screen } from '../shell/screen/screen.tsx'
import { Skeleton } from '../shell/screen/skeleton.tsx'
import { costText } from '../shell/text/money.ts'
import { colorsOf, UsageChart } from './chart.tsx'
import { csvOf } from './csv.ts'
import { spanText } from './days.ts'
import { UsageFilters } from './filters.tsx'
import { useUsageNames } from './names.ts'
import {
  changeText,
  costOf,
  groupOf,
  periodsOf,
  sessionsOf,
  type UsageGroup,
  type UsageSums,
  usageRowsOf,
} from './report.ts'
import { UsageTable } from './table.tsx'

const filtersOf = ({ agent, model, user, key }: UsageSearch): UsageQuery => ({
  ...(agent && { agent_id: agent }),
  ...(model && { model }),
  ...(user && { user }),
  ...(key && { key_id: key }),
})

/** Cost and tokens of model calls in a period, compared with the period before. */
export function UsageScreen() {
  const search = useSearch({ from: '/usage' })
  const group = groupOf(search)
  const periods = periodsOf(search, Date.now())
  const filters = filtersOf(search)
  const query = { ...filters, group_by: [group] }
  const asked = {
    now: { ...query, ...periods.now },
    before: periods.before && { ...query, ...periods.before },
  }
  const usage = useQuery(usageQuery(asked))
  const nameOf = useUsageNames(search, group)
  const save = useMutation({
    async mutationFn() {
      const [now, before] = await Promise.all([
        readUsage(asked.now),
        asked.before && readUsage(asked.before),
      ])
      const text = csvOf(group, usageRowsOf(now, before), (id) => nameOf(group, id))
      const name = `usage-by-${group}-${periods.now.from}-${periods.now.to}.csv`
      saveBlob(new Blob([text], { type: 'text/csv' }), name)
    },
  })
  // Without known prices a chart of the cost would be empty.
  const measure =
    search.measure ?? (usage.data && costOf(usage.data.now.sum) === null ? 'tokens' : 'cost')
  return (
    <Screen
      title="Usage"
      actions={
        <Button
          size="xs"
          variant="default"
          loading={save.isPending}
          disabled={!usage.data}
          onClick={() => save.mutate()}
        >
          Download CSV
        </Button>
      }
    >
      <UsageFilters measure={measure} nameOf={nameOf} />
      {usage.isError && <Failure error={usage.error} retry={usage.refetch} />}
      {save.isError && <Refusal error={save.error} />}
      {usage.isPending && <Skeleton />}
      {usage.data && (
        <Report {...{ search, measure, periods, filters, nameOf }} reports={usage.data} />
      )}
    </Screen>
  )
}

type ReportProps = {
  search: UsageSearch
  measure: 'cost' | 'tokens'
  periods: ReturnType<typeof periodsOf>
  filters: UsageQuery
  reports: UsageReports
  nameOf: (group: UsageGroup, id: string) => string
}

function Report({ search, measure, periods, filters, reports, nameOf: namesOf }: ReportProps) {
  const { now, before } = reports
  // Of reports that are still shown while the next ones load.
  const group = now.group_by[0]!
  const nameOf = (id: string) => namesOf(group, id)
  const rows = usageRowsOf(now, before)
  const colors = colorsOf(group, rows, nameOf)
  const rest = rows.filter(({ id, now }) => now.model_calls > 0 && !colors.has(id))
  const restName = rest.length === 1 ? nameOf(rest[0]!.id) : 'Other'
  const common = { group, measure, nameOf, colors }
  if (now.sum.model_calls === 0 && !before?.sum.model_calls) {
    return (
      <Empty title="No usage in this period">
        Tokens and cost of model calls appear here after the first turn.
      </Empty>
    )
  }
  return (
    <div className="scroll">
      <Totals now={now.sum} before={before?.sum} />
      <p className="usage-note">
        {spanText(periods.now)}
        {periods.before && `, compared with ${spanText(periods.before)}`}.{' '}
        <Link to="/" search={sessionsOf(search)}>
          Sessions created in this period
        </Link>
      </p>
      {periods.length > 1 && (
        <UsageChart {...common} {...{ periods, reports, restName }} query={filters} />
      )}
      <UsageTable
        {...common}
        search={search}
        rows={rows}
        sum={{ id: '', now: now.sum, before: before?.sum }}
      />
      {now.data.length < now.total && (
        <p className="usage-note">
          {now.data.length.toLocaleString('en')} of {now.total.toLocaleString('en')} rows. The CSV
          file has all.
        </p>
      )}
    </div>
  )
}

function Totals({ now, before }: { now: UsageSums; before: UsageSums | undefined }) {
  const count = (value: number) => value.toLocaleString('en')
  const figures = [
    ['Cost', costText(costOf(now)), changeText(costOf(now), before && costOf(before))],
    ['Calls', count(now.model_calls), changeText(now.model_calls, before?.model_calls)],
    ['Input tokens', count(now.input_tokens), changeText(now.input_tokens, before?.input_tokens)],
    [
      'Cached input',
      count(now.cache_read_tokens),
      changeText(now.cache_read_tokens, before?.cache_read_tokens),
    ],
    [
      'Output tokens',
      count(now.output_tokens),
      changeText(now.output_tokens, before?.output_tokens),
    ],
  ] as const
  return (
    <dl className="usage-totals">
      {figures.map(([name, value, change]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>
            {value} <span>{change}</span>
          </dd>
        </div>
      ))}
    </dl>
  )
}
