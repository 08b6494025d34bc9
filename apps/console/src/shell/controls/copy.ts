import { useClipboard } from '@mantine/hooks'

/** Copies texts. `words`: the label of the button, or for a moment the outcome. */
export function useCopy(label: string) {
  const { copy, copied: isCopied, error } = useClipboard({ timeout: 1_500 })
  // Without HTTPS a browser has no clipboard.
  const isBlocked = error !== null
  const words = isBlocked ? 'The browser blocked copying' : isCopied ? 'Copied' : label
  return { copy, isCopied, isBlocked, words }
}
