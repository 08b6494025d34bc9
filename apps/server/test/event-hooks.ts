import type { Event } from '@outlast/contract'
import type { EventHook } from '../src/authoring/config.ts'
import { emptyProject } from '../src/authoring/project.ts'
import type { ServerOptions } from './server.ts'

export type Recorder = {
  /** The hook: records each call, then does the work of the test. */
  hook: EventHook
  /** Events of all calls, in the order in which the calls began. */
  events: Event[]
  of: (sessionId: string) => Event[]
  /** Resolves when a condition on the calls holds; is checked at each call. */
  until: (condition: () => boolean) => Promise<void>
}

export function recordEvents(then: EventHook = () => {}): Recorder {
  const events: Event[] = []
  const waiting = new Set<() => void>()
  return {
    hook(event, context) {
      events.push(event)
      for (const look of waiting) look()
      return then(event, context)
    },
    events,
    of: (sessionId) => events.filter((event) => event.session_id === sessionId),
    until(condition) {
      const { promise, resolve } = Promise.withResolvers<void>()
      const look = () => {
        if (!condition()) return
        waiting.delete(look)
        resolve()
      }
      waiting.add(look)
      look()
      return promise
    },
  }
}

/** Options of a server whose project has event hooks. */
export const withHooks = (event: EventHook | Record<string, EventHook>): ServerOptions => ({
  project: { ...emptyProject, hooks: { event } },
})

/** Events without those that were given again: each at its first call. */
export const firstCalls = (events: readonly Event[]) => [
  ...new Map(events.map((event) => [event.id, event])).values(),
]
