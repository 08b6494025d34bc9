import { type ComponentType, useEffect, useRef, useState } from 'react'
import { flushSync } from 'react-dom'
import { retried } from './lazy-part.ts'

/** For browsers without `requestIdleCallback`. */
const idleMs = 1_000

/**
 * Loads a part with a text field when the page is idle. Not `lazy`: after its fallback, Suspense
 * delays the part by up to 300 ms. Keys that are typed before the part is loaded are collected as
 * its first text. Contract: `load` and `close` do not change, and the part focuses its field in an
 * effect.
 */
export function usePreloaded<Props>(
  load: () => Promise<ComponentType<Props>>,
  isOpen: boolean,
  close: () => void,
) {
  const [Part, setPart] = useState<ComponentType<Props>>()
  const [error, setError] = useState<unknown>()
  const typed = useRef('')
  useEffect(() => {
    if (Part) return
    const begin = () =>
      retried(load)().then(
        // With its effects, so that no key arrives between the end of collecting and the focus.
        (loaded) => flushSync(() => setPart(() => loaded)),
        (failure) => isOpen && setError(failure),
      )
    if (isOpen) void begin()
    else return whenIdle(begin)
  }, [load, isOpen, Part])
  useEffect(() => {
    typed.current = ''
    if (!isOpen || Part) return
    const collect = (event: KeyboardEvent) => {
      const { key } = event
      if (key === 'Escape') return close()
      const isText = key.length === 1 || key === 'Backspace'
      // Enter and Tab would act on the element that still has the focus.
      if (!isText && key !== 'Enter' && key !== 'Tab') return
      if (event.ctrlKey || event.metaKey || event.altKey) return
      event.preventDefault()
      event.stopPropagation()
      if (key === 'Backspace') typed.current = typed.current.slice(0, -1)
      else if (isText) typed.current += key
    }
    window.addEventListener('keydown', collect, { capture: true })
    return () => window.removeEventListener('keydown', collect, { capture: true })
  }, [isOpen, Part, close])
  if (error) throw error
  return { Part, typed }
}

function whenIdle(work: () => unknown): () => void {
  if (!('requestIdleCallback' in window)) {
    const timer = setTimeout(work, idleMs)
    return () => clearTimeout(timer)
  }
  const handle = requestIdleCallback(work)
  return () => cancelIdleCallback(handle)
}
