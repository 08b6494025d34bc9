import { Button, Group, Stack, TextInput } from '@mantine/core'
import { useDebouncedCallback } from '@mantine/hooks'
import { useQuery } from '@tanstack/react-query'
import { NumberField } from '../../form/number-field.tsx'
import { modelsQuery } from '../../queries/models.ts'
import type { SessionsSearch } from '../../search.ts'
import { FilterSelect } from '../../shell/list/filter-select.tsx'
import { TextFilter } from '../../shell/list/text-filter.tsx'
import { furtherFilters, type SetFilters } from './list-state.ts'

/** A click in another portal would close the filters. */
const inside = { withinPortal: false }

const ratings = [
  { value: 'up', label: 'Good reply' },
  { value: 'down', label: 'Bad reply' },
  { value: 'any', label: 'Rated' },
] as const

/** The filters that are used less often. */
export function MoreFields({ search, set }: { search: SessionsSearch; set: SetFilters }) {
  const { user, model, feedback, cost, since, until } = search
  const publishCost = useDebouncedCallback(
    (value: number | '') => set({ cost: value === '' ? undefined : value }),
    250,
  )
  const models = useQuery(modelsQuery).data ?? []
  const choices = models.map(({ id, display_name, provider_name }) => ({
    value: id,
    label: `${display_name} · ${provider_name}`,
  }))
  if (model && !models.some(({ id }) => id === model)) {
    choices.push({ value: model, label: 'Another model' })
  }
  const day = (name: 'since' | 'until', label: string, value: string | undefined) => (
    <TextInput
      type="date"
      size="xs"
      label={label}
      value={value ?? ''}
      onChange={({ currentTarget }) => set({ [name]: currentTarget.value || undefined })}
    />
  )
  return (
    <Stack gap="xs" w={260}>
      <TextFilter
        label="User"
        placeholder="Any user"
        value={user}
        onChange={(text) => set({ user: text })}
      />
      <FilterSelect
        label="Model"
        comboboxProps={inside}
        any="Any model"
        searchable
        limit={100}
        data={choices}
        value={model}
        onChange={(value) => set({ model: value })}
      />
      <FilterSelect
        label="Rating"
        comboboxProps={inside}
        any="Any rating or none"
        data={ratings}
        value={feedback}
        onChange={(value) => set({ feedback: value })}
      />
      <NumberField
        size="xs"
        label="Cost more than"
        prefix="$"
        allowNegative={false}
        max={1_000_000}
        decimalScale={4}
        hideControls
        value={cost ?? ''}
        onChange={publishCost}
      />
      <Group gap="xs" grow>
        {day('since', 'Created from (UTC)', since)}
        {day('until', 'to (UTC)', until)}
      </Group>
      <Button
        size="xs"
        variant="subtle"
        onClick={() => set(Object.fromEntries(furtherFilters.map((name) => [name, undefined])))}
      >
        Clear these filters
      </Button>
    </Stack>
  )
}
