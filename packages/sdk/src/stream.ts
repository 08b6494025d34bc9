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
     * Called when the server lost events, for example when its database failed over to an
     * asynchronous standby. The stream resumes after `since_id` (null: from the beginning) by
     * itself. Drop what you have of events after `sequence`: they are not in the log any more.
     * Called after the last of those was read, and before the next event comes.
     */
    onHistoryChanged?: (resume: Resume) => void
  }

/** How many stored events are asked for at once. */
const storedMax = 1_000

/**
 * The events of a session, stored ones first, then as they happen, without end.
 * Contract: each event once and in order, and the text of deltas without gap or repeat, across lost
 * and silent connections, proxies that keep a stream back (then stored events come late, and no
 * deltas), restarts of the server, error pages of proxies and sleep of the machine. Ends only with
 * its signal (and then throws its reason), by `break`, or with an error that trying again does not
 * mend: a wrong key, a session that does not exist. When the server lost events, it continues with
 * those that took their place, behind the last that is left: see `onHistoryChanged`. Deltas come
 * without `accumulated` unless it is asked for.
 */
export function streamEvents(
  http: Http,
  sessionId: string,
  options: StreamOptions = {},
): AsyncIterableIterator<Event, void, undefined> {
  const { types, exclude, accumulated = false, onHistoryChanged } = options
  const place: StreamPosition = {
    since_id: options.since_id,
    after_sequence: options.after_sequence,
  }
  return readStream(
    http,
    {
      path: path`/v1/sessions/${sessionId}/sse`,
      query: () => {
        const { since_id, after_sequence } = place
        return { since_id, after_sequence, types, exclude, accumulated }
      },
      take(frame) {
        if (frame.event === 'connected') return undefined
        const event = parsed(frame.data) as Event
        return moveOn(place, frame, event) ? event : undefined
      },
      otherwise: (about) => storedAfter(http, sessionId, { types, exclude, place, about }),
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
 * What is stored and new, asked for in another way: a proxy may keep back every stream and pass on
 * all else. The place in the stream stays, as it may be inside a message. Nothing where this way
 * fails as well.
 */
async function storedAfter(
  http: Http,
  sessionId: string,
  { types, exclude, place, about }: Asking,
): Promise<readonly Event[]> {
  const { sequence, since_id, after_sequence } = place
  const from = sequence === undefined ? { since_id, after_sequence } : { after_sequence: sequence }
  const request = { query: { types, exclude, limit: storedMax, ...from } }
  const at = path`/v1/sessions/${sessionId}/events`
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

/** How far a reader is. */
type StreamPosition = {
  since_id: string | undefined
  after_sequence: number | undefined
  sequence?: number
}

/**
 * Moves the place on; false for a stored event that was there already, whatever a proxy repeats.
 * The place is the id of the frame: inside a message that is being written it says more than the
 * event's own.
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

/** Nothing that came after the last event that is left was there. */
function moveBack(place: StreamPosition, { since_id, sequence }: Resume): void {
  place.since_id = since_id ?? undefined
  place.after_sequence = since_id === null ? 0 : undefined
  place.sequence = sequence
}
