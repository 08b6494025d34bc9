import type { Change, DeletedSession, Session } from '@outlast/contract'
import type { Http } from './http.ts'
import { type ConnectionOptions, parsed, readStream } from './reader.ts'
import type { Frame } from './sse.ts'

/** What is told of an organization. */
export type ChangeEvent =
  /** A session was made, or it changed: as it is now. */
  | { type: 'session.changed'; data: Session }
  | { type: 'session.deleted'; data: DeletedSession }
  /** Something else was made, changed or deleted: read it anew. */
  | { type: 'changed'; data: Change }
  /** Something may have changed without having been told: read everything anew. */
  | { type: 'reset' }

export function changes(http: Http) {
  return {
    /**
     * What changes in the organization, from now on, without end, across lost connections, restarts
     * of the server and sleep of the machine: an async iterable. There is no history, so the first
     * is `reset`, and so is the first after each gap: who reads its lists then, and keeps them by
     * what follows, misses nothing.
     * Contract: ends only with its signal (and then throws its reason), by `break`, or with an
     * error that trying again does not mend. Behind a proxy that keeps streams back there is a
     * `reset` every 10 s, and nothing else.
     */
    stream: (options: ConnectionOptions = {}) =>
      readStream<ChangeEvent>(
        http,
        {
          path: '/v1/changes',
          query: () => ({}),
          take: changeOf,
          // Whoever answers may have changed meanwhile; of whom nothing is heard nothing can be
          // read anew.
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

/** Undefined for what a newer server tells beside. */
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
