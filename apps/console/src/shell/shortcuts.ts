import { useNavigate } from '@tanstack/react-router'
import { useEffect, useRef } from 'react'
import { places } from './screen/places.ts'

/** An overlay that opens on any screen. */
export type Overlay = 'palette' | 'keys' | undefined

type Taking = {
  show: (overlay: Overlay) => void
  /** Disables all shortcuts. */
  isOff: boolean
}

/** Maximum time between `g` and the letter after it. */
const pairMs = 1_500

/** Handles the shortcuts of every screen. The dialog behind `?` lists them. */
export function useShortcuts({ show, isOff }: Taking): void {
  const navigate = useNavigate()
  const wentAt = useRef(0)
  useEffect(() => {
    if (isOff) return
    const go = (event: KeyboardEvent) => {
      const place = places.find(({ key }) => key === event.key)
      if (place) navigate({ href: place.to })
    }
    const keys: Record<string, () => unknown> = {
      '?': () => show('keys'),
      '/': focusSearch,
      g: () => {
        wentAt.current = performance.now()
      },
      n: () => navigate({ to: '/', search: { new: true } }),
    }
    function onKeyDown(event: KeyboardEvent) {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k') {
        event.preventDefault()
        if (isPassword(event.target)) return
        return show('palette')
      }
      if (event.ctrlKey || event.metaKey || event.altKey || isTaken(event.target)) return
      const isSecond = performance.now() - wentAt.current < pairMs && wentAt.current > 0
      wentAt.current = 0
      const act = isSecond ? () => go(event) : keys[event.key]
      if (!act) return
      event.preventDefault()
      act()
    }
    window.addEventListener('keydown', onKeyDown)
    return () => window.removeEventListener('keydown', onKeyDown)
  }, [navigate, show, isOff])
}

/** Returns whether a text field, dialog or menu handles the key. */
function isTaken(target: EventTarget | null): boolean {
  if (document.querySelector('[role="dialog"], [role="menu"]')) return true
  const element = target as HTMLElement
  return element.matches?.('input:not([type="checkbox"]), textarea, select, [contenteditable]')
}

/** Keys after Ctrl+K would show in the palette while it loads. */
const isPassword = (target: EventTarget | null) =>
  target instanceof HTMLInputElement && target.type === 'password'

function focusSearch() {
  const fields = document.querySelectorAll<HTMLInputElement>('main input[aria-label^="Search"]')
  fields[0]?.focus()
}
