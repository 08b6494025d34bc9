/**
 * The items of portions, one after the other. An item that is there already costs no turn of a
 * generator: of a long history that is most of what reading it costs beside the parsing.
 * Contract: `close` ends the portions. `return` calls it and does not wait for a portion that is
 * under way, so that who is not interested any more is rid of the connection at once. After
 * `signal` nothing comes, also not what is there.
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
