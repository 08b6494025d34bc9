import { Button, Group, Popover } from '@mantine/core'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { Suspense } from 'react'
import { useAgentChoices } from '../../queries/agents.ts'
import { FilterSelect } from '../../shell/list/filter-select.tsx'
import { TextFilter } from '../../shell/list/text-filter.tsx'
import { lazyPart } from '../../shell/screen/lazy-part.ts'
import { furtherFilters, type SetFilters } from './list-state.ts'

const statuses = [
  { value: 'started', label: 'New' },
  { value: 'active', label: 'Active' },
  { value: 'waiting', label: 'Waiting' },
  { value: 'idle', label: 'Idle' },
  { value: 'failed', label: 'Failed' },
] as const

const MoreFields = lazyPart(() =>
  import('./more-fields.tsx').then((all) => ({ default: all.MoreFields })),
)

/** Filters of the list, stored in the URL. */
export function SessionFilters() {
  const { search, status, agent, tag } = useSearch({ from: '/' })
  const navigate = useNavigate({ from: '/' })
  const choices = [...useAgentChoices()]
  const set: SetFilters = (change) =>
    navigate({ search: (before) => ({ ...before, ...change }), replace: true })
  // Sessions of archived agents stay listed.
  if (agent && !choices.some(({ value }) => value === agent)) {
    choices.push({ value: agent, label: 'Archived agent' })
  }
  return (
    <Group className="session-filters" gap="xs" role="search" aria-label="Sessions">
      <TextFilter
        label="Search"
        placeholder="Search conversations"
        value={search}
        onChange={(text) => set({ search: text })}
        className="session-search"
      />
      <FilterSelect
        label="Status"
        any="Any status"
        data={statuses}
        value={status}
        onChange={(value) => set({ status: value })}
        w={120}
      />
      <FilterSelect
        label="Agent"
        any="Any agent"
        searchable
        limit={100}
        data={choices}
        value={agent}
        onChange={(value) => set({ agent: value })}
        w={160}
      />
      <TextFilter
        label="Tag"
        placeholder="Any tag"
        lengthMax={100}
        value={tag}
        onChange={(text) => set({ tag: text })}
        className="session-tag-filter"
      />
      <MoreFilters set={set} />
    </Group>
  )
}

/** Filters that are used less often. The button shows that some are set. */
function MoreFilters({ set }: { set: SetFilters }) {
  const search = useSearch({ from: '/' })
  const count = furtherFilters.filter((name) => search[name] !== undefined).length
  return (
    <Popover position="bottom-end" trapFocus withinPortal>
      <Popover.Target>
        <Button size="xs" variant="default">
          {count === 0 ? 'Filters' : `Filters (${count})`}
        </Button>
      </Popover.Target>
      <Popover.Dropdown>
        <Suspense>
          <MoreFields search={search} set={set} />
        </Suspense>
      </Popover.Dropdown>
    </Popover>
  )
}
