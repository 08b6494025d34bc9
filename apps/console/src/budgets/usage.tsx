import { Group, Table } from '@mantine/core'
import type { UsageReport } from '@outlast/sdk'
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useAgentNames } from '../queries/agents.ts'
import { usageQuery } from '../queries/budgets.ts'
import { usageDays, usageGroups } from '../search.ts'
import { FilterSelect } from '../shell/filter-select.tsx'
import { Empty, Failure } from '../shell/screen.tsx'

const groupWords = {
  day: 'Day',
  agent: 'Agent',
  model: 'Model',
  user: 'End user',
  key: 'Key',
} as const
const dayMs = 86_400_000

const dollars = (cost: number | null) =>
  cost === null ? 'unknown' : `$${cost.toFixed(cost < 1 ? 4 : 2)}`

const firstDay = (days: number) =>
  new Date(Date.now() - (days - 1) * dayMs).toISOString().slice(0, 'yyyy-mm-dd'.length)

/** Tokens and cost of model calls in a period. */
export function Usage() {
  const { by = 'day', days = 30 } = useSearch({ from: '/budgets' })
  const navigate = useNavigate({ from: '/budgets' })
  const usage = useQuery(usageQuery({ group_by: [by], from: firstDay(days) }))
  return (
    <>
      <Group className="filter-bar" gap="xs" role="search">
        <FilterSelect
          label="Rows"
          any="By day"
          data={usageGroups.map((value) => ({
            value,
            label: `By ${groupWords[value].toLowerCase()}`,
          }))}
          value={by}
          onChange={(value) => navigate({ search: (before) => ({ ...before, by: value }) })}
        />
        <FilterSelect
          label="Period"
          any="30 days"
          data={usageDays.map((value) => ({ value: String(value), label: `${value} days` }))}
          value={String(days)}
          onChange={(value) =>
            navigate({
              search: (before) => ({
                ...before,
                days: usageDays.find((one) => String(one) === value),
              }),
            })
          }
        />
      </Group>
      {usage.isError && <Failure error={usage.error} retry={usage.refetch} />}
      <div className="scroll">{usage.data && <UsageTable report={usage.data} by={by} />}</div>
    </>
  )
}

type UsageGroup = (typeof usageGroups)[number]
type Row = UsageReport['data'][number]

function UsageTable({ report, by }: { report: UsageReport; by: UsageGroup }) {
  const names = useAgentNames()
  if (report.data.length === 0) {
    return <Empty title="No usage yet">Tokens and cost of model calls appear here.</Empty>
  }
  const nameOf = ({ day, agent_id, model, user, key_id }: Row) =>
    day ?? (agent_id ? (names.get(agent_id) ?? agent_id) : (model ?? user ?? key_id)) ?? 'none'
  const rows = report.data.map((row) => ({ name: nameOf(row), ...row }))
  return (
    <Table.ScrollContainer minWidth={480}>
      <Table aria-label="Usage">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{groupWords[by]}</Table.Th>
            <Table.Th>Calls</Table.Th>
            <Table.Th>Input tokens</Table.Th>
            <Table.Th>Output tokens</Table.Th>
            <Table.Th>Cost</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map((row) => (
            <Sums key={row.name} name={row.name} sums={row} />
          ))}
        </Table.Tbody>
        <Table.Tfoot>
          <Sums name="Sum" sums={report.sum} />
        </Table.Tfoot>
      </Table>
    </Table.ScrollContainer>
  )
}

const Sums = ({ name, sums }: { name: string; sums: UsageReport['sum'] }) => (
  <Table.Tr>
    <Table.Th scope="row">{name}</Table.Th>
    <Table.Td>{sums.model_calls.toLocaleString('en')}</Table.Td>
    <Table.Td>{sums.input_tokens.toLocaleString('en')}</Table.Td>
    <Table.Td>{sums.output_tokens.toLocaleString('en')}</Table.Td>
    <Table.Td>{dollars(sums.cost_usd)}</Table.Td>
  </Table.Tr>
)
