import { useSyncExternalStore } from 'react'
import type { SessionsSearch } from '../../search.ts'

/** A name for the state of the list. Stored in this browser. */
export type SavedView = { name: string; search: SessionsSearch }

const stored = 'outlast.session-views'
const viewsMax = 30
export const viewNameMax = 40

const none: readonly SavedView[] = []
const listeners = new Set<() => void>()
let text: string | null | undefined
let views = none

const isView = (value: unknown): value is SavedView => {
  const { name, search } = (value ?? {}) as Partial<SavedView>
  return typeof name === 'string' && typeof search === 'object' && search !== null
}

/** Returns the same list until it changes. The storage may be blocked, or hold anything. */
function readViews(): readonly SavedView[] {
  try {
    const now = localStorage.getItem(stored)
    if (now === text) return views
    text = now
    const found: unknown = JSON.parse(now ?? '[]')
    views = Array.isArray(found) ? found.filter(isView).slice(0, viewsMax) : none
  } catch {
    views = none
  }
  return views
}

/** Returns false if the browser does not store it. */
function writeViews(next: readonly SavedView[]): boolean {
  try {
    localStorage.setItem(stored, JSON.stringify(next))
  } catch {
    return false
  } finally {
    for (const listener of listeners) listener()
  }
  return true
}

function subscribe(listener: () => void) {
  listeners.add(listener)
  window.addEventListener('storage', listener)
  return () => {
    listeners.delete(listener)
    window.removeEventListener('storage', listener)
  }
}

export const useViews = () => useSyncExternalStore(subscribe, readViews)

/** Saves a view, in the place of one with the same name. Returns why not, if it cannot. */
export function saveView(view: SavedView): string | undefined {
  const others = readViews().filter(({ name }) => name !== view.name)
  if (others.length >= viewsMax) return `There are ${viewsMax} views already. Remove one first.`
  return writeViews([...others, view]) ? undefined : 'This browser does not store it.'
}

export const removeView = (name: string) =>
  writeViews(readViews().filter((view) => view.name !== name))
