import { type WireEvent, wireEvent } from './events.ts'
import type { NewEvent } from './log-sql.ts'

/** Consecutive events that one statement stored. */
export type StoredEvents = {
  /** The sequence of the first event. */
  first: number
  ts: string
  events: readonly PublishedEvent[]
}

type PublishedEvent = NewEvent & {
  tags?: string[] | null
  /** The data in its wire form, where the table holds less. */
  wireData?: ((ts: string) => string) | undefined
}

/** A session and its organization. */
export type SessionRef = { orgId: string; sessionId: string }

export type Publisher = {
  stored: (of: SessionRef, sequence: number, wireEvents: () => WireEvent[]) => void
}

/** Publishes events of a session to its subscribers. Contract: they are committed. */
export function publishEvents(bus: Publisher, of: SessionRef, { first, ts, events }: StoredEvents) {
  if (events.length === 0) return
  bus.stored(of, first + events.length - 1, () =>
    events.map((event, index) => {
      const data = event.wireData?.(ts) ?? event.data
      return wireEvent(of.sessionId, { ...event, data, sequence: first + index, ts })
    }),
  )
}
