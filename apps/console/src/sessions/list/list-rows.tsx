import { Button } from '@mantine/core'
import { useDebouncedValue, useMediaQuery } from '@mantine/hooks'
import type { Session } from '@outlast/sdk'
import { useQueries } from '@tanstack/react-query'
import { type CSSProperties, useEffect, useLayoutEffect, useRef, useState } from 'react'
import { useAgentNames } from '../../queries/agents.ts'
import { useModelNames } from '../../queries/models.ts'
import { pageSize, type SessionFilter, sessionPageQuery } from '../../queries/sessions.ts'
import { Failure } from '../../shell/screen/screen.tsx'
import { useUnsent } from '../composer/outbox.ts'
import { Heads } from './list-heads.tsx'
import { useListKeys } from './list-keys.ts'
import { Row, RowToCome, rowHeights } from './list-row.tsx'
import { useTallScroll } from './list-scroll.ts'
import type { SessionColumn } from './list-state.ts'
import { asFlat, asTree, type TreeRow } from './tree.ts'

/** Sessions are marked as new for this long after their creation. */
const newMs = 10_000

type RowsProps = {
  filter: SessionFilter
  columns: readonly SessionColumn[]
  /** Number of sessions that the server counted. `isMore`: there are more. */
  total: { count: number; isMore: boolean }
  onTotal: (total: { count: number; isMore: boolean }) => void
  selected: ReadonlySet<string>
  select: (ids: readonly string[], isSelected: boolean) => void
}

/** Virtualized rows of a list. Only pages of visible rows stay in the cache. */
export function Rows({ filter, columns, total, onTotal, selected, select }: RowsProps) {
  const box = useRef<HTMLDivElement>(null)
  const count = total.count + (total.isMore ? pageSize : 0)
  const isNarrow = useMediaQuery('(max-width: 900px)', false, { getInitialValueInEffect: false })
  const rowHeight = isNarrow ? rowHeights.phone : rowHeights.desktop
  const scroll = useTallScroll(box, count, rowHeight)
  const { pages, rowAt, known } = useWindow(filter, scroll)
  const sessionAt = (index: number) => rowAt(index)?.session
  const indexOf = (id: string) => [...known].find(([, { session }]) => session.id === id)?.[0]
  const names = useAgentNames()
  const models = useModelNames(columns.some(({ id }) => id === 'model'))
  const unsent = useUnsent()
  const hasMoreAbove = useAnchor(scroll, known, rowHeight)
  const openedAt = useState(Date.now)[0]
  useTotal(pages, onTotal)
  const keys = useListKeys({ box, count, rowHeight, scroll, sessionAt, indexOf, selected, select })
  const failed = pages.find(({ isError }) => isError)
  const rows = []
  for (let at = scroll.first; at <= scroll.last; at++) {
    const { session, depth = 0 } = rowAt(at) ?? {}
    rows.push(
      <li
        key={session?.id ?? `at ${at}`}
        aria-setsize={count}
        aria-posinset={at + 1}
        className="session-place"
        style={{ transform: `translateY(${at * rowHeight - scroll.shift}px)` }}
      >
        {session ? (
          <Row
            session={session}
            index={at}
            depth={depth}
            columns={columns}
            modelName={session.model_id ? models.get(session.model_id) : undefined}
            agentName={names.get(session.agent_id)}
            isSelected={selected.has(session.id)}
            isNew={isNew(session, openedAt)}
            unsentCount={unsent.filter(({ sessionId }) => sessionId === session.id).length}
            select={keys.selectAt}
          />
        ) : (
          <RowToCome />
        )}
      </li>,
    )
  }
  return (
    <div
      className="session-frame"
      style={{ '--session-columns': widthsOf(columns) } as CSSProperties}
    >
      {failed && <Failure error={failed.error} retry={failed.refetch} />}
      {hasMoreAbove && (
        <Button className="to-top" size="xs" radius="xl" onClick={() => scroll.moveTo(0)}>
          ↑ New sessions
        </Button>
      )}
      <Heads shown={columns} />
      <div ref={box} className="scroll">
        <ul aria-label="Sessions" className="session-rows" style={{ height: scroll.height }}>
          {rows}
        </ul>
      </div>
    </div>
  )
}

const widthsOf = (columns: readonly SessionColumn[]) =>
  [
    'minmax(min(160px, 100%), 1fr)',
    // Amounts are not cut.
    ...columns.map(({ id, width }) => (id === 'usage' ? `${width}px` : `minmax(56px, ${width}px)`)),
  ].join(' ')

function isNew({ created_at }: Session, openedAt: number): boolean {
  const at = Date.parse(created_at)
  return at > openedAt && Date.now() - at < newMs
}

/** Loads the pages of the visible rows. Requests are debounced during fast scrolling. */
function useWindow(filter: SessionFilter, { first, last }: { first: number; last: number }) {
  const wanted = `${Math.floor(first / pageSize)} ${Math.floor(Math.max(first, last) / pageSize)}`
  const [span] = useDebouncedValue(wanted, 80, { leading: true })
  const [from, to] = span.split(' ').map(Number) as [number, number]
  const numbers = Array.from({ length: Math.min(to - from + 1, 4) }, (_, at) => from + at)
  const pages = useQueries({ queries: numbers.map((number) => sessionPageQuery(filter, number)) })
  const known = new Map<number, TreeRow>()
  // In another order than by age, forks keep their places.
  const rowsOf = filter.q === undefined && filter.sort === undefined ? asTree : asFlat
  for (const [at, { data }] of pages.entries()) {
    for (const [row, one] of rowsOf(data?.data ?? []).entries()) {
      known.set(numbers[at]! * pageSize + row, one)
    }
  }
  return { pages, known, rowAt: (index: number) => known.get(index) }
}

type Pages = ReturnType<typeof useWindow>['pages']

function useTotal(pages: Pages, onTotal: RowsProps['onTotal']) {
  const newest = pages.reduce<Pages[number] | undefined>(
    (best, page) => (page.data && page.dataUpdatedAt >= (best?.dataUpdatedAt ?? 0) ? page : best),
    undefined,
  )?.data
  const end = newest ? newest.offset + newest.data.length : 0
  const isFull = newest?.data.length === pageSize
  const count = newest ? Math.max(newest.total, end) : undefined
  const isMore = Boolean(newest?.total_capped && (isFull || newest.total > end))
  useEffect(() => {
    if (count !== undefined) onTotal({ count, isMore })
  }, [count, isMore, onTotal])
}

type Scroll = ReturnType<typeof useTallScroll>

/**
 * Keeps the visible rows in place when rows above them are added or removed. At the top of the
 * list, new rows appear at once. Returns whether there are new rows above the visible ones.
 */
function useAnchor(
  scroll: Scroll,
  known: ReadonlyMap<number, TreeRow>,
  rowHeight: number,
): boolean {
  const anchor = useRef<{ id: string; index: number }>(undefined)
  const [hasMore, setHasMore] = useState(false)
  const { isAtTop, moveTo, topNow } = scroll
  useLayoutEffect(() => {
    const before = anchor.current
    if (before && !isAtTop && known.get(before.index)?.session.id !== before.id) {
      for (const [index, { session }] of known) {
        if (session.id !== before.id) continue
        moveTo(topNow() + (index - before.index) * rowHeight)
        if (index > before.index) setHasMore(true)
      }
    }
    const index = Math.ceil(topNow() / rowHeight)
    const session = known.get(index)?.session
    anchor.current = session && { id: session.id, index }
  })
  useEffect(() => {
    if (isAtTop) setHasMore(false)
  }, [isAtTop])
  return hasMore
}
