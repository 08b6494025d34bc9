import { useSyncExternalStore } from 'react'
import { listEntries, type OutboxEntry } from './outbox-store.ts'

type OutboxState = {
  /** Stored in this browser, oldest first. */
  stored: readonly OutboxEntry[]
  /** Confirmed by the server. Shown until the session's events contain them. */
  confirmed: readonly OutboxEntry[]
  /** Lanes whose last attempt failed. */
  stalled: ReadonlySet<string>
}

/** How long a confirmed message, with its images, is kept at most. */
const confirmedMs = 60_000

let state: OutboxState = { stored: [], confirmed: [], stalled: new Set() }
let userId: string | undefined
let readsBegun = 0
let newestRead = 0
const listeners = new Set<() => void>()

/** Notifies other tabs of this browser about changed entries. */
const tabs = new BroadcastChannel('outlast.outbox')
/** Created sessions by entry id. */
const createdSessions = new Map<number, string>()

/** Entries of one lane are sent in order, one at a time. */
export const laneOf = ({ id, sessionId }: Pick<OutboxEntry, 'id' | 'sessionId'>) =>
  sessionId ?? `new ${id}`

export const outboxState = () => state
export const outboxUserId = () => userId

export function setOutboxUserId(id: string): void {
  userId = id
}

export function setOutboxState(change: Partial<OutboxState>): void {
  state = { ...state, ...change }
  for (const listener of listeners) listener()
}

export function onOutboxChange(listener: () => void): () => void {
  listeners.add(listener)
  return () => {
    listeners.delete(listener)
  }
}

/** Keeps a confirmed message for its row: its page may have closed, so that no event removes it. */
export function addConfirmed(entry: OutboxEntry): void {
  setOutboxState({ confirmed: [...state.confirmed, entry] })
  setTimeout(() => {
    const left = state.confirmed.filter((one) => one !== entry)
    if (left.length < state.confirmed.length) setOutboxState({ confirmed: left })
  }, confirmedMs)
}

/** Removes the confirmed messages of a session, whether or not its events contain them. */
export function forgetConfirmed(sessionId: string): void {
  setOutboxState({ confirmed: state.confirmed.filter((one) => one.sessionId !== sessionId) })
}

export const useOutboxState = () => useSyncExternalStore(onOutboxChange, outboxState)

/** Reads the stored entries. Ignores a read that ends after a later one. */
export async function readOutbox(): Promise<void> {
  if (userId === undefined) return
  readsBegun += 1
  const read = readsBegun
  const stored = await listEntries(userId)
  if (read < newestRead) return
  newestRead = read
  setOutboxState({ stored })
}

/** Reads the entries again in every tab. */
export async function publishOutboxChange(): Promise<void> {
  tabs.postMessage({})
  await readOutbox()
}

export function publishCreatedSession(entryId: number, sessionId: string): void {
  createdSessions.set(entryId, sessionId)
  tabs.postMessage({ entryId, sessionId })
}

export const createdSessionOf = (entryId: number) => createdSessions.get(entryId)

/** Calls back after another tab has changed the stored entries. */
export function onOutboxChangeElsewhere(listener: () => void): void {
  tabs.addEventListener('message', ({ data: { entryId, sessionId } }) => {
    if (entryId !== undefined) createdSessions.set(entryId, sessionId)
    listener()
  })
}

export function setStalled(lane: string, isStalled: boolean): void {
  if (state.stalled.has(lane) === isStalled) return
  const stalled = new Set(state.stalled)
  if (isStalled) stalled.add(lane)
  else stalled.delete(lane)
  setOutboxState({ stalled })
}
