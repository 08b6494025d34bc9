import { useEffect } from 'react'

const [usual, waiting] = ['/favicon.svg', '/favicon-waiting.svg']

/** Changes the favicon while a session waits for the user. */
export function useTabSign(isWaiting: boolean): void {
  useEffect(() => {
    const sign = document.querySelector<HTMLLinkElement>('link[rel="icon"]')!
    sign.href = isWaiting ? waiting : usual
    return () => {
      sign.href = usual
    }
  }, [isWaiting])
}
