import { type ComponentType, type LazyExoticComponent, lazy } from 'react'

/**
 * Loads code of a page that is open. A lost connection does not end the page: the code is requested
 * again when the browser is online, and after 1, 2, 4, 8 and 16 s. Then it fails: an updated server
 * may not have it any more.
 */
export function retried<Code>(load: () => Promise<Code>, triesMax = 6): () => Promise<Code> {
  return async () => {
    for (let tries = 1; ; ) {
      try {
        if (tries > 1) await reloadStyles()
        return await load()
      } catch (error) {
        if (tries === triesMax) throw error
        await changeOrPause(500 * 2 ** tries)
        if (navigator.onLine) tries += 1
      }
    }
  }
}

/** `lazy` with retries. */
// biome-ignore lint/suspicious/noExplicitAny: the bound of React's own `lazy`
export function lazyPart<Part extends ComponentType<any>>(
  load: () => Promise<{ default: Part }>,
): LazyExoticComponent<Part> {
  return lazy(retried(load))
}

const changeOrPause = (ms: number) =>
  new Promise<void>((resolve) => {
    const proceed = () => {
      clearTimeout(timer)
      window.removeEventListener('online', proceed)
      resolve()
    }
    const timer = setTimeout(proceed, ms)
    window.addEventListener('online', proceed)
  })

/** The bundler requests a style sheet once, also when that fails. */
const reloadStyles = () =>
  Promise.all(
    [...document.querySelectorAll<HTMLLinkElement>('link[rel=stylesheet]')]
      .filter((link) => !isLoaded(link))
      .map(
        (link) =>
          new Promise((resolve, reject) => {
            const again = link.cloneNode() as HTMLLinkElement
            again.onload = resolve
            again.onerror = reject
            link.replaceWith(again)
          }),
      ),
  )

/** The rules of a sheet that failed cannot be read. */
function isLoaded({ sheet }: HTMLLinkElement): boolean {
  try {
    return sheet !== null && sheet.cssRules.length > 0
  } catch {
    return false
  }
}
