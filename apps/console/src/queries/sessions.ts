import type { SessionQuery } from '@outlast/sdk'
import { keepPreviousData, queryOptions } from '@tanstack/react-query'
import { outlast } from '../client.ts'
import { sessionKeys } from './keys.ts'

/** Query key prefix of list pages. The filter and the page number follow. */
export const sessionPageKeys = [...sessionKeys.lists, 'page']

/** Filters of the session list. */
export type SessionFilter = Pick<
  SessionQuery,
  'search' | 'status' | 'outcome' | 'waiting' | 'agent_id' | 'tag'
>

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
