/**
 * Calls `work` when a signal is aborted, at once if it already is.
 * Contract: returns a function that removes the listener, because signals outlive their listeners.
 */
export function whenAborted(signal: AbortSignal | undefined, work: () => void): () => void {
  if (signal?.aborted) work()
  else signal?.addEventListener('abort', work, { once: true })
  return () => signal?.removeEventListener('abort', work)
}

/** A controller whose signal follows others until `unlink`. */
type Linked = { controller: AbortController; signal: AbortSignal; unlink: () => void }

/** Returns a signal that aborts with the reason of the first aborted signal, until `unlink`. */
export function linked(...signals: (AbortSignal | undefined)[]): Linked {
  const controller = new AbortController()
  const unlisten = signals.map((signal) =>
    whenAborted(signal, () => controller.abort(signal?.reason)),
  )
  const unlink = () => {
    for (const stop of unlisten) stop()
  }
  return { controller, signal: controller.signal, unlink }
}
