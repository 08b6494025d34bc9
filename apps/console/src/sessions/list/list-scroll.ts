import { type RefObject, useCallback, useLayoutEffect, useRef, useState } from 'react'

/** Browsers render nothing below about 17 million pixels. */
const heightMax = 8_000_000
const settledMs = 120
const spare = 8

type Shown = { first: number; last: number; shift: number; isAtTop: boolean }

/**
 * Scrolls any number of rows of equal height. A browser limits the height of a box. In a longer
 * list, short scrolls move row by row, and long scrolls move to the position of the scrollbar.
 */
export function useTallScroll(
  box: RefObject<HTMLElement | null>,
  count: number,
  rowHeight: number,
) {
  const [shown, setShown] = useState<Shown>({ first: 0, last: 30, shift: 0, isAtTop: true })
  const place = useRef({ real: 0, wanted: 0 })
  const whole = count * rowHeight
  const height = Math.min(whole, heightMax)

  const show = useCallback(() => {
    const { real, wanted } = place.current
    const view = box.current?.clientHeight ?? 0
    const next = {
      first: Math.max(0, Math.floor(wanted / rowHeight) - spare),
      last: Math.min(count - 1, Math.ceil((wanted + view) / rowHeight) + spare),
      shift: wanted - real,
      isAtTop: wanted < rowHeight,
    }
    setShown((before) => (isSameScroll(before, next) ? before : next))
  }, [box, count, rowHeight])

  /** Scrolls to an offset from the top of the whole list, in pixels. */
  const moveTo = useCallback(
    (top: number) => {
      const element = box.current
      if (!element) return
      const { most, realMost } = limitsOf(element, whole, height)
      const wanted = Math.min(Math.max(0, top), most)
      const real = whole === height ? wanted : most === 0 ? 0 : (wanted / most) * realMost
      element.scrollTop = real
      place.current = { real: element.scrollTop, wanted }
      show()
    },
    [box, whole, height, show],
  )

  useLayoutEffect(() => {
    const element = box.current
    if (!element) return
    let timer: ReturnType<typeof setTimeout> | undefined
    const onScroll = () => {
      const real = element.scrollTop
      const wanted = wantedOf(element, { before: place.current, real, whole, height })
      place.current = { real, wanted }
      show()
      clearTimeout(timer)
      if (whole > height) timer = setTimeout(() => moveTo(place.current.wanted), settledMs)
    }
    element.addEventListener('scroll', onScroll, { passive: true })
    const watch = new ResizeObserver(show)
    watch.observe(element)
    show()
    return () => {
      clearTimeout(timer)
      watch.disconnect()
      element.removeEventListener('scroll', onScroll)
    }
  }, [box, whole, height, show, moveTo])

  return { ...shown, height, moveTo, topNow: () => place.current.wanted }
}

const isSameScroll = (one: Shown, other: Shown) =>
  one.first === other.first &&
  one.last === other.last &&
  one.shift === other.shift &&
  one.isAtTop === other.isAtTop

function limitsOf(element: HTMLElement, whole: number, height: number) {
  const view = element.clientHeight
  return { most: Math.max(0, whole - view), realMost: Math.max(0, height - view) }
}

type Way = {
  before: { real: number; wanted: number }
  real: number
  whole: number
  height: number
}

function wantedOf(element: HTMLElement, { before, real, whole, height }: Way): number {
  if (whole === height) return real
  const { most, realMost } = limitsOf(element, whole, height)
  if (real <= 0) return 0
  if (real >= realMost - 1) return most
  const way = real - before.real
  if (Math.abs(way) > element.clientHeight) return (real / realMost) * most
  return Math.min(Math.max(0, before.wanted + way), most)
}
