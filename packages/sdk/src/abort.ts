/**
 * Does something once a signal is aborted, at once if it is.
 * Contract: what comes back takes the listener away; signals live longer than what listens to them.
 */
export function whenAborted(signal: AbortSignal | undefined, work: () => void): () => void {
  if (signal?.aborted) work()
  else signal?.addEventListener('abort', work, { once: true })
  return () => signal?.removeEventListener('abort', work)
}

/** The controller's signal follows others until `unlink`. */
type Linked = { controller: AbortController; signal: AbortSignal; unlink: () => void }

/** A signal that follows the first of several, with its reason, until `unlink`. */
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
