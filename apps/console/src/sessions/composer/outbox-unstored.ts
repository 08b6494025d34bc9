import { isRefusal } from './outbox-rules.ts'
import { postMessage, postSession } from './outbox-sender.ts'
import type { OutboxEntry } from './outbox-store.ts'

type Entry = Omit<OutboxEntry, 'id'>

const retriesMax = 8
const contentOf = ({ body, session, sessionId }: Entry) =>
  JSON.stringify([body, session, sessionId])

/** Failed entries by content. A retry reuses the key, except after a refusal. */
const failed = new Map<string, Entry>()

const warn = (event: BeforeUnloadEvent) => event.preventDefault()
let underWay = 0

/**
 * Sends an entry without browser storage and returns its session id. Contract: the caller keeps the
 * text until this resolves. The browser asks before it closes the page.
 */
export async function sendUnstored(given: Entry): Promise<string> {
  const content = contentOf(given)
  const entry = failed.get(content) ?? given
  failed.set(content, entry)
  if (underWay++ === 0) addEventListener('beforeunload', warn)
  try {
    const sessionId = entry.sessionId ?? (await postSession(entry, retriesMax))
    await postMessage({ ...entry, session: null, sessionId }, retriesMax)
    failed.delete(content)
    return sessionId
  } catch (error) {
    if (isRefusal(error)) failed.delete(content)
    throw error
  } finally {
    if (--underWay === 0) removeEventListener('beforeunload', warn)
  }
}
