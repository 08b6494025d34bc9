import { queryOptions } from '@tanstack/react-query'
import { outlast } from '../client.ts'
import { shareKeys } from './keys.ts'

/** The links to a session. */
export const sharesQuery = (sessionId: string) =>
  queryOptions({
    queryKey: shareKeys.one(sessionId),
    queryFn: async ({ signal }) =>
      (await outlast.sessions.listShares(sessionId, {}, { signal })).data,
  })

/** The session of a link. */
export const sharedSessionQuery = (client: typeof outlast, sessionId: string) =>
  queryOptions({
    queryKey: shareKeys.all,
    queryFn: ({ signal }) => client.sessions.get(sessionId, { signal }),
  })
