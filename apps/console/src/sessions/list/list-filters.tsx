import { Group, Select } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { agentsQuery } from '../../agents/agents-query.ts'
import { Words } from '../../shell/words.tsx'
import type { SessionSearch } from './search.ts'

const statuses = [
  { value: 'started', label: 'New' },
  { value: 'active', label: 'Active' },
  { value: 'idle', label: 'Idle' },
]

/** What is listed. All of it is in the address. */
export function Filters() {
  const { search, status, agent, tag } = useSearch({ from: '/' })
  const navigate = useNavigate({ from: '/' })
  const agents = useQuery(agentsQuery)
  const set = (change: SessionSearch) =>
    navigate({ search: (before) => ({ ...before, ...change }), replace: true })
  const choices = (agents.data?.data ?? []).map(({ id, name }) => ({ value: id, label: name }))
  // An agent that is archived still has its sessions.
  if (agent && !choices.some(({ value }) => value === agent)) {
    choices.push({ value: agent, label: 'Archived agent' })
  }
  return (
    <Group className="session-filters" gap="xs" role="search" aria-label="Sessions">
      <Words
        label="Search"
        placeholder="Search titles and first words"
        value={search}
        onChange={(text) => set({ search: text })}
        className="session-search"
      />
      <Select
        size="xs"
        aria-label="Status"
        placeholder="Any status"
        clearable
        data={statuses}
        value={status ?? null}
        onChange={(value) => set({ status: (value as SessionSearch['status']) ?? undefined })}
        w={120}
      />
      <Select
        size="xs"
        aria-label="Agent"
        placeholder="Any agent"
        clearable
        searchable
        limit={100}
        data={choices}
        value={agent ?? null}
        onChange={(value) => set({ agent: value ?? undefined })}
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
