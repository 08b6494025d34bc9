import type { SessionClient } from './session-client.ts'
import { createSessionStore, type SessionStore, type SessionStoreOptions } from './session-store.ts'

/** Stores by client. Those that no view holds are collected. */
const stores = new WeakMap<SessionClient, Set<WeakRef<SessionStore>>>()

/**
 * Returns the store of a session that other views of this program use, or creates it. Without a
 * session and a key, views share a new session until the last of them is gone.
 */
export function sharedSessionStore(options: Omit<SessionStoreOptions, 'tools'>): SessionStore {
  const known = stores.get(options.outlast) ?? new Set()
  stores.set(options.outlast, known)
  for (const reference of known) {
    const store = reference.deref()
    if (!store) known.delete(reference)
    else if (isFor(store, options)) return store
  }
  const store = createSessionStore(options)
  known.add(new WeakRef(store))
  return store
}

function isFor(store: SessionStore, { sessionId, agentId, key }: SessionStoreOptions): boolean {
  const { target, getSnapshot, isInUse } = store
  const current = getSnapshot().sessionId
  if (sessionId !== undefined) return sessionId === current || sessionId === target.sessionId
  if (target.sessionId !== undefined || agentId !== target.agentId) return false
  return key === target.key && (key !== undefined || current === undefined || isInUse())
}
