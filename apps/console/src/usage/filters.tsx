import { Group, Pill, SegmentedControl, Select } from '@mantine/core'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { type UsageSearch, usageDays, usageGroups } from '../search.ts'
import type { Measure } from './chart.tsx'
import { groupWords } from './names.ts'
import { daysDefault, groupOf, type UsageGroup } from './report.ts'

const groups = usageGroups.map((value) => {
  return { value, label: `By ${groupWords[value].toLowerCase()}` }
})
const periods = usageDays.map((value) => ({ value: String(value), label: `${value} days` }))

const measures = [
  { value: 'cost', label: 'Cost' },
  { value: 'tokens', label: 'Tokens' },
]
const filters = ['day', 'agent', 'model', 'user', 'key'] as const

type FiltersProps = {
  measure: Measure
  nameOf: (group: (typeof filters)[number], id: string) => string
}

/** Groups, period, measure, and the filters that links have set. All are in the URL. */
export function UsageFilters({ measure, nameOf }: FiltersProps) {
  const search = useSearch({ from: '/usage' })
  const navigate = useNavigate({ from: '/usage' })
  const set = (change: UsageSearch) => navigate({ search: (before) => ({ ...before, ...change }) })
  const by = groupOf(search)
  return (
    <Group className="filter-bar" gap="xs" role="search" aria-label="Usage">
      <Select
        size="xs"
        aria-label="Group"
        allowDeselect={false}
        data={groups}
        value={by}
        onChange={(value) =>
          set({ by: value as UsageGroup, ...(value === 'day' && { day: undefined }) })
        }
        w={130}
      />
      {!search.day && (
        <Select
          size="xs"
          aria-label="Period"
          allowDeselect={false}
          data={periods}
          value={String(search.days ?? daysDefault)}
          onChange={(value) => set({ days: usageDays.find((one) => String(one) === value) })}
          w={110}
        />
      )}
      <SegmentedControl
        size="xs"
        aria-label="Measure"
        data={measures}
        value={measure}
        onChange={(value) => set({ measure: value as Measure })}
      />
      {filters.map((filter) => {
        const id = search[filter]
        if (!id) return null
        const label = `${groupWords[filter]}: ${nameOf(filter, id)}`
        return (
          <Pill
            key={filter}
            withRemoveButton
            onRemove={() => set({ [filter]: undefined })}
            removeButtonProps={{
              'aria-label': `Clear ${label}`,
              'aria-hidden': false,
              tabIndex: 0,
            }}
          >
            {label}
          </Pill>
        )
      })}
    </Group>
  )
}
