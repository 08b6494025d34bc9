import { useState } from 'react'

/** The unsent text of a session, and the controls of its next message. */
export type MessageDraft = { text: string; modelId: string | null; effort: string | null }

const empty: MessageDraft = { text: '', modelId: null, effort: null }
const prefix = 'outlast.draft.'
const nameOf = (sessionId: string) => prefix + sessionId

function read(sessionId: string): MessageDraft {
  try {
    return { ...empty, ...JSON.parse(sessionStorage.getItem(nameOf(sessionId)) ?? '{}') }
  } catch {
    return empty
  }
}

/** Stores a draft. Contract: never throws. A draft that exceeds the browser's quota is dropped. */
export function writeDraft(sessionId: string, draft: Partial<MessageDraft>): void {
  const whole = { ...empty, ...draft }
  try {
    if (whole.text === '' && !whole.modelId && !whole.effort) {
      sessionStorage.removeItem(nameOf(sessionId))
    } else sessionStorage.setItem(nameOf(sessionId), JSON.stringify(whole))
  } catch {
    // The draft stays in memory while the tab is open.
  }
}

export function deleteDrafts(): void {
  for (const name of Object.keys(sessionStorage)) {
    if (name.startsWith(prefix)) sessionStorage.removeItem(name)
  }
}

export type ChangeDraft = (
  part: Partial<MessageDraft> | ((before: MessageDraft) => Partial<MessageDraft>),
) => void

/** Returns the text that was typed after the sent part. */
export const withoutSent = (text: string, sent: string) =>
  text.startsWith(sent) ? text.slice(sent.length) : text

/** Removes a sent text from the stored draft, also when the composer is no longer on the page. */
export function removeSent(sessionId: string, sent: string): void {
  const draft = read(sessionId)
  writeDraft(sessionId, { ...draft, text: withoutSent(draft.text, sent) })
}

/** Holds the draft of a session. It survives a reload of the tab. */
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
