import { queryOptions } from '@tanstack/react-query'
import { outlast } from '../client.ts'
import { allOf } from './all-items.ts'
import { shareKeys } from './keys.ts'

/** The links to a session. */
export const sharesQuery = (sessionId: string) =>
  queryOptions({
    queryKey: shareKeys.one(sessionId),
    queryFn: ({ signal }) => allOf(outlast.sessions.listShares(sessionId, {}, { signal })),
  })

/** The session of a link. */
export const sharedSessionQuery = (client: typeof outlast, sessionId: string) =>
  queryOptions({
    queryKey: shareKeys.all,
    queryFn: ({ signal }) => client.sessions.get(sessionId, { signal }),
  })
