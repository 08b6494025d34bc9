/** A signal for any number of waiters. `next` resolves with the next `give`. */
export type Signal = { next: () => Promise<'changed'>; give: () => void }

export function createSignal(): Signal {
  let current = Promise.withResolvers<'changed'>()
  return {
    next: () => current.promise,
    give() {
      const { resolve } = current
      current = Promise.withResolvers()
      resolve('changed')
    },
  }
}
