import type { Change, DeletedSession, Session } from '@outlast/contract'
import type { Http } from '../http/http.ts'
import { type ConnectionOptions, parsed, readStream } from '../http/reader.ts'
import type { Frame } from '../http/sse.ts'

/** A change in an organization. */
export type ChangeEvent =
  /** A session was created or has changed. `data` is its current state. */
  | { type: 'session.changed'; data: Session }
  | { type: 'session.deleted'; data: DeletedSession }
  /** Another resource was created, changed or deleted: read it again. */
  | { type: 'changed'; data: Change }
  /** Changes may have been missed: read all lists again. */
  | { type: 'reset' }

export function changes(http: Http) {
  return {
    /**
     * Streams the changes of the organization from now on, as an async iterable. It reconnects
     * after lost connections, restarts of the server and sleep of the machine. The stream has no
     * history, so the first change is `reset`, and so is the first one after each gap: read your
     * lists then, and apply the changes that follow.
     * Contract: ends only with its signal (and then throws its reason), by `break`, or with an
     * error that a retry cannot fix. Behind a proxy that buffers streams it yields `reset` every
     * 10 s, and nothing else.
     */
    stream: (options: ConnectionOptions = {}) =>
      readStream<ChangeEvent>(
        http,
        {
          path: '/v1/changes',
          query: () => ({}),
          take: changeOf,
          // A server that responds may have changed meanwhile. Without a response there is nothing
          // to read.
          otherwise: (about) =>
            http.call('GET', '/health', {}, about).then(
              () => [{ type: 'reset' }],
              () => [],
            ),
        },
        options,
      ),
  }
}

/** Undefined for a frame that only newer clients understand. */
function changeOf({ event, data }: Frame): ChangeEvent | undefined {
  switch (event) {
    case 'session.changed':
    case 'session.deleted':
    case 'changed':
      return { type: event, data: parsed(data) } as ChangeEvent
    case 'connected':
    case 'reset':
      return { type: 'reset' }
    default:
      return undefined
  }
}
