import type { Event, EventType, Resume, StreamQuery } from '@outlast/contract'
import { isOutlastError } from './error.ts'
import { type CallOptions, type Http, path } from './http.ts'
import { type ConnectionOptions, parsed, readStream } from './reader.ts'
import type { Frame } from './sse.ts'

export type StreamOptions = ConnectionOptions &
  Pick<StreamQuery, 'since_id' | 'after_sequence' | 'accumulated'> & {
    types?: readonly EventType[]
    exclude?: readonly EventType[]
    /**
     * Called when the server lost events, for example in a failover to an asynchronous standby.
     * Discard the events after `sequence`, which the log no longer has. The stream then resumes
     * after `since_id` (null: from the start). Called before the next event.
     */
    onHistoryChanged?: (resume: Resume) => void
  }

/** Number of stored events per request: the most that channels send. */
const storedMax = 500

/**
 * Streams the events of a session, stored ones first, then new ones as they happen.
 * Contract: yields each event once and in order, and the text of deltas without gaps or repeats,
 * across lost and silent connections, restarts of the server, error pages of proxies and sleep of
 * the machine. Behind a proxy that buffers streams, stored events arrive late and deltas do not.
 * Ends only with its signal (and then throws its reason), by `break`, or with an error that a retry
 * cannot fix, such as a wrong key or an unknown session. If the server lost events, it continues
 * after the last remaining one: see `onHistoryChanged`. Deltas have no `accumulated` by default.
 */
export function streamEvents(
  http: Http,
  sessionId: string,
  options: StreamOptions = {},
): AsyncIterableIterator<Event, void, undefined> {
  const accumulated = options.accumulated ?? false
  return streamSession(http, path`/v1/sessions/${sessionId}`, { ...options, accumulated })
}

/** Streams the events of the session at a path: see `streamEvents`. */
export function streamSession(
  http: Http,
  base: string,
  options: StreamOptions & { isOfChannel?: boolean },
): AsyncIterableIterator<Event, void, undefined> {
  const { types, exclude, accumulated, onHistoryChanged, isOfChannel } = options
  const { since_id, after_sequence } = options
  const sequence = since_id === undefined ? (after_sequence ?? 0) : undefined
  const place: StreamPosition = { since_id, after_sequence, sequence }
  return readStream(
    http,
    {
      path: `${base}/sse`,
      query: () => {
        const { since_id, after_sequence } = place
        return { since_id, after_sequence, types, exclude, accumulated }
      },
      take(frame) {
        if (frame.event === 'connected') return undefined
        const event = parsed(frame.data) as Event
        return moveOn(place, frame, event) ? event : undefined
      },
      // The list of a channel has no `since_id`.
      otherwise: async (about) =>
        isOfChannel && place.sequence === undefined
          ? []
          : storedAfter(http, `${base}/events`, { types, exclude, place, about }),
      recover(error) {
        if (!isOutlastError(error, 'history_changed')) return false
        const resume = error.resume ?? { since_id: null, sequence: 0 }
        moveBack(place, resume)
        onHistoryChanged?.(resume)
        return true
      },
    },
    options,
  )
}

type Asking = Pick<StreamOptions, 'types' | 'exclude'> & {
  place: StreamPosition
  about: CallOptions
}

/**
 * Reads new stored events without a stream, behind a proxy that buffers streams. The position in
 * the stream is unchanged, because it may be inside a message. Returns no events on failure.
 */
async function storedAfter(
  http: Http,
  at: string,
  { types, exclude, place, about }: Asking,
): Promise<readonly Event[]> {
  const { sequence, since_id, after_sequence } = place
  const from = sequence === undefined ? { since_id, after_sequence } : { after_sequence: sequence }
  const request = { query: { types, exclude, limit: storedMax, ...from } }
  try {
    const { data } = await http.call<{ data: Event[] }>('GET', at, request, about)
    const last = data.at(-1)
    if (last?.sequence === undefined) return []
    place.sequence = last.sequence
    if (since_id === undefined) {
      place.since_id = last.id
      place.after_sequence = undefined
    }
    return data
  } catch {
    return []
  }
}

/** Position of a reader. */
type StreamPosition = {
  since_id: string | undefined
  after_sequence: number | undefined
  /** Undefined until the first event of a stream that began with `since_id`. */
  sequence: number | undefined
}

/**
 * Advances the position. Returns false for a stored event that was read before, such as one that a
 * proxy repeats. The position is the id of the frame, which can be inside a streamed message.
 */
function moveOn(place: StreamPosition, { id }: Frame, event: Event): boolean {
  const { sequence } = event
  if (sequence !== undefined) {
    if (sequence <= (place.sequence ?? 0)) return false
    place.sequence = sequence
  }
  place.since_id = id === '' ? event.id : id
  place.after_sequence = undefined
  return true
}

/** Moves the position to the last remaining event. */
function moveBack(place: StreamPosition, { since_id, sequence }: Resume): void {
  place.since_id = since_id ?? undefined
  place.after_sequence = since_id === null ? 0 : undefined
  place.sequence = sequence
}
