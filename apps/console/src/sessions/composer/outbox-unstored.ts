import { isRefusal, isTemporary } from './outbox-rules.ts'
import { newKey, postMessage, postSession } from './outbox-sender.ts'
import type { OutboxEntry } from './outbox-store.ts'

type Entry = Omit<OutboxEntry, 'id'>

const retriesMax = 8
const contentKeyOf = ({ body, session, sessionId }: Entry) =>
  JSON.stringify([body, session, sessionId])

/** Failed entries by content. A retry takes them, with their keys except after a refusal. */
const failed = new Map<string, Entry>()

const warn = (event: BeforeUnloadEvent) => event.preventDefault()
let underWay = 0

/**
 * Sends an entry without browser storage and returns its session id. Contract: the caller keeps the
 * text until this resolves. The browser asks before it closes the page.
 */
export async function sendUnstored(given: Entry): Promise<string> {
  const content = contentKeyOf(given)
  let entry = failed.get(content) ?? given
  failed.delete(content)
  if (underWay++ === 0) addEventListener('beforeunload', warn)
  try {
    const sessionId = entry.sessionId ?? (await postSession(entry, retriesMax))
    entry = { ...entry, session: null, sessionId }
    await postMessage(entry, retriesMax)
    return sessionId
  } catch (error) {
    const isFinal = isRefusal(error) && !isTemporary(error)
    failed.set(content, isFinal ? { ...entry, key: newKey(), keyedAt: Date.now() } : entry)
    throw error
  } finally {
    if (--underWay === 0) removeEventListener('beforeunload', warn)
  }
}
