import type { TestContext } from 'node:test'
import type { SessionSnapshot, SessionStore } from '../src/index.ts'

/** Waits until a snapshot fits. Rejects at the end of the test, also by its timeout. */
export function when(
  t: Pick<TestContext, 'signal'>,
  store: SessionStore,
  fits: (snapshot: SessionSnapshot) => boolean,
) {
  return new Promise<SessionSnapshot>((resolve, reject) => {
    const unsubscribe = store.subscribe(look)
    t.signal.addEventListener('abort', () => {
      unsubscribe()
      reject(new Error(`The store did not reach the state: ${JSON.stringify(store.getSnapshot())}`))
    })
    function look() {
      if (!fits(store.getSnapshot())) return
      resolve(store.getSnapshot())
      queueMicrotask(() => unsubscribe())
    }
    queueMicrotask(look)
  })
}

/** Keeps a subscriber until the end of the test. */
export function keep(t: Pick<TestContext, 'after'>, store: SessionStore) {
  t.after(store.subscribe(() => {}))
  return store
}
