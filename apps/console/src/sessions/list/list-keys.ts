import type { Session } from '@outlast/sdk'
import { type RefObject, useCallback, useEffect, useRef } from 'react'

type KeyedList = {
  box: RefObject<HTMLElement | null>
  count: number
  rowHeight: number
  scroll: { moveTo: (top: number) => void; topNow: () => number }
  sessionAt: (index: number) => Session | undefined
  /** Index of a loaded session. */
  indexOf: (id: string) => number | undefined
  selected: ReadonlySet<string>
  select: (ids: readonly string[], isSelected: boolean) => void
}

/** A row. Its session moves when others are added. */
type KeyedRow = { id: string; index: number }

const nowhere: KeyedRow = { id: '', index: -1 }
const placeAt = ({ sessionAt }: KeyedList, index: number): KeyedRow => ({
  id: sessionAt(index)?.id ?? '',
  index,
})
const indexIn = ({ indexOf }: KeyedList, { id, index }: KeyedRow) => indexOf(id) ?? index

const steps: Record<string, number> = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }

/** Handles list keys: j, k and arrows move, x selects, Shift extends a range, Enter opens. */
export function useListKeys(list: KeyedList) {
  const now = useRef(list)
  now.current = list
  /** The focused row, and the first row of a range. */
  const at = useRef({ cursor: nowhere, from: nowhere })
  const focusSoon = useFocus(list)

  const selectAt = useCallback((index: number, isRange: boolean) => {
    const { sessionAt, selected, select } = now.current
    const isSelected = !selected.has(sessionAt(index)?.id ?? '')
    const from = indexIn(now.current, at.current.from)
    const span = isRange && from >= 0 ? between(from, index) : [index]
    const ids = span.flatMap((one) => sessionAt(one)?.id ?? [])
    select(ids, isRange || isSelected)
    const place = placeAt(now.current, index)
    at.current = { cursor: place, from: place }
  }, [])

  useEffect(() => {
    function onKeyDown(event: KeyboardEvent) {
      if (event.ctrlKey || event.metaKey || event.altKey || isHandledElsewhere(event.target)) return
      const cursor = indexIn(now.current, at.current.cursor)
      const step = steps[event.key.length === 1 ? event.key.toLowerCase() : event.key]
      if (step !== undefined) {
        event.preventDefault()
        const next = Math.min(Math.max(0, cursor + step), now.current.count - 1)
        const { from } = at.current
        at.current = { cursor: placeAt(now.current, next), from: event.shiftKey ? from : nowhere }
        focusSoon(next)
        if (event.shiftKey) {
          if (from.index < 0) at.current.from = placeAt(now.current, Math.max(0, cursor))
          const ids = [cursor, next].flatMap((one) => now.current.sessionAt(one)?.id ?? [])
          now.current.select(ids, true)
        }
      } else if (event.key.toLowerCase() === 'x' && cursor >= 0) {
        selectAt(cursor, event.shiftKey)
      }
    }
    function onFocus({ target }: FocusEvent) {
      const index = (target as HTMLElement).dataset?.index
      if (index !== undefined) at.current.cursor = placeAt(now.current, Number(index))
    }
    window.addEventListener('keydown', onKeyDown)
    window.addEventListener('focusin', onFocus)
    return () => {
      window.removeEventListener('keydown', onKeyDown)
      window.removeEventListener('focusin', onFocus)
    }
  }, [focusSoon, selectAt])

  return { selectAt }
}

const between = (one: number, other: number) => {
  const first = Math.min(one, other)
  return Array.from({ length: Math.abs(one - other) + 1 }, (_, at) => first + at)
}

/** Returns whether a text field, select, menu or dialog handles the key. */
function isHandledElsewhere(target: EventTarget | null): boolean {
  if (document.querySelector('[role="dialog"]')) return true
  const element = target as HTMLElement
  if (element.closest?.('[role="menu"], [role="listbox"]')) return true
  if (element.tagName === 'INPUT') return (element as HTMLInputElement).type !== 'checkbox'
  return element.isContentEditable || element.tagName === 'TEXTAREA'
}

/** Scrolls to a row and focuses it after it is rendered. */
function useFocus({ box, scroll, rowHeight }: KeyedList) {
  const wanted = useRef(-1)
  const now = useRef({ scroll, rowHeight })
  now.current = { scroll, rowHeight }
  const focus = useCallback(() => {
    if (wanted.current < 0) return
    const link = box.current?.querySelector<HTMLElement>(`[data-index="${wanted.current}"]`)
    if (!link) return
    wanted.current = -1
    link.focus({ preventScroll: true })
  }, [box])
  useEffect(focus)
  return useCallback(
    (index: number) => {
      const { topNow, moveTo } = now.current.scroll
      const { rowHeight } = now.current
      const view = box.current?.clientHeight ?? 0
      const top = index * rowHeight
      if (top < topNow()) moveTo(top)
      else if (top + rowHeight > topNow() + view) moveTo(top + rowHeight - view)
      wanted.current = index
      focus()
    },
    [box, focus],
  )
}
