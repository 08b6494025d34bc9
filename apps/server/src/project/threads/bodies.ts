import { exact, type ThreadChannel } from './channel.ts'

type Reader = ReadableStreamDefaultReader<Uint8Array>

/** Bodies of requests and responses that the other side reads, piece by piece. */
export type Bodies = {
  /** Returns the number of a body for the other side. */
  offer: (body: ReadableStream<Uint8Array>) => number
  read: (id: number) => Promise<Uint8Array | undefined>
  cancel: (id: number) => Promise<void>
  cancelAll: () => void
}

export function createBodies(): Bodies {
  const readers = new Map<number, Reader>()
  let last = 0

  async function cancel(id: number) {
    const reader = readers.get(id)
    readers.delete(id)
    await reader?.cancel().catch(() => {})
  }

  return {
    offer(body) {
      readers.set(++last, body.getReader())
      return last
    },
    async read(id) {
      const reader = readers.get(id)
      if (!reader) throw new Error('The body was cancelled.')
      const { done, value } = await reader.read().catch((error) => {
        readers.delete(id)
        throw error
      })
      if (done) readers.delete(id)
      return done ? undefined : exact(value)
    },
    cancel,
    cancelAll() {
      for (const id of readers.keys()) void cancel(id)
    },
  }
}

/** A body that the other side offers. `place` names its owner there. */
export function remoteBody(channel: ThreadChannel, place: { call: number; body: number }) {
  const source = {
    async pull(controller: ReadableStreamDefaultController<Uint8Array>) {
      const bytes = await channel.request<Uint8Array | undefined>('body.read', place)
      if (bytes) controller.enqueue(bytes)
      else controller.close()
    },
    cancel: () => channel.request('body.cancel', place),
  }
  return new ReadableStream<Uint8Array>(source as never, { highWaterMark: 0 })
}
