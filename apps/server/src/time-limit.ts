/** The time limit of a piece of work is over. */
export class TimeLimitError extends Error {
  override name = 'TimeLimitError'

  constructor(timeoutMs: number) {
    super(`It did not end within ${timeoutMs} ms.`)
  }
}

type TimeLimit = { timeoutMs: number; signal?: AbortSignal }

/**
 * Runs code of a tool or a project with a time limit. Its signal aborts with `signal`, and after
 * the limit.
 * Contract: throws TimeLimitError after the limit, the reason of `signal` after its abort, and the
 * error of the work.
 */
export async function withTimeLimit<T>(
  { timeoutMs, signal }: TimeLimit,
  work: (signal: AbortSignal) => T | Promise<T>,
): Promise<T> {
  // Not `AbortSignal.any` and `timeout`: a signal that lives long would retain the ended work.
  const ending = new AbortController()
  let isLate = false
  const timer = setTimeout(() => {
    isLate = true
    ending.abort(new DOMException('The time limit is over.', 'TimeoutError'))
  }, timeoutMs)
  const stop = () => ending.abort(signal?.reason)
  if (signal?.aborted) stop()
  signal?.addEventListener('abort', stop)
  try {
    return await Promise.race([work(ending.signal), aborted(ending.signal)])
  } catch (error) {
    if (isLate && !signal?.aborted) throw new TimeLimitError(timeoutMs)
    throw error
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', stop)
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason)
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}
