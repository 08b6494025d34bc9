import { Group, Select, TextInput } from '@mantine/core'
import { useDebouncedCallback } from '@mantine/hooks'
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useEffect, useState } from 'react'
import { agentsQuery } from '../agents/agents-query.ts'
import type { SessionSearch } from '../router.tsx'

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
        value={tag}
        onChange={(text) => set({ tag: text })}
        className="session-tag-filter"
      />
    </Group>
  )
}

type WordsProps = {
  label: string
  placeholder: string
  value: string | undefined
  onChange: (text: string | undefined) => void
  className: string
}

/** Text that takes effect when one stops writing. */
function Words({ label, placeholder, value, onChange, className }: WordsProps) {
  const [text, setText] = useState(value ?? '')
  const tell = useDebouncedCallback((now: string) => onChange(now.trim() || undefined), 250)
  useEffect(
    () => setText((before) => (before.trim() === (value ?? '') ? before : (value ?? ''))),
    [value],
  )
  return (
    <TextInput
      size="xs"
      aria-label={label}
      placeholder={placeholder}
      maxLength={label === 'Tag' ? 100 : 200}
      value={text}
      onChange={({ currentTarget }) => {
        setText(currentTarget.value)
        tell(currentTarget.value)
      }}
      className={className}
    />
  )
}
