import type { Event } from '@outlast/contract'
import type { EventHook } from '../../authoring/config.ts'

export type HookCall = {
  organizationId: string
  limitMs: number
  /** Aborted when the node stops waiting for its hooks. */
  stopped: AbortSignal
}

/**
 * Calls a hook with an event, and waits at most `limitMs` for it.
 * Contract: rejects with the error of the hook, or with the reason why it was aborted. A hook that
 * settles later has no effect.
 */
export async function callHook(hook: EventHook, event: Event, call: HookCall): Promise<void> {
  const { organizationId, limitMs, stopped } = call
  stopped.throwIfAborted()
  const ending = new AbortController()
  const { signal } = ending
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason))
  })
  const onStop = () => ending.abort(stopped.reason)
  stopped.addEventListener('abort', onStop)
  const late = new Error(`The hook did not end within ${limitMs / 1_000} s.`)
  const timer = setTimeout(() => ending.abort(late), limitMs)
  try {
    const called = (async () => hook(event, { organizationId, signal }))()
    await Promise.race([called, aborted])
  } finally {
    clearTimeout(timer)
    stopped.removeEventListener('abort', onStop)
  }
}
