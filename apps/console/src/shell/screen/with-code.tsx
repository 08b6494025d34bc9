import { Fragment, type ReactNode } from 'react'

/** Renders the text of a schema. Parts in backticks become code. */
export function withCode(text: string | undefined): ReactNode {
  return text?.split('`').map((part, at) =>
    // biome-ignore lint/suspicious/noArrayIndexKey: parts of a sentence do not move
    at % 2 === 1 ? <code key={at}>{part}</code> : <Fragment key={at}>{part}</Fragment>,
  )
}
