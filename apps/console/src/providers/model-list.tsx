import './models.css'
import { Checkbox, Group } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useMemo } from 'react'
import { allModelsQuery, type ListedModel, modelsQuery } from '../queries/models.ts'
import { providersQuery } from '../queries/providers.ts'
import type { ProvidersSearch } from '../search.ts'
import { ClearFilters } from '../shell/list/clear-filters.tsx'
import { FilterSelect } from '../shell/list/filter-select.tsx'
import { List, type ListColumn } from '../shell/list/list.tsx'
import { LongRows } from '../shell/list/long-rows.tsx'
import type { Sortable } from '../shell/list/sort.ts'
import { TextFilter } from '../shell/list/text-filter.tsx'
import { Empty } from '../shell/screen/screen.tsx'
import { byRank, isListed } from './listed.ts'
import { ModelRow } from './model-row.tsx'

/** Loads usable models. `isAll`: also disabled and stale models. */
function useListed(isAll: boolean) {
  const usable = useQuery(modelsQuery)
  const providers = useQuery(providersQuery)
  const others = useQuery({
    ...allModelsQuery(providers.data?.data ?? []),
    enabled: isAll && providers.isSuccess,
  })
  const models = useMemo(() => {
    const known = usable.data ?? []
    if (!isAll) return known
    const ids = new Set(known.map(({ id }) => id))
    return [...known, ...(others.data ?? []).filter(({ id }) => !ids.has(id))]
  }, [usable.data, others.data, isAll])
  return {
    models,
    failed: [usable, providers, others].find(({ isError }) => isError),
    usable,
    providers,
  }
}

export function ModelList() {
  const filters = useSearch({ from: '/providers' })
  const { models, failed, usable, providers } = useListed(filters.all === true)
  const navigate = useNavigate({ from: '/providers' })
  const set = (change: ProvidersSearch) =>
    navigate({ search: (before) => ({ ...before, ...change }), replace: true })
  const found = useMemo(
    () => models.filter((model) => isListed(model, filters)).sort(byRank),
    [models, filters],
  )
  return (
    <>
      <Group className="filter-bar" gap="xs" role="search">
        <TextFilter
          label="Search"
          placeholder="Search models"
          value={filters.search}
          onChange={(search) => set({ search })}
          className="grows"
        />
        <FilterSelect
          w={150}
          label="Provider"
          any="Any provider"
          data={(providers.data?.data ?? []).map(({ id, name }) => ({ value: id, label: name }))}
          value={filters.provider}
          onChange={(provider) => set({ provider: provider })}
        />
        <FilterSelect
          w={160}
          label="Input type"
          any="Any input type"
          data={[
            { value: 'image', label: 'Image input' },
            { value: 'audio', label: 'Audio input' },
            { value: 'video', label: 'Video input' },
          ]}
          value={filters.takes}
          onChange={(takes) => set({ takes: takes })}
        />
        <Checkbox
          size="xs"
          label="Favorites"
          checked={filters.favorites ?? false}
          onChange={({ currentTarget }) => set({ favorites: currentTarget.checked || undefined })}
        />
        <Checkbox
          size="xs"
          label="Show disabled"
          checked={filters.all ?? false}
          onChange={({ currentTarget }) => set({ all: currentTarget.checked || undefined })}
        />
      </Group>
      <List
        label="Models"
        columns={columns}
        query={failed ?? usable}
        items={found}
        sort={sort}
        Rows={LongRows}
        empty={
          <Empty title="No models match">
            Change the filters, or add a provider and sync its models.
            <ClearFilters />
          </Empty>
        }
        row={(model, place) => <ModelRow key={model.id} model={model} place={place} />}
      />
    </>
  )
}

const columns: ListColumn[] = [
  { id: 'name', head: 'Model', width: 'minmax(160px, 1.6fr)', sort: 'asc' },
  {
    id: 'provider',
    head: 'Provider',
    width: 'minmax(100px, 0.9fr)',
    sort: 'asc',
    from: 'medium',
    isSecond: true,
  },
  { id: 'takes', head: 'Takes', width: 'minmax(0, 1fr)', from: 'wide' },
  { id: 'context', head: 'Context', width: '64px', sort: 'desc', isRight: true, from: 'medium' },
  { id: 'output', head: 'Output', width: '60px', sort: 'desc', isRight: true, from: 'wide' },
  { id: 'input', head: 'Input / 1M', width: '76px', sort: 'asc', isRight: true, from: 'medium' },
  { id: 'cost', head: 'Output / 1M', width: '80px', sort: 'asc', isRight: true, from: 'medium' },
  { id: 'actions', head: '', width: '28px' },
]

const sort: Sortable<ListedModel> = {
  name: ({ display_name }) => display_name,
  provider: ({ provider_name }) => provider_name,
  context: ({ profile }) => profile?.limits?.context,
  output: ({ profile }) => profile?.limits?.output,
  input: ({ profile }) => profile?.cost?.input,
  cost: ({ profile }) => profile?.cost?.output,
}
