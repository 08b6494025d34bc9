import type { Event } from '@outlast/contract'
import type { EventHook } from '../../authoring/config.ts'
import { withTimeLimit } from '../../time-limit.ts'

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
  await withTimeLimit({ timeoutMs: limitMs, signal: stopped }, (signal) =>
    hook(event, { organizationId, signal }),
  )
}
