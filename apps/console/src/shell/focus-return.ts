import { useEffect } from 'react'

/** Portals that contain dialogs and menus. They trap the focus while open. */
const layers = '[data-portal]'

/**
 * Restores the focus after a dialog unmounts. Mantine restores it only when a dialog closes through
 * its `opened` prop, not when it is unmounted.
 */
export function useFocusReturn(): void {
  useEffect(() => {
    let below: HTMLElement | undefined
    let latest: HTMLElement | undefined
    function onFocusIn({ target }: FocusEvent) {
      if (!(target instanceof HTMLElement)) return
      latest = target
      if (!target.closest(layers)) below = target
    }
    const observer = new MutationObserver(() => {
      for (const layer of document.querySelectorAll(layers)) {
        observer.observe(layer, { childList: true })
      }
      const isLost = document.activeElement === document.body && latest?.isConnected === false
      if (isLost && below?.isConnected) below.focus({ preventScroll: true })
    })
    observer.observe(document.body, { childList: true })
    document.addEventListener('focusin', onFocusIn)
    return () => {
      observer.disconnect()
      document.removeEventListener('focusin', onFocusIn)
    }
  }, [])
}
