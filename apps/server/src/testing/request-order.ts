import type { ModelRequest } from './chat-wire.ts'

export type RequestOrder = {
  /** The index of a request. */
  take: (request: ModelRequest) => number
  /** The server ended without warning: it may repeat requests whose replies it has lost. */
  interrupted: () => void
}

/**
 * Counts the requests of servers.
 * Contract: a request that a server repeats after a crash, because it has lost the reply, has the
 * same index again. A retry after an error or a timeout has the next one.
 */
export function createOrder(): RequestOrder {
  let next = 0
  const taken = new Map<string, { index: number; isRepeatable: boolean }>()
  return {
    take({ body }) {
      const key = JSON.stringify(body.messages)
      const earlier = taken.get(key)
      const index = earlier?.isRepeatable ? earlier.index : next++
      taken.set(key, { index, isRepeatable: false })
      return index
    },
    interrupted() {
      for (const entry of taken.values()) entry.isRepeatable = true
    },
  }
}
