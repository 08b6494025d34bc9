import type { Event, EventQuery } from '@outlast/contract'
import { type CallOptions, type Http, path } from './http.ts'
import type { Page } from './page.ts'
import { type StreamOptions, streamEvents } from './stream.ts'

/** Stored events: awaited, the first page; iterated, all of them, page by page. */
export type EventList = PromiseLike<Page<Event>> & AsyncIterable<Event>

const pageSize = 1_000

export function events(http: Http) {
  function list(sessionId: string, query: EventQuery = {}, options?: CallOptions): EventList {
    const get = (asked: EventQuery) =>
      http.call<Page<Event>>(
        'GET',
        path`/v1/sessions/${sessionId}/events`,
        { query: { ...query, ...asked } },
        options,
      )

    async function* iterate() {
      const limit = query.limit ?? pageSize
      let { since_id, after_sequence } = query
      for (;;) {
        const { data } = await get({ since_id, after_sequence, limit })
        yield* data
        if (data.length < limit) return
        since_id = undefined
        after_sequence = data.at(-1)!.sequence
      }
    }

    return {
      // biome-ignore lint/suspicious/noThenProperty: a list is awaited for its first page
      then: (resolve, reject) => get({}).then(resolve, reject),
      [Symbol.asyncIterator]: iterate,
    }
  }

  return {
    /** The log of a session as it stands. */
    list,
    /** The log of a session, and then what happens: see `streamEvents`. */
    stream: (sessionId: string, options?: StreamOptions) => streamEvents(http, sessionId, options),
  }
}
