import { queryOptions } from '@tanstack/react-query'
import { outlast } from '../client.ts'

/** Query key prefix for the files of a session. */
export const fileKeys = (sessionId: string) => ['files', sessionId]

export const fileTreeQuery = (sessionId: string) =>
  queryOptions({
    queryKey: [...fileKeys(sessionId), 'tree'],
    // One response has all files: pages would begin again with each change of a file.
    queryFn: async ({ signal }) =>
      (await outlast.files.list(sessionId, '/', { recursive: true }, { signal })).data,
  })

export const fileQuery = (sessionId: string, path: string) =>
  queryOptions({
    queryKey: [...fileKeys(sessionId), 'content', path],
    queryFn: ({ signal }) => outlast.files.read(sessionId, path, { signal }),
  })
