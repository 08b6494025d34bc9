import { useEffect } from 'react'

/** Portals that contain dialogs and menus. They trap the focus while open. */
const layers = '[data-portal]'
/** Rows of a list. Rows that scrolling renders again have an index. */
const row = '.list > ul > li:not([data-index])'

/**
 * Restores the focus after a dialog unmounts. Mantine restores it only when a dialog closes through
 * its `opened` prop, not when it is unmounted. If a row with the focus is deleted, its list gets
 * the focus, or without a list the heading of the screen.
 */
export function useFocusReturn(): void {
  useEffect(() => {
    let below: HTMLElement | undefined
    let rows: HTMLElement | null | undefined
    let latest: HTMLElement | undefined
    function onFocusIn({ target }: FocusEvent) {
      if (!(target instanceof HTMLElement)) return
      latest = target
      if (target.closest(layers)) return
      below = target
      rows = target.closest(row)?.parentElement
      for (const box of [rows, rows?.parentElement?.parentElement]) {
        if (box) observer.observe(box, { childList: true })
      }
    }
    function onChange() {
      for (const layer of document.querySelectorAll(layers)) {
        observer.observe(layer, { childList: true })
      }
      const isLost = document.activeElement === document.body && latest?.isConnected === false
      if (!isLost) return
      if (below?.isConnected) return below.focus({ preventScroll: true })
      const next = rows?.isConnected ? rows : rows && document.querySelector('h1')
      if (next) next.tabIndex = -1
      next?.focus({ preventScroll: true })
    }
    const observer = new MutationObserver(onChange)
    observer.observe(document.body, { childList: true })
    document.addEventListener('focusin', onFocusIn)
    return () => {
      observer.disconnect()
      document.removeEventListener('focusin', onFocusIn)
    }
  }, [])
}
