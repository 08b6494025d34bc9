import type { SessionClient } from './session-client.ts'
import { createSessionStore, type SessionStore, type SessionStoreOptions } from './session-store.ts'

/** Stores by client. Those that no view holds are collected. */
const stores = new WeakMap<SessionClient, Set<WeakRef<SessionStore>>>()

/** Stores of new sessions that views have named by their ids since. */
const named = new WeakSet<SessionStore>()

/**
 * Returns the store of a session that other views of this program use, or creates it. Without a
 * session and a key, views share a new session until one of them names it by its id, or the last of
 * them is gone.
 */
export function sharedSessionStore(options: Omit<SessionStoreOptions, 'tools'>): SessionStore {
  const known = stores.get(options.outlast) ?? new Set()
  stores.set(options.outlast, known)
  for (const reference of known) {
    const store = reference.deref()
    if (!store) known.delete(reference)
    else if (isFor(store, options)) {
      if (options.sessionId !== undefined) named.add(store)
      return store
    }
  }
  const store = createSessionStore(options)
  known.add(new WeakRef(store))
  return store
}

function isFor(store: SessionStore, { sessionId, agentId, key }: SessionStoreOptions): boolean {
  const { target, getSnapshot, isInUse } = store
  const current = getSnapshot().sessionId
  if (sessionId !== undefined) return sessionId === current
  if (target.sessionId !== undefined || agentId !== target.agentId) return false
  if (key !== target.key) return false
  if (key !== undefined) return true
  const isUnused = current === undefined && getSnapshot().items.length === 0
  return isUnused || (isInUse() && !named.has(store))
}
