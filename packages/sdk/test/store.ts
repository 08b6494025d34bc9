import type { SessionSnapshot, SessionStore } from '../src/index.ts'

/** Waits until a snapshot fits. */
export function when(store: SessionStore, fits: (snapshot: SessionSnapshot) => boolean) {
  return new Promise<SessionSnapshot>((resolve) => {
    const unsubscribe = store.subscribe(look)
    function look() {
      if (!fits(store.getSnapshot())) return
      resolve(store.getSnapshot())
      queueMicrotask(() => unsubscribe())
    }
    queueMicrotask(look)
  })
}

/** Keeps a subscriber until the end of the test. */
export function keep(t: { after: (work: () => void) => void }, store: SessionStore) {
  t.after(store.subscribe(() => {}))
  return store
}
