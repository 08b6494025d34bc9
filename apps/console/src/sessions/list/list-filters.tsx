import { Group } from '@mantine/core'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useAgentChoices } from '../../queries/agents.ts'
import type { SessionsSearch } from '../../search.ts'
import { FilterSelect } from '../../shell/filter-select.tsx'
import { Words } from '../../shell/words.tsx'

const statuses = [
  { value: 'started', label: 'New' },
  { value: 'active', label: 'Active' },
  { value: 'waiting', label: 'Waiting' },
  { value: 'idle', label: 'Idle' },
  { value: 'failed', label: 'Failed' },
] as const

/** Filters of the list, stored in the URL. */
export function SessionFilters() {
  const { search, status, agent, tag } = useSearch({ from: '/' })
  const navigate = useNavigate({ from: '/' })
  const choices = [...useAgentChoices()]
  const set = (change: SessionsSearch) =>
    navigate({ search: (before) => ({ ...before, ...change }), replace: true })
  // Sessions of archived agents stay listed.
  if (agent && !choices.some(({ value }) => value === agent)) {
    choices.push({ value: agent, label: 'Archived agent' })
  }
  return (
    <Group className="session-filters" gap="xs" role="search" aria-label="Sessions">
      <Words
        label="Search"
        placeholder="Search titles and first messages"
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
      <Words
        label="Tag"
        placeholder="Any tag"
        lengthMax={100}
        value={tag}
        onChange={(text) => set({ tag: text })}
        className="session-tag-filter"
      />
    </Group>
  )
}
