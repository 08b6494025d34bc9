import { outlast } from '../../client.ts'
import { sentenceOf } from '../../errors.ts'
import { backoff, isKeyExpired, isRefusal, isTemporary } from './outbox-rules.ts'
import {
  addConfirmed,
  laneOf,
  outboxState,
  outboxUserId,
  publishCreatedSession,
  publishOutboxChange,
  setStalled,
} from './outbox-state.ts'
import { listEntries, type OutboxEntry, updateEntry } from './outbox-store.ts'

/** Longer than the client takes for one attempt with a message of 8 MiB. */
const lockTimeoutMs = 330_000
/** `randomUUID` needs a secure origin. A console in a private network may use plain HTTP. */
export const newKey = () =>
  Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(36)).join('-')

const running = new Set<string>()
const requested = new Set<string>()
const wakers = new Set<() => void>()

/** Sends waiting entries: one loop per lane until it is empty. Ends pauses between attempts. */
export function sendWaiting(): void {
  for (const wake of wakers) wake()
  for (const entry of outboxState().stored) {
    if (entry.state === 'waiting') void startLane(laneOf(entry))
  }
}

async function startLane(lane: string): Promise<void> {
  requested.add(lane)
  if (running.has(lane)) return
  running.add(lane)
  while (requested.delete(lane)) await emptyLane(lane)
  running.delete(lane)
}

async function emptyLane(lane: string): Promise<void> {
  for (let failures = 0; ; ) {
    const outcome = await inOneTab(lane, () => sendFirst(lane))
    setStalled(lane, outcome.kind === 'stalled')
    if (outcome.kind === 'empty') return
    if (outcome.kind === 'sent') failures = 0
    else await pause(Math.max(outcome.retryAfterMs, backoff(failures++)))
  }
}

/**
 * Runs work in one tab at a time. Contract: a tab that was suspended with the lock delays the
 * others by at most 330 s. Two concurrent attempts store one message, because they share a key.
 */
async function inOneTab<T>(lane: string, work: () => Promise<T>): Promise<T> {
  if (!navigator.locks) return work()
  const waiting = new AbortController()
  const timer = setTimeout(() => waiting.abort(), lockTimeoutMs)
  try {
    return await navigator.locks.request(
      `outlast.outbox ${lane}`,
      { signal: waiting.signal },
      () => {
        clearTimeout(timer)
        return work()
      },
    )
  } catch (error) {
    if (waiting.signal.aborted) return work()
    throw error
  }
}

type SendResult = { kind: 'empty' } | { kind: 'sent' } | { kind: 'stalled'; retryAfterMs: number }

/** Sends the oldest waiting entry of a lane. Contract: never throws. */
async function sendFirst(lane: string): Promise<SendResult> {
  try {
    const entries = await listEntries(outboxUserId() ?? '')
    const entry = entries.find((one) => laneOf(one) === lane && one.state === 'waiting')
    if (!entry) return { kind: 'empty' }
    if (isKeyExpired(entry)) await updateEntry(entry.id, () => ({ state: 'expired' }))
    else await attempt(entry)
    await publishOutboxChange()
    // A created session has its own lane. After a success, stalled lanes may succeed as well.
    sendWaiting()
    return { kind: 'sent' }
  } catch (error) {
    const { retryAfterMs = 0 } = error as { retryAfterMs?: number }
    return { kind: 'stalled', retryAfterMs }
  }
}

/** Sends an entry. Contract: throws only temporary errors. */
async function attempt(entry: OutboxEntry): Promise<void> {
  try {
    await (entry.session ? createSession(entry) : createMessage(entry))
  } catch (error) {
    if (isTemporary(error)) throw error
    const refused = isRefusal(error) ? { key: newKey() } : {}
    const failed = { state: 'failed' as const, problem: sentenceOf(error) }
    await updateEntry(entry.id, () => ({ ...failed, ...refused }))
  }
}

async function createSession(entry: OutboxEntry): Promise<void> {
  const sessionId = await postSession(entry, 0)
  publishCreatedSession(entry.id, sessionId)
  await updateEntry(entry.id, () => ({ session: null, sessionId }))
}

async function createMessage(entry: OutboxEntry): Promise<void> {
  await postMessage(entry, 0)
  addConfirmed(entry)
  await updateEntry(entry.id, () => 'delete')
}

type Posted = Omit<OutboxEntry, 'id'>

export async function postSession({ session, ...entry }: Posted, retriesMax: number) {
  const { id } = await outlast.sessions.create(session!, { ...optionsOf(entry), retriesMax })
  return id
}

/** Posts a message. Its key is stored in the log, so that pages can match delivered messages. */
export async function postMessage({ body, sessionId, ...entry }: Posted, retriesMax: number) {
  const metadata = { ...body.metadata, client_message_id: entry.key }
  const options = { ...optionsOf(entry), retriesMax }
  await outlast.messages.create(sessionId!, { ...body, metadata }, options)
}

/** Names the user, so that the server refuses the request after another user has signed in. */
const optionsOf = ({ key, userId, orgId }: Pick<OutboxEntry, 'key' | 'userId' | 'orgId'>) => ({
  idempotencyKey: key,
  headers: { 'outlast-user': userId, ...(orgId !== null && { 'x-org-id': orgId }) },
})

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    const wake = () => {
      clearTimeout(timer)
      wakers.delete(wake)
      resolve()
    }
    const timer = setTimeout(wake, ms)
    wakers.add(wake)
  })
}
