import { Modal, TextInput } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { useQuery } from '@tanstack/react-query'
import { useRouter } from '@tanstack/react-router'
import { type KeyboardEvent, useEffect, useRef, useState } from 'react'
import { agentsQuery } from '../queries/agents.ts'
import { newestSessionsQuery } from '../queries/sessions.ts'
import { Icon, type IconName } from './icon.tsx'
import { places } from './places.ts'
import type { Overlay } from './shortcuts.ts'

type Choice = { id: string; icon: IconName; label: string; kind: string; act: () => unknown }

const shownMax = { agents: 6, sessions: 8 }
const pauseMs = 150

type PaletteProps = { close: () => void; show: (overlay: Overlay) => void }

/** One field for everything: places, what can be begun, agents, sessions by their words. */
export function Palette({ close, show }: PaletteProps) {
  const [text, setText] = useState('')
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
      attributes={{ content: { 'aria-label': 'Search and go' } }}
    >
      <TextInput
        ref={focusAtOnce}
        data-autofocus
        placeholder="Where to, or what about?"
        aria-label="Search and go"
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

/** The dialog gives the focus a moment later, when the first letters may have been typed. */
function focusAtOnce(field: HTMLInputElement | null) {
  field?.focus({ preventScroll: true })
}

type ChoicesProps = {
  choices: Choice[]
  chosenId: string | undefined
  take: (choice: Choice) => void
  list: React.RefObject<HTMLDivElement | null>
}

/** Keys are taken by the field, which keeps the focus. */
function Choices({ choices, chosenId, take, list }: ChoicesProps) {
  return (
    <div className="palette-list" id="palette" role="listbox" aria-label="Found" ref={list}>
      {choices.map((choice) => (
        // biome-ignore lint/a11y/useKeyWithClickEvents: the field takes the keys
        // biome-ignore lint/a11y/useFocusableInteractive: the field keeps the focus
        <div
          key={choice.id}
          id={`palette-${choice.id}`}
          role="option"
          aria-selected={choice.id === chosenId}
          onClick={() => take(choice)}
        >
          <Icon name={choice.icon} />
          <span className="palette-label">{choice.label}</span>
          <span className="palette-kind">{choice.kind}</span>
        </div>
      ))}
    </div>
  )
}

function useChoices(text: string, show: (overlay: Overlay) => void): Choice[] {
  const agents = useAgentChoices()
  const sessions = useSessionChoices(text)
  const fixed = [...useActions(show), ...usePlaces()]
  const word = text.toLowerCase()
  const fits = ({ label }: Choice) => label.toLowerCase().includes(word)
  return [...fixed.filter(fits), ...agents.filter(fits).slice(0, shownMax.agents), ...sessions]
}

function useActions(show: (overlay: Overlay) => void): Choice[] {
  const { navigate } = useRouter()
  const action = (id: string, label: string, act: () => unknown): Choice => ({
    ...{ id, label, act, icon: 'plus', kind: 'Do' },
  })
  return [
    action('new-session', 'New session', () => navigate({ to: '/', search: { new: true } })),
    action('new-agent', 'New agent', () => navigate({ to: '/agents/new' })),
    { ...action('keys', 'Keys', () => show('keys')), icon: 'gear' },
  ]
}

function usePlaces(): Choice[] {
  const { navigate } = useRouter()
  return places.map(({ to, label, icon }) => ({
    ...{ id: `place-${label.replaceAll(' ', '-')}`, label, icon, kind: 'Go to' },
    act: () => navigate({ href: to }),
  }))
}

function useAgentChoices(): Choice[] {
  const { navigate } = useRouter()
  const { data } = useQuery(agentsQuery)
  return (data?.data ?? []).map(({ id, name }) => ({
    ...{ id, label: name, icon: 'agent', kind: 'Agent' },
    act: () => navigate({ to: '/agents/$agentId', params: { agentId: id } }),
  }))
}

/** The newest that have the words in them. */
function useSessionChoices(text: string): Choice[] {
  const { navigate } = useRouter()
  const [search] = useDebouncedValue(text, pauseMs)
  const { data } = useQuery(newestSessionsQuery(shownMax.sessions, search))
  return (data?.data ?? []).map(({ id, title, preview }) => ({
    ...{ id, label: title ?? preview ?? 'A session without words', icon: 'session' },
    kind: 'Session',
    act: () => navigate({ to: '/sessions/$sessionId', params: { sessionId: id } }),
  }))
}
