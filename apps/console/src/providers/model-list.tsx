import './models.css'
import { Checkbox, Group, Select } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useVirtualizer } from '@tanstack/react-virtual'
import { useMemo, useRef } from 'react'
import { Empty, Failure } from '../shell/screen.tsx'
import { Words } from '../shell/words.tsx'
import { ModelRow } from './model-row.tsx'
import {
  allModelsQuery,
  type ListedModel,
  providersQuery,
  usableModelsQuery,
} from './providers-query.ts'

type Filters = {
  search?: string | undefined
  provider?: string | undefined
  takes?: 'image' | 'audio' | 'video' | undefined
  favorites?: boolean | undefined
  all?: boolean | undefined
}

const isFound = (model: ListedModel, { search = '', provider, takes, favorites, all }: Filters) =>
  (!provider || model.provider_id === provider) &&
  (!favorites || model.is_favorite) &&
  (all || (model.status === 'active' && !model.is_stale)) &&
  (!takes || (model.profile?.modalities?.input.includes(takes) ?? false)) &&
  `${model.display_name} ${model.model_id}`.toLowerCase().includes(search.toLowerCase())

const rank = ({ is_default, is_favorite }: ListedModel) => (is_default ? 0 : is_favorite ? 1 : 2)

/** The default first, then favourites, then by provider and name. */
const byRank = (one: ListedModel, other: ListedModel) =>
  rank(one) - rank(other) ||
  one.provider_name.localeCompare(other.provider_name) ||
  one.display_name.localeCompare(other.display_name)

/** Models that can be used, and, where asked for, those of one's providers that cannot. */
function useListed(isAll: boolean) {
  const usable = useQuery(usableModelsQuery)
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
  const set = (change: Filters) =>
    navigate({ search: (before) => ({ ...before, ...change }), replace: true })
  const found = useMemo(
    () => models.filter((model) => isFound(model, filters)).sort(byRank),
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
        <Select
          size="xs"
          w={150}
          aria-label="Provider"
          placeholder="Any provider"
          clearable
          data={(providers.data?.data ?? []).map(({ id, name }) => ({ value: id, label: name }))}
          value={filters.provider ?? null}
          onChange={(provider) => set({ provider: provider ?? undefined })}
        />
        <Select
          size="xs"
          w={130}
          aria-label="Takes"
          placeholder="Takes anything"
          clearable
          data={[
            { value: 'image', label: 'Takes images' },
            { value: 'audio', label: 'Takes sound' },
            { value: 'video', label: 'Takes video' },
          ]}
          value={filters.takes ?? null}
          onChange={(takes) => set({ takes: (takes as Filters['takes']) ?? undefined })}
        />
        <Checkbox
          size="xs"
          label="Favourites"
          checked={filters.favorites ?? false}
          onChange={({ currentTarget }) => set({ favorites: currentTarget.checked || undefined })}
        />
        <Checkbox
          size="xs"
          label="Disabled and stale too"
          checked={filters.all ?? false}
          onChange={({ currentTarget }) => set({ all: currentTarget.checked || undefined })}
        />
      </Group>
      {failed && <Failure error={failed.error} retry={failed.refetch} />}
      {usable.isSuccess && found.length === 0 && (
        <Empty title="No model is like that.">
          Look for other words, or add a provider and sync its models.
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
