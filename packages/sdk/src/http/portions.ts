/**
 * Yields the items of portions one by one. An item of a portion that has arrived does not resume
 * the generator, which is most of the cost of reading a long history apart from parsing.
 * Contract: `close` ends the portions. `return` calls it without waiting for a pending portion, so
 * that the connection closes at once. After `signal` no item follows, not even an arrived one.
 */
export function eachOf<T>(
  portions: AsyncGenerator<readonly T[], void, undefined>,
  { signal, close }: { signal: AbortSignal | undefined; close: () => void },
): AsyncIterableIterator<T, void, undefined> {
  let portion: readonly T[] = []
  let at = 0
  let reading: Promise<IteratorResult<T, void>> | undefined

  async function readOn(): Promise<IteratorResult<T, void>> {
    while (at >= portion.length) {
      const { done, value } = await portions.next()
      if (done) return { done, value: undefined }
      portion = value
      at = 0
    }
    if (signal?.aborted) throw signal.reason
    return { done: false, value: portion[at++]! }
  }

  return {
    next() {
      if (reading === undefined && at < portion.length && !signal?.aborted) {
        return Promise.resolve({ done: false, value: portion[at++]! })
      }
      const mine = reading ? reading.then(readOn, readOn) : readOn()
      reading = mine
      const clear = () => {
        if (reading === mine) reading = undefined
      }
      mine.then(clear, clear)
      return mine
    },
    async return() {
      portion = []
      close()
      await portions.return()
      return { done: true, value: undefined }
    },
    [Symbol.asyncIterator]() {
      return this
    },
  }
}
