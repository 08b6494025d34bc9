import { useSyncExternalStore } from 'react'
import { outboxState } from '../sessions/composer/outbox-state.ts'
import { signOut } from './login.ts'

let isAsked = false
const listeners = new Set<() => void>()

function setAsked(value: boolean) {
  isAsked = value
  for (const listener of listeners) listener()
}

/** Signs out, after a question when that deletes messages that the server does not have. */
export function requestSignOut(): void {
  if (outboxState().stored.length > 0) setAsked(true)
  else void signOut()
}

function watch(listener: () => void) {
  listeners.add(listener)
  return () => {
    listeners.delete(listener)
  }
}

/** Whether a user is asked, and what ends the question. */
export const useSignOutRequest = () => ({
  isAsked: useSyncExternalStore(watch, () => isAsked),
  close: () => setAsked(false),
})
