import './models.css'
import { Checkbox, Group } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useVirtualizer } from '@tanstack/react-virtual'
import { useMemo, useRef } from 'react'
import { allModelsQuery, type ListedModel, modelsQuery } from '../queries/models.ts'
import { providersQuery } from '../queries/providers.ts'
import type { ProvidersSearch } from '../search.ts'
import { FilterSelect } from '../shell/filter-select.tsx'
import { Empty, Failure } from '../shell/screen.tsx'
import { Words } from '../shell/words.tsx'
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
        <Words
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
          w={130}
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
      {failed && <Failure error={failed.error} retry={failed.refetch} />}
      {usable.isSuccess && found.length === 0 && (
        <Empty title="No models match">
          Change the filters, or add a provider and sync its models.
        </Empty>
      )}
      <Rows models={found} />
    </>
  )
}

const rowHeight = 58

function Rows({ models }: { models: readonly ListedModel[] }) {
  const box = useRef<HTMLDivElement>(null)
  const virtual = useVirtualizer({
    count: models.length,
    getScrollElement: () => box.current,
    estimateSize: () => rowHeight,
    overscan: 10,
  })
  return (
    <div ref={box} className="scroll">
      <ul className="model-rows" aria-label="Models" style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map(({ index, start }) => {
          const model = models[index]!
          return (
            <li
              key={model.id}
              aria-label={model.display_name}
              style={{ transform: `translateY(${start}px)` }}
            >
              <ModelRow model={model} />
            </li>
          )
        })}
      </ul>
    </div>
  )
}
