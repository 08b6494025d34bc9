import { queryOptions } from '@tanstack/react-query'
import { outlast } from '../client.ts'
import { allOf } from './all-items.ts'

/** Query key prefix for the files of a session. */
export const fileKeys = (sessionId: string) => ['files', sessionId]

export const fileTreeQuery = (sessionId: string) =>
  queryOptions({
    queryKey: [...fileKeys(sessionId), 'tree'],
    queryFn: ({ signal }) =>
      allOf(outlast.files.list(sessionId, '/', { recursive: true }, { signal })),
  })

export const fileQuery = (sessionId: string, path: string) =>
  queryOptions({
    queryKey: [...fileKeys(sessionId), 'content', path],
    queryFn: ({ signal }) => outlast.files.read(sessionId, path, { signal }),
  })
