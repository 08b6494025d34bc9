import type { Event, EventQuery } from '@outlast/contract'
import { type CallOptions, type Http, path } from './http.ts'
import { type List, listFrom, type Page } from './page.ts'
import { type StreamOptions, streamEvents } from './stream.ts'

const pageSize = 1_000

export function events(http: Http) {
  /**
   * Lists the stored events of a session, without deltas. Awaited, it returns the first 1,000
   * events; iterated, it yields all, `limit` per request, including events added meanwhile.
   * `since_id` or `after_sequence` select the start.
   */
  function list(sessionId: string, query: EventQuery = {}, options?: CallOptions): List<Event> {
    const at = path`/v1/sessions/${sessionId}/events`
    const get = (asked?: EventQuery) =>
      http.call<Page<Event>>('GET', at, { query: { limit: pageSize, ...query, ...asked } }, options)

    async function* iterate() {
      let place: Pick<EventQuery, 'since_id' | 'after_sequence'> = {}
      for (;;) {
        const { data, total } = await get(place)
        for (const event of data) {
          options?.signal?.throwIfAborted()
          yield event
        }
        if (data.length === 0 || data.length >= total) return
        place = { since_id: undefined, after_sequence: data.at(-1)!.sequence }
      }
    }

    return listFrom(get, iterate)
  }

  return {
    list,
    /** Streams the events of a session, stored ones first: see `streamEvents`. */
    stream: (sessionId: string, options?: StreamOptions) => streamEvents(http, sessionId, options),
  }
}
