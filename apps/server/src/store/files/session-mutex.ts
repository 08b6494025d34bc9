/** The latest waiting work of each session; none of these promises rejects. */
const tails = new Map<string, Promise<void>>()

/**
 * Serializes the changes of one session within this node. The row lock of the session would do so
 * too, but a waiting transaction holds a connection. A hundred changes of one session would leave
 * no connection to other requests of this node.
 */
export async function withSessionLock<T>(sessionId: string, work: () => Promise<T>): Promise<T> {
  const mine = (tails.get(sessionId) ?? Promise.resolve()).then(work)
  const tail = mine.then(
    () => {},
    () => {},
  )
  tails.set(sessionId, tail)
  try {
    return await mine
  } finally {
    if (tails.get(sessionId) === tail) tails.delete(sessionId)
  }
}
