import { ActionIcon, Button, Group, Popover, Stack, TextInput } from '@mantine/core'
import { Link, useSearch } from '@tanstack/react-router'
import { type FormEvent, useState } from 'react'
import { readSessionsSearch, type SessionsSearch } from '../../search.ts'
import { Icon } from '../../shell/controls/icon.tsx'
import { escaped } from '../../shell/text/escapes.ts'
import { removeView, saveView, useViews, viewNameMax } from './views.ts'

/** The state of the list without dialogs, empty values and other parameters, in one order. */
const viewStateOf = (search: SessionsSearch): SessionsSearch =>
  Object.fromEntries(
    Object.entries(readSessionsSearch(search))
      .filter(([name, value]) => name !== 'new' && value !== undefined)
      .sort(([one], [other]) => one.localeCompare(other)),
  )
const isSameView = (one: SessionsSearch, other: SessionsSearch) =>
  JSON.stringify(viewStateOf(one)) === JSON.stringify(viewStateOf(other))

/** Saved views as links, and a button that saves the current one. */
export function SavedViews() {
  const search = useSearch({ from: '/' })
  const views = useViews()
  const isPlain = isSameView(search, {})
  const isSaved = views.some((view) => isSameView(view.search, search))
  if (views.length === 0 && isPlain) return null
  const all = [{ name: 'All sessions', search: {} }, ...views]
  return (
    <Group component="nav" className="session-views" gap={4} aria-label="Views">
      {all.map((view, at) => (
        <span
          key={view.name}
          className="session-view"
          data-current={isSameView(view.search, search)}
        >
          <Link
            to="/"
            search={view.search}
            aria-current={isSameView(view.search, search) ? 'page' : undefined}
          >
            {escaped(view.name)}
          </Link>
          {at > 0 && (
            <ActionIcon
              size={24}
              variant="subtle"
              color="gray"
              aria-label={`Remove view ${view.name}`}
              onClick={() => removeView(view.name)}
            >
              <Icon name="close" size={12} />
            </ActionIcon>
          )}
        </span>
      ))}
      {!isPlain && !isSaved && <SaveView search={search} />}
    </Group>
  )
}

function SaveView({ search }: { search: SessionsSearch }) {
  const [isOpen, setOpen] = useState(false)
  const [name, setName] = useState('')
  const [problem, setProblem] = useState<string>()
  function submit(event: FormEvent) {
    event.preventDefault()
    const refusal = saveView({ name: name.trim(), search: viewStateOf(search) })
    setProblem(refusal)
    if (!refusal) setOpen(false)
  }
  return (
    <Popover opened={isOpen} onChange={setOpen} trapFocus withinPortal position="bottom-start">
      <Popover.Target>
        <Button size="compact-xs" variant="subtle" onClick={() => setOpen(!isOpen)}>
          Save view
        </Button>
      </Popover.Target>
      <Popover.Dropdown>
        <form onSubmit={submit}>
          <Stack gap="xs">
            <TextInput
              size="xs"
              label="Name of the view"
              description="Saved in this browser"
              maxLength={viewNameMax}
              value={name}
              onChange={({ currentTarget }) => setName(currentTarget.value)}
              error={problem}
              data-autofocus
            />
            <Button size="xs" type="submit" disabled={name.trim() === ''}>
              Save view
            </Button>
          </Stack>
        </form>
      </Popover.Dropdown>
    </Popover>
  )
}
