export type Listeners<Args extends unknown[]> = ReturnType<typeof createListeners<Args>>

export function createListeners<Args extends unknown[]>() {
  const listeners = new Set<(...args: Args) => void>()
  return {
    tell(...args: Args) {
      for (const listener of listeners) listener(...args)
    },
    add(listener: (...args: Args) => void): () => void {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
}
