import { useEffect } from 'react'

const [usual, waiting] = ['/favicon.svg', '/favicon-waiting.svg']

/** The tab's sign says that somebody is waited for, so that it is seen among many tabs. */
export function useTabSign(isWaiting: boolean): void {
  useEffect(() => {
    const sign = document.querySelector<HTMLLinkElement>('link[rel="icon"]')!
    sign.href = isWaiting ? waiting : usual
    return () => {
      sign.href = usual
    }
  }, [isWaiting])
}
