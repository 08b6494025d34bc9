import { useState } from 'react'

/** What somebody has written and not sent, and what the next message asks for. */
export type MessageDraft = { text: string; modelId: string | null; effort: string | null }

const empty: MessageDraft = { text: '', modelId: null, effort: null }
const nameOf = (sessionId: string) => `outlast.draft.${sessionId}`

function read(sessionId: string): MessageDraft {
  try {
    return { ...empty, ...JSON.parse(sessionStorage.getItem(nameOf(sessionId)) ?? '{}') }
  } catch {
    return empty
  }
}

/** Contract: what is too long for the browser to keep is not kept, and nothing else happens. */
export function writeDraft(sessionId: string, draft: Partial<MessageDraft>): void {
  const whole = { ...empty, ...draft }
  try {
    if (whole.text === '' && !whole.modelId && !whole.effort) {
      sessionStorage.removeItem(nameOf(sessionId))
    } else sessionStorage.setItem(nameOf(sessionId), JSON.stringify(whole))
  } catch {
    // The tab has what was written as long as it is open.
  }
}

export type ChangeDraft = (
  part: Partial<MessageDraft> | ((before: MessageDraft) => Partial<MessageDraft>),
) => void

/** What was written after the text that was sent. */
export const withoutSent = (text: string, sent: string) =>
  text.startsWith(sent) ? text.slice(sent.length) : text

/** Removes a sent text from the stored draft, also when the composer is no longer on the page. */
export function removeSent(sessionId: string, sent: string): void {
  const draft = read(sessionId)
  writeDraft(sessionId, { ...draft, text: withoutSent(draft.text, sent) })
}

/** The draft of a session, still there after a reload of the tab. */
export function useMessageDraft(sessionId: string) {
  const [draft, setDraft] = useState(() => read(sessionId))
  const change: ChangeDraft = (part) =>
    setDraft((before) => {
      const next = { ...before, ...(typeof part === 'function' ? part(before) : part) }
      writeDraft(sessionId, next)
      return next
    })
  return [draft, change] as const
}
