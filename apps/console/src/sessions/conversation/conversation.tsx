import { Button } from '@mantine/core'
import { useWindowEvent } from '@mantine/hooks'
import type { ToolCallItem, Transcript, TranscriptItem } from '@outlast/sdk'
import { useVirtualizer } from '@tanstack/react-virtual'
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react'
import { Icon } from '../../shell/controls/icon.tsx'
import { Empty } from '../../shell/screen/screen.tsx'
import { Skeleton } from '../../shell/screen/skeleton.tsx'
import { usePreloaded } from '../../shell/screen/use-preloaded.ts'
import type { Outgoing } from '../composer/outbox.ts'
import { todosOf } from '../tools/arguments.ts'
import { Announcer } from './announcer.tsx'
import { Item } from './items.tsx'
import { OutgoingMessage } from './outgoing.tsx'

type Line = { key: string; item?: TranscriptItem; outgoing?: Outgoing }

type Section = Transcript['sections'][number]

const linesOf = (transcript: Transcript, outgoing: readonly Outgoing[]): Line[] => [
  ...withoutOldPlans(transcript.sections.flatMap(linesOfSection)),
  ...outgoing.map((one) => ({ key: one.key, outgoing: one })),
]

/** Keeps the newest plan of each turn: a call replaces the whole list. The trace has all calls. */
function withoutOldPlans(lines: readonly Line[]): Line[] {
  const newest = new Map<string | undefined, string>()
  for (const { key, item } of lines) if (isPlan(item)) newest.set(item.turnId, key)
  return lines.filter(({ key, item }) => !isPlan(item) || newest.get(item.turnId) === key)
}

const isPlan = (item: TranscriptItem | undefined): item is ToolCallItem =>
  item?.kind === 'tool_call' &&
  item.status !== 'failed' &&
  todosOf(item.name, item.arguments) !== undefined

/** Lines by section. A streamed word changes only one section of a long conversation. */
const known = new WeakMap<Section, Line[]>()

function linesOfSection(section: Section): Line[] {
  const lines =
    known.get(section) ??
    section.filter((item, at) => isVisible(item) && !isRepeated(item, section[at + 1])).map(lineOf)
  known.set(section, lines)
  return lines
}

const lineOf = (item: TranscriptItem): Line => ({ key: item.key, item })

/** False for a reply that only called tools. */
const isVisible = (item: TranscriptItem) =>
  item.kind !== 'agent_message' || item.isStreaming || item.text !== '' || item.thinking !== ''

/** True for a message that repeats the error of the failure notice after it. */
const isRepeated = (item: TranscriptItem, next: TranscriptItem | undefined) =>
  item.kind === 'agent_message' &&
  next?.kind === 'notice' &&
  next.type === 'turn.failed' &&
  next.data.error === item.text

const heights = { tool_call: 46, user_message: 70, agent_message: 140, notice: 40 }
const nearPx = 80

const loadFindBar = () => import('./find-bar.tsx').then((all) => all.FindBar)

export type Finding = ReturnType<typeof useFinding>

/** The search in a conversation. Ctrl+F opens it instead of the browser's. */
export function useFinding() {
  const [isOpen, setOpen] = useState(false)
  const close = useCallback(() => setOpen(false), [])
  const { Part: FindBar, typed } = usePreloaded(loadFindBar, isOpen, close)
  useWindowEvent('keydown', (event) => {
    const isFind = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'f'
    if (!isFind || event.shiftKey || event.altKey || !isHere(event.target)) return
    event.preventDefault()
    setOpen(true)
  })
  return { isOpen, open: () => setOpen(true), close, FindBar, typed }
}

/** True in the conversation, its composer and outside of all parts. Again in the field: false. */
function isHere(target: EventTarget | null): boolean {
  if (document.querySelector('[role="dialog"]')) return false
  const element = target as HTMLElement
  if (element === document.body) return true
  return !element.closest('.find-bar') && element.closest('.session-main, .shared') !== null
}

type Shown = {
  transcript: Transcript
  outgoing: readonly Outgoing[]
  isLoaded: boolean
  /** The message that a link points to. */
  messageId: string | undefined
  /** The search in it. */
  finding?: Finding
}

/** The virtualized conversation. It follows new rows while the user is at its end. */
export function Conversation({ transcript, outgoing, isLoaded, messageId, finding }: Shown) {
  const box = useRef<HTMLDivElement>(null)
  const { sections } = transcript
  // biome-ignore lint/correctness/useExhaustiveDependencies: lines derive from the sections only
  const lines = useMemo(() => linesOf(transcript, outgoing), [sections, outgoing])
  const keys = useKeys(lines)
  const virtual = useVirtualizer({
    count: lines.length,
    getScrollElement: () => box.current,
    estimateSize: (at) => heights[lines[at]?.item?.kind ?? 'user_message'],
    getItemKey: useCallback((at: number) => keys[at]!, [keys]),
    overscan: 6,
    paddingStart: 16,
    paddingEnd: 16,
    anchorTo: 'end',
    followOnAppend: true,
    scrollEndThreshold: nearPx,
  })
  const isBegun = isLoaded && lines.length > 0
  useFirstPlace(
    isBegun,
    () => {
      const at = messageId ? lines.findIndex(({ item }) => isOf(item, messageId)) : -1
      if (at === -1) virtual.scrollToEnd()
      else virtual.scrollToIndex(at, { align: 'start' })
    },
    messageId,
  )
  const lastSent = outgoing.at(-1)?.key
  // biome-ignore lint/correctness/useExhaustiveDependencies: scrolls to a new outgoing message
  useLayoutEffect(() => {
    if (lastSent) virtual.scrollToEnd()
  }, [lastSent])
  const [found, setFound] = useState<string>()
  const news = useNews(lines.length, virtual.isAtEnd(nearPx))
  return (
    <div className="conversation-frame">
      <section ref={box} className="scroll" aria-label="Conversation">
        <div
          className="conversation"
          role="log"
          aria-live="off"
          aria-busy={!isLoaded}
          style={{ height: virtual.getTotalSize() }}
        >
          {virtual.getVirtualItems().map(({ index, key, start }) => (
            <div
              key={key}
              ref={virtual.measureElement}
              data-index={index}
              className="line"
              style={{ transform: `translateY(${start}px)` }}
            >
              <Shown line={lines[index]!} messageId={messageId} isFound={key === found} />
            </div>
          ))}
        </div>
        {isLoaded && lines.length === 0 && <Beginning />}
        {!isLoaded && (
          <div className="on-its-way">
            <Skeleton of="text" />
          </div>
        )}
      </section>
      {isLoaded && <Announcer transcript={transcript} />}
      {finding?.isOpen && finding.FindBar && (
        <finding.FindBar
          lines={lines}
          box={box}
          close={finding.close}
          initial={finding.typed.current}
          {...findIn(virtual, keys, setFound)}
        />
      )}
      <ToEnd news={news} go={() => virtual.scrollToEnd()} />
    </div>
  )
}

/** The button that returns to the end. */
function ToEnd({ news, go }: { news: boolean | undefined; go: () => void }) {
  if (news === undefined) return null
  return (
    <Button
      className="to-end"
      size="xs"
      radius="xl"
      leftSection={<Icon name="down" />}
      onClick={go}
    >
      {news ? 'New messages' : 'Jump to latest'}
    </Button>
  )
}

type VirtualRows = Pick<
  ReturnType<typeof useVirtualizer<HTMLDivElement, Element>>,
  'range' | 'scrollToIndex'
>

/** Reads and moves the view for a search, and marks the row that is found. */
const findIn = (
  rows: VirtualRows,
  keys: readonly string[],
  mark: (key: string | undefined) => void,
) => ({
  first: () => rows.range?.startIndex ?? 0,
  show(at: number | undefined) {
    mark(at === undefined ? undefined : keys[at])
    if (at !== undefined) rows.scrollToIndex(at, { align: 'center' })
  },
})

type ShownProps = { line: Line; messageId: string | undefined; isFound: boolean }

function Shown({ line, messageId, isFound }: ShownProps) {
  if (line.outgoing) return <OutgoingMessage outgoing={line.outgoing} />
  if (!line.item) return null
  const isMeant = messageId !== undefined && isOf(line.item, messageId)
  return (
    <div className={isMeant || isFound ? 'meant' : undefined}>
      <Item item={line.item} />
    </div>
  )
}

const isOf = (item: TranscriptItem | undefined, messageId: string) =>
  item !== undefined && 'id' in item && item.id === messageId

/** Returns a stable array while no row is added or removed: a new one remeasures all rows. */
function useKeys(lines: readonly Line[]): readonly string[] {
  const kept = useRef<readonly string[]>([])
  const isSame =
    lines.length === kept.current.length && lines.every(({ key }, at) => key === kept.current[at])
  if (!isSame) kept.current = lines.map(({ key }) => key)
  return kept.current
}

/** Scrolls when the conversation opens, and when another message is linked. */
function useFirstPlace(isBegun: boolean, go: () => void, messageId: string | undefined) {
  const latest = useRef(go)
  latest.current = go
  // biome-ignore lint/correctness/useExhaustiveDependencies: runs again for another message
  useLayoutEffect(() => {
    if (isBegun) latest.current()
  }, [isBegun, messageId])
}

/** Undefined at the end. Otherwise, whether rows were added since the user scrolled away. */
function useNews(count: number, isAtEnd: boolean): boolean | undefined {
  const [seen, setSeen] = useState(count)
  useEffect(() => {
    if (isAtEnd) setSeen(count)
  }, [isAtEnd, count])
  return isAtEnd || count === 0 ? undefined : count > seen
}

function Beginning() {
  return (
    <Empty title="No messages yet">
      Send the first message below. Every step of the agent appears here as it happens and is
      stored.
    </Empty>
  )
}
