import type { SessionQuery } from '@outlast/sdk'
import { keepPreviousData, queryOptions } from '@tanstack/react-query'
import { outlast } from '../client.ts'
import { sessionKeys } from './keys.ts'

/** Keys of the pages of all lists, each followed by its filter and its number. */
export const sessionPageKeys = [...sessionKeys.lists, 'page']

/** Which sessions are listed. */
export type SessionFilter = Pick<SessionQuery, 'search' | 'status' | 'agent_id' | 'tag'>

export const pageSize = 50

/** One page of a list. Those that no screen shows are dropped. */
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

/** The newest sessions; with a text, those that contain it. */
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

/** The prompt and the tools that the next turn gives the model. */
export const sessionPreviewQuery = (id: string) =>
  queryOptions({
    queryKey: [...sessionKeys.one(id), 'preview'],
    queryFn: ({ signal }) => outlast.sessions.preview(id, { signal }),
  })

/** What a session does or waits for, kept up to date. */
export const whyQuery = (id: string) =>
  queryOptions({
    queryKey: [...sessionKeys.one(id), 'why'],
    queryFn: ({ signal }) => outlast.sessions.explain(id, { signal }),
    refetchInterval: 5_000,
  })
