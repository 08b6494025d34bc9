import { useSyncExternalStore } from 'react'

/** A short message about a finished action. */
export type Toast = {
  id: number
  text: string
  /** Reverts the action. Contract: throws if it fails. */
  undo?: () => Promise<unknown>
}

/** Older ones disappear first. */
const shownMax = 3

let toasts: readonly Toast[] = []
let lastId = 0
const listeners = new Set<() => void>()

function setToasts(next: readonly Toast[]) {
  toasts = next
  for (const listener of listeners) listener()
}

/** Shows a message on the current screen and on all later ones, until its time is over. */
export function showToast(text: string, undo?: Toast['undo']): void {
  lastId += 1
  setToasts([...toasts, { id: lastId, text, ...(undo && { undo }) }].slice(-shownMax))
}

export const dismissToast = (id: number) => setToasts(toasts.filter((one) => one.id !== id))

export const useToasts = () =>
  useSyncExternalStore(
    (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    () => toasts,
  )
