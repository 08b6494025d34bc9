import { useEffect } from 'react'

/** Layers over the screen are drawn below these and hold the focus while they are open. */
const layers = '[data-portal]'

/**
 * When a dialog goes and the focus with it, the focus is again where it was before. Components do
 * that by themselves only where a dialog is told to close, not where it is just taken away.
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
