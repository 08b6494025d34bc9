import { useClipboard } from '@mantine/hooks'
import { useEffect } from 'react'

const shownMs = 1_500

/** Copies texts. `words`: the label of the button, or for a moment the outcome. */
export function useCopy(label: string) {
  const { copy, copied: isCopied, error, reset } = useClipboard({ timeout: shownMs })
  useEffect(() => {
    if (!error) return undefined
    const timer = setTimeout(reset, shownMs)
    return () => clearTimeout(timer)
  }, [error, reset])
  // Without HTTPS a browser has no clipboard.
  const words = error ? 'The browser blocked copying' : isCopied ? 'Copied' : label
  return { copy, isCopied, error, words }
}
