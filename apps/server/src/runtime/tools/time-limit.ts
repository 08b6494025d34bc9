/** The time limit of a piece of work is over. */
export class TimeLimitError extends Error {
  override name = 'TimeLimitError'
}

type TimeLimit = { timeoutMs: number; signal: AbortSignal }

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
  // Not `AbortSignal.timeout`: its timer would retain the memory of the work after its end.
  const timeout = new AbortController()
  const late = new DOMException('The call took too long.', 'TimeoutError')
  const timer = setTimeout(() => timeout.abort(late), timeoutMs)
  const either = AbortSignal.any([signal, timeout.signal])
  try {
    return await Promise.race([work(either), aborted(either)])
  } catch (error) {
    if (timeout.signal.aborted && !signal.aborted) throw new TimeLimitError()
    throw error
  } finally {
    clearTimeout(timer)
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason)
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}
