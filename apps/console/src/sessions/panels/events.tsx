import { Button, Checkbox, Group, MultiSelect, TextInput, UnstyledButton } from '@mantine/core'
import { useDebouncedCallback } from '@mantine/hooks'
import type { Event } from '@outlast/sdk'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useVirtualizer } from '@tanstack/react-virtual'
import { useCallback, useDeferredValue, useEffect, useMemo, useRef, useState } from 'react'
import { Empty } from '../../shell/screen/screen.tsx'
import { escaped } from '../../shell/text/escapes.ts'
import { useKept } from '../parts/kept.tsx'
import { Json } from '../tools/json.tsx'
import { gistOfEvent } from './event-gist.ts'

const rowHeight = 30

/** The stored event log of the session. Updated live. */
export function EventsPanel({ events }: { events: readonly Event[] }) {
  const { types, find } = useSearch({ from: '/sessions/$sessionId' })
  const [isFollowing, setFollowing] = useState(true)
  const chosen = useMemo(() => new Set(types?.split(',')), [types])
  const present = useMemo(() => [...new Set(events.map(({ type }) => type))].sort(), [events])
  const text = useDeferredValue(find?.toLowerCase())
  const shown = useMemo(
    () =>
      events.filter(
        (event) =>
          (chosen.size === 0 || chosen.has(event.type)) &&
          (!text || searchTextOfEvent(event).includes(text)),
      ),
    [events, chosen, text],
  )
  return (
    <>
      <Filters present={present} chosen={[...chosen]} />
      <Group className="panel-line" justify="space-between">
        <span>
          {shown.length === events.length
            ? `${events.length} events`
            : `${shown.length} of ${events.length} events`}
        </span>
        <Checkbox
          size="xs"
          label="Follow new events"
          checked={isFollowing}
          onChange={({ currentTarget }) => setFollowing(currentTarget.checked)}
        />
      </Group>
      {shown.length === 0 ? (
        <Empty title="No events match">Change the search text or the event types.</Empty>
      ) : (
        <EventRows events={shown} isFollowing={isFollowing} />
      )}
    </>
  )
}

const texts = new WeakMap<Event, string>()

function searchTextOfEvent(event: Event): string {
  const known = texts.get(event) ?? JSON.stringify(event).toLowerCase()
  texts.set(event, known)
  return known
}

function Filters({ present, chosen }: { present: string[]; chosen: string[] }) {
  const { find } = useSearch({ from: '/sessions/$sessionId' })
  const navigate = useNavigate({ from: '/sessions/$sessionId' })
  const look = useDebouncedCallback((text: string) => {
    navigate({ search: (before) => ({ ...before, find: text || undefined }), replace: true })
  }, 200)
  return (
    <Group className="panel-tools" gap="xs" align="flex-start">
      <TextInput
        size="xs"
        aria-label="Search events"
        placeholder="Search events"
        defaultValue={find}
        onChange={({ currentTarget }) => look(currentTarget.value)}
        flex={1}
        miw={120}
      />
      <MultiSelect
        size="xs"
        aria-label="Event types"
        placeholder={chosen.length === 0 ? 'All types' : undefined}
        data={[...new Set([...present, ...chosen])]}
        value={chosen}
        onChange={(list) =>
          navigate({
            search: (before) => ({ ...before, types: list.join(',') || undefined }),
            replace: true,
          })
        }
        searchable
        clearable
        flex={1}
        miw={140}
      />
    </Group>
  )
}

function EventRows({ events, isFollowing }: { events: readonly Event[]; isFollowing: boolean }) {
  const box = useRef<HTMLDivElement>(null)
  const virtual = useVirtualizer({
    count: events.length,
    getScrollElement: () => box.current,
    estimateSize: () => rowHeight,
    getItemKey: useCallback((at: number) => events[at]!.id, [events]),
    overscan: 12,
    anchorTo: 'end',
    followOnAppend: isFollowing,
    scrollEndThreshold: rowHeight * 2,
  })
  // biome-ignore lint/correctness/useExhaustiveDependencies: scrolls to the end once
  useEffect(() => {
    if (isFollowing) virtual.scrollToEnd()
  }, [isFollowing])
  return (
    <div ref={box} className="scroll">
      <div className="tall" style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map(({ index, key, start }) => (
          <div
            key={key}
            ref={virtual.measureElement}
            data-index={index}
            className="line"
            style={{ transform: `translateY(${start}px)` }}
          >
            <EventRow event={events[index]!} />
          </div>
        ))}
      </div>
    </div>
  )
}

const time = new Intl.DateTimeFormat('en', {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  fractionalSecondDigits: 3,
  hour12: false,
})

function EventRow({ event }: { event: Event }) {
  const { id, sequence, ts, type } = event
  const gist = useMemo(() => gistOfEvent(event), [event])
  const [isOpen, setOpen] = useKept(`event ${id}`, false)
  const navigate = useNavigate({ from: '/sessions/$sessionId' })
  return (
    <div className="event">
      <UnstyledButton
        className="event-head"
        aria-expanded={isOpen}
        onClick={() => setOpen(!isOpen)}
      >
        <span className="event-number">{sequence}</span>
        <span className="event-type">{type}</span>
        <span className="event-gist">{escaped(gist)}</span>
        <time dateTime={ts} title={ts}>
          {time.format(new Date(ts))}
        </time>
      </UnstyledButton>
      {isOpen && (
        <div className="event-inside">
          <Json name={`event ${id}`} label="Event" value={event} />
          <Button
            size="compact-xs"
            variant="default"
            mt={4}
            onClick={() => navigate({ search: (before) => ({ ...before, types: type }) })}
          >
            Show only {type}
          </Button>
        </div>
      )}
    </div>
  )
}
