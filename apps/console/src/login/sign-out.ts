import { useSyncExternalStore } from 'react'
import { sentenceOf } from '../errors.ts'
import { outboxState } from '../sessions/composer/outbox-state.ts'
import { showToast } from '../shell/toasts/toasts.ts'
import { signOut } from './login.ts'

let isAsked = false
const listeners = new Set<() => void>()

function setAsked(value: boolean) {
  isAsked = value
  for (const listener of listeners) listener()
}

/** Signs out. Asks first when unsent messages would be deleted. */
export function requestSignOut(): void {
  if (outboxState().stored.length > 0) setAsked(true)
  else signOut().catch((error: unknown) => showToast(sentenceOf(error)))
}

function watch(listener: () => void) {
  listeners.add(listener)
  return () => {
    listeners.delete(listener)
  }
}

/** Returns whether the question is shown, and a function that closes it. */
export const useSignOutRequest = () => ({
  isAsked: useSyncExternalStore(watch, () => isAsked),
  close: () => setAsked(false),
})
