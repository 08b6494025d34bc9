import { Modal, TextInput, useMantineColorScheme } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { useQuery } from '@tanstack/react-query'
import { useParams, useRouter } from '@tanstack/react-router'
import { type KeyboardEvent, useEffect, useRef, useState } from 'react'
import { agentsQuery } from '../queries/agents.ts'
import { newestSessionsQuery } from '../queries/sessions.ts'
import { panels } from '../sessions/panels/panels.ts'
import { Icon, type IconName } from './controls/icon.tsx'
import { schemes } from './scheme.tsx'
import { places } from './screen/places.ts'
import { offeredActions } from './screen/screen-actions.ts'
import type { Overlay } from './shortcuts.ts'
import { escaped } from './text/escapes.ts'

type Choice = { id: string; icon: IconName; label: string; kind: string; act: () => unknown }

const shownMax = { agents: 6, sessions: 8 }
const pauseMs = 150

export type PaletteProps = {
  close: () => void
  show: (overlay: Overlay) => void
  /** Text that was typed before the palette was loaded. */
  initial: string
}

/** The command palette: actions, screens, agents and sessions. */
export function Palette({ close, show, initial }: PaletteProps) {
  const [text, setText] = useState(initial)
  const [at, setAt] = useState(0)
  const choices = useChoices(text.trim(), show)
  const chosen = Math.min(at, Math.max(0, choices.length - 1))
  const list = useRef<HTMLDivElement>(null)
  const chosenId = choices[chosen]?.id
  useEffect(() => {
    if (!chosenId) return
    list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: 'nearest' })
  }, [chosenId])

  function take(choice: Choice | undefined) {
    if (!choice) return
    close()
    choice.act()
  }

  function onKeyDown(event: KeyboardEvent) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (step) setAt((chosen + step + choices.length) % Math.max(1, choices.length))
    else if (event.key === 'Enter' && !event.nativeEvent.isComposing) take(choices[chosen])
    else return
    event.preventDefault()
  }

  return (
    <Modal
      opened
      onClose={close}
      withCloseButton={false}
      padding="xs"
      size="lg"
      yOffset="12dvh"
      attributes={{ content: { 'aria-label': 'Search or run a command' } }}
    >
      <TextInput
        ref={focusAtOnce}
        data-autofocus
        placeholder="Search or run a command"
        aria-label="Search or run a command"
        role="combobox"
        aria-expanded
        aria-autocomplete="list"
        aria-controls="palette"
        aria-activedescendant={chosenId && `palette-${chosenId}`}
        leftSection={<Icon name="search" />}
        maxLength={200}
        value={text}
        onChange={({ currentTarget }) => {
          setText(currentTarget.value)
          setAt(0)
        }}
        onKeyDown={onKeyDown}
      />
      <Choices choices={choices} chosenId={chosenId} take={take} list={list} />
    </Modal>
  )
}

/** Focuses the field at once. The dialog would do it later, after the first keys were typed. */
function focusAtOnce(field: HTMLInputElement | null) {
  field?.focus({ preventScroll: true })
}

type ChoicesProps = {
  choices: Choice[]
  chosenId: string | undefined
  take: (choice: Choice) => void
  list: React.RefObject<HTMLDivElement | null>
}

/** The list of results. The field keeps the focus and handles the keys. */
function Choices({ choices, chosenId, take, list }: ChoicesProps) {
  return (
    <div className="palette-list" id="palette" role="listbox" aria-label="Results" ref={list}>
      {choices.map((choice) => (
        // biome-ignore lint/a11y/useKeyWithClickEvents: the field handles the keys
        // biome-ignore lint/a11y/useFocusableInteractive: the field keeps the focus
        <div
          key={choice.id}
          id={`palette-${choice.id}`}
          role="option"
          aria-selected={choice.id === chosenId}
          onClick={() => take(choice)}
        >
          <Icon name={choice.icon} />
          <span className="palette-label">{escaped(choice.label)}</span>
          <span className="palette-kind">{choice.kind}</span>
        </div>
      ))}
    </div>
  )
}

function useChoices(text: string, show: (overlay: Overlay) => void): Choice[] {
  const agents = usePaletteAgents()
  const sessions = useSessionChoices(text)
  const fixed = [...useScreenActions(), ...useActions(show), ...usePlaces()]
  const word = text.toLowerCase()
  const fits = ({ label }: Choice) => label.toLowerCase().includes(word)
  return [...fixed.filter(fits), ...agents.filter(fits).slice(0, shownMax.agents), ...sessions]
}

/** Actions and panels of the open session. */
function useScreenActions(): Choice[] {
  const { navigate } = useRouter()
  const { sessionId } = useParams({ strict: false })
  const [actions] = useState(offeredActions)
  const choices = actions.map(({ label, icon, act }): Choice => {
    return { id: choiceIdOf('screen', label), label, icon, kind: 'Session', act }
  })
  if (!sessionId) return choices
  const views = panels.map((panel): Choice => {
    const address = {
      to: '/sessions/$sessionId',
      params: { sessionId },
      search: { panel },
    } as const
    const label = `Show ${panel}`
    return {
      id: choiceIdOf('screen', label),
      label,
      icon: 'session',
      kind: 'Session',
      act: () => navigate(address),
    }
  })
  return [...choices, ...views]
}

const choiceIdOf = (kind: string, label: string) => `${kind}-${label.replaceAll(' ', '-')}`

function useActions(show: (overlay: Overlay) => void): Choice[] {
  const { navigate } = useRouter()
  const { setColorScheme } = useMantineColorScheme()
  const action = (id: string, label: string, act: () => unknown): Choice => ({
    ...{ id, label, act, icon: 'plus', kind: 'Action' },
  })
  return [
    action('new-session', 'New session', () => navigate({ to: '/', search: { new: true } })),
    action('new-agent', 'New agent', () => navigate({ to: '/agents/new' })),
    { ...action('keys', 'Keyboard shortcuts', () => show('keys')), icon: 'gear' },
    { ...action('docs', 'API reference', () => location.assign('/docs')), icon: 'link' },
    ...schemes.map(({ name, label, icon }) => ({
      ...action(`scheme-${name}`, `${label} theme`, () => setColorScheme(name)),
      icon,
    })),
  ]
}

function usePlaces(): Choice[] {
  const { navigate } = useRouter()
  return places.map(({ to, label, icon }) => ({
    ...{ id: choiceIdOf('place', label), label, icon, kind: 'Navigate' },
    act: () => navigate({ href: to }),
  }))
}

function usePaletteAgents(): Choice[] {
  const { navigate } = useRouter()
  const { data } = useQuery(agentsQuery)
  return (data?.data ?? []).map(({ id, name }) => ({
    ...{ id, label: name, icon: 'agent', kind: 'Agent' },
    act: () => navigate({ to: '/agents/$agentId', params: { agentId: id } }),
  }))
}

/** The newest sessions that match the text. */
function useSessionChoices(text: string): Choice[] {
  const { navigate } = useRouter()
  const [search] = useDebouncedValue(text, pauseMs)
  const { data } = useQuery(newestSessionsQuery(shownMax.sessions, search))
  return (data?.data ?? []).map(({ id, title, preview }) => ({
    ...{ id, label: title ?? preview ?? 'Untitled session', icon: 'session' },
    kind: 'Session',
    act: () => navigate({ to: '/sessions/$sessionId', params: { sessionId: id } }),
  }))
}
