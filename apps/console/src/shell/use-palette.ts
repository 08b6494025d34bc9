import { type ComponentType, useEffect, useRef, useState } from 'react'
import type { PaletteProps } from './palette.tsx'

/** For browsers without `requestIdleCallback`. */
const idleMs = 1_000

/**
 * Loads the palette when the page is idle. Not `lazy`: after its fallback, Suspense delays the
 * palette by up to 300 ms. Keys that are typed before the palette is loaded are collected as its
 * first text.
 */
export function usePalette(isOpen: boolean, close: () => void) {
  const [Palette, setPalette] = useState<ComponentType<PaletteProps>>()
  const [error, setError] = useState<unknown>()
  const typed = useRef('')
  useEffect(() => {
    if (Palette) return
    const load = () =>
      import('./palette.tsx').then(
        (all) => setPalette(() => all.Palette),
        (failure) => isOpen && setError(failure),
      )
    if (isOpen) void load()
    else return whenIdle(load)
  }, [isOpen, Palette])
  useEffect(() => {
    typed.current = ''
    if (!isOpen || Palette) return
    const collect = (event: KeyboardEvent) => {
      if (event.key === 'Escape') return close()
      if (event.key.length !== 1 || event.ctrlKey || event.metaKey || event.altKey) return
      event.preventDefault()
      event.stopPropagation()
      typed.current += event.key
    }
    window.addEventListener('keydown', collect, { capture: true })
    return () => window.removeEventListener('keydown', collect, { capture: true })
  }, [isOpen, Palette, close])
  if (error) throw error
  return { Palette, typed }
}

function whenIdle(work: () => unknown): () => void {
  if (!('requestIdleCallback' in window)) {
    const timer = setTimeout(work, idleMs)
    return () => clearTimeout(timer)
  }
  const handle = requestIdleCallback(work)
  return () => cancelIdleCallback(handle)
}
