import type { Event, EventQuery, EventsSummary, Page } from '@outlast/contract'
import { type CallOptions, type Http, path } from '../http/http.ts'
import { type List, listFrom } from '../http/page.ts'
import { type StreamOptions, streamEvents } from '../http/stream.ts'

const pageSize = 1_000

type EventPage = Page<Event> & { offset: number; limit: number; scanned_to?: number }

const searches = [
  'from_ts',
  'to_ts',
  'turn_id',
  'exec_id',
  'trace_id',
  'tags',
  'tool_name',
  'q',
] as const
const positions = ['before_sequence', 'order_desc', 'around', 'window'] as const

/** True for a query that the server answers page by page, with `scanned_to` until the end. */
const isSearch = (query: EventQuery) =>
  [...searches, ...positions].some((name) => query[name] !== undefined && query[name] !== false)

export function events(http: Http) {
  /**
   * Lists the stored events of a session, without deltas. Awaited, it returns the first 1,000
   * events; iterated, it yields all, `limit` per request, including events added meanwhile.
   * `since_id` or `after_sequence` select the start. With `order_desc` or `before_sequence` the
   * pages go back from the end. A page of a search can have fewer events than `limit`.
   */
  function list(sessionId: string, query: EventQuery = {}, options?: CallOptions): List<Event> {
    const at = path`/v1/sessions/${sessionId}/events`
    const limit = query.around === undefined ? pageSize : undefined
    const get = (asked?: EventQuery) =>
      http.call<EventPage>('GET', at, { query: { limit, ...query, ...asked } }, options)

    async function* iterate() {
      const isBackwards = query.order_desc === true || query.before_sequence !== undefined
      let place: EventQuery = {}
      for (;;) {
        const { data, total, scanned_to } = await get(place)
        for (const event of data) {
          options?.signal?.throwIfAborted()
          yield event
        }
        const after = scanned_to ?? data.at(-1)?.sequence
        const isLast = scanned_to === undefined && (isSearch(query) || data.length >= total)
        if (after === undefined || isLast || query.around !== undefined) return
        place = isBackwards
          ? { before_sequence: after }
          : { since_id: undefined, after_sequence: after }
      }
    }

    return listFrom(get, iterate)
  }

  return {
    list,
    /** Counts the stored events of a session by type. */
    summary: (sessionId: string, options?: CallOptions) =>
      http.call<EventsSummary>('GET', path`/v1/sessions/${sessionId}/events/summary`, {}, options),
    /** Streams the events of a session, stored ones first: see `streamEvents`. */
    stream: (sessionId: string, options?: StreamOptions) => streamEvents(http, sessionId, options),
  }
}
