/** The latest of what waits for a session; none of these promises fails. */
const tails = new Map<string, Promise<void>>()

/**
 * Lets the changes of one session be made one after the other. The row of the session would see to
 * that as well, but whoever waits for a row holds a connection: a hundred changes of one session
 * would leave none to anybody else on this node.
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
