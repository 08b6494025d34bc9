import { isOutlastError, type Session, type SessionQuery } from '@outlast/sdk'
import { keepPreviousData, queryOptions } from '@tanstack/react-query'
import { outlast } from '../client.ts'
import { sessionKeys } from './keys.ts'

/** Query key prefix of list pages. The filter and the page number follow. */
export const sessionPageKeys = [...sessionKeys.lists, 'page']

/** Filters of the session list. */
export type SessionFilter = Omit<SessionQuery, 'offset' | 'limit'>

export const pageSize = 50

/** One page of a list. Pages that are not shown are dropped after 60 s. */
export const sessionPageQuery = (filter: SessionFilter, number: number) =>
  queryOptions({
    queryKey: [...sessionPageKeys, filter, number],
    gcTime: 60_000,
    queryFn: async ({ signal }) =>
      await outlast.sessions.list(
        { ...filter, offset: number * pageSize, limit: pageSize },
        { signal },
      ),
  })

/** The newest sessions, optionally filtered by a search text. */
export const newestSessionsQuery = (limit: number, search = '') =>
  queryOptions({
    queryKey: [...sessionKeys.lists, 'newest', limit, search],
    queryFn: async ({ signal }) =>
      await outlast.sessions.list({ limit, ...(search && { search }) }, { signal }),
    placeholderData: keepPreviousData,
  })

const familyMax = 60

/** A session with its forks and theirs. */
export type SessionTree = { session: Session; forks: SessionTree[] }

/** The family of a session: from the oldest source that exists, all forks, up to a number. */
export const familyQuery = (id: string) =>
  queryOptions({
    queryKey: [...sessionKeys.one(id), 'family'],
    async queryFn({ signal }) {
      const root: SessionTree = { session: await rootOf(id, signal), forks: [] }
      const open = [root]
      let count = 1
      for (let next = open.shift(); next && count < familyMax; next = open.shift()) {
        const query = { forked_from: next.session.id, limit: familyMax - count }
        const { data } = await outlast.sessions.list(query, { signal })
        next.forks = data.toReversed().map((session) => ({ session, forks: [] }))
        open.push(...next.forks)
        count += data.length
      }
      return { root, count, isCut: count >= familyMax }
    },
  })

async function rootOf(id: string, signal: AbortSignal): Promise<Session> {
  let session = await outlast.sessions.get(id, { signal })
  for (let level = 0; level < familyMax && session.forked_from; level += 1) {
    const source = await outlast.sessions
      .get(session.forked_from.session_id, { signal })
      .catch((error) => {
        if (isOutlastError(error, 'not_found')) return undefined
        throw error
      })
    if (!source) break
    session = source
  }
  return session
}

export const sessionQuery = (id: string) =>
  queryOptions({
    queryKey: sessionKeys.one(id),
    queryFn: ({ signal }) => outlast.sessions.get(id, { signal }),
  })

/** The prompt and tools of the next model call. */
export const sessionPreviewQuery = (id: string) =>
  queryOptions({
    queryKey: [...sessionKeys.one(id), 'preview'],
    queryFn: ({ signal }) => outlast.sessions.preview(id, { signal }),
  })

/** The current state of a session and its reason. */
export const whyQuery = (id: string) =>
  queryOptions({
    queryKey: [...sessionKeys.one(id), 'why'],
    queryFn: ({ signal }) => outlast.sessions.explain(id, { signal }),
    refetchInterval: 5_000,
  })

/** A model call with the whole prompt. It does not change. */
export const generationQuery = (id: string, sequence: number) =>
  queryOptions({
    queryKey: [...sessionKeys.one(id), 'generation', sequence],
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 60_000,
    queryFn: async ({ signal }) => {
      const place = { after_sequence: sequence - 1, limit: 1 }
      const { data } = await outlast.events.list(id, { ...place, expand: 'messages' }, { signal })
      const [event] = data
      if (event?.type !== 'llm.generation') throw new Error('The log has no such model call.')
      return event
    },
  })
