import { Table } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import type { UsageSearch } from '../search.ts'
import { costText } from '../shell/text/money.ts'
import { type Measure, otherColor } from './chart.tsx'
import { groupWords } from './names.ts'
import {
  allTokensOf,
  causeOf,
  changeText,
  costOf,
  type UsageGroup,
  type UsageRow,
  type UsageSums,
} from './report.ts'

type TableProps = {
  search: UsageSearch
  group: UsageGroup
  measure: Measure
  rows: readonly UsageRow[]
  sum: UsageRow
  /** Colors of the rows that the chart shows. */
  colors: ReadonlyMap<string, string>
  nameOf: (id: string) => string
}

/** The sums of each group. A row links to what explains it. */
export function UsageTable({ search, group, measure, rows, sum, colors, nameOf }: TableProps) {
  return (
    <Table.ScrollContainer minWidth={560} className="usage-table">
      <Table aria-label="Usage" horizontalSpacing="md" verticalSpacing={6}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th scope="col">{groupWords[group]}</Table.Th>
            {['Cost', 'Change', 'Calls', 'Input tokens', 'Output tokens'].map((head) => (
              <Table.Th key={head} scope="col" ta="right">
                {head}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map((row) => (
            <UsageTableRow key={row.id} row={row} measure={measure}>
              <Cause search={search} group={group} id={row.id}>
                {group !== 'day' && <i style={{ background: colors.get(row.id) ?? otherColor }} />}
                {nameOf(row.id)}
              </Cause>
            </UsageTableRow>
          ))}
        </Table.Tbody>
        <Table.Tfoot>
          <UsageTableRow row={sum} measure={measure}>
            Total
          </UsageTableRow>
        </Table.Tfoot>
      </Table>
    </Table.ScrollContainer>
  )
}

type RowProps = { row: UsageRow; measure: Measure; children: ReactNode }

const number = new Intl.NumberFormat('en')

const amountOf = (measure: Measure, sums: UsageSums) =>
  measure === 'cost' ? costOf(sums) : allTokensOf(sums)

const usageAmountText = (measure: Measure, sums: UsageSums) =>
  measure === 'cost' ? costText(costOf(sums)) : `${number.format(allTokensOf(sums))} tokens`

const UsageTableRow = ({ row: { now, before }, measure, children }: RowProps) => (
  <Table.Tr>
    <Table.Th scope="row">{children}</Table.Th>
    <Table.Td ta="right">{costText(costOf(now))}</Table.Td>
    <Table.Td
      ta="right"
      title={before && `${usageAmountText(measure, before)} in the period before`}
    >
      {changeText(amountOf(measure, now), before && amountOf(measure, before))}
    </Table.Td>
    <Table.Td ta="right">{number.format(now.model_calls)}</Table.Td>
    <Table.Td ta="right">{number.format(now.input_tokens)}</Table.Td>
    <Table.Td ta="right">{number.format(now.output_tokens)}</Table.Td>
  </Table.Tr>
)

type CauseProps = { search: UsageSearch; group: UsageGroup; id: string; children: ReactNode }

/** The name of a row as a link that covers its numbers. */
function Cause({ search, group, id, children }: CauseProps) {
  const cause = causeOf(search, group, id)
  if (!cause) return children
  return 'sessions' in cause ? (
    <Link to="/" search={cause.sessions}>
      {children}
    </Link>
  ) : (
    <Link to="/usage" search={cause.usage}>
      {children}
    </Link>
  )
}
