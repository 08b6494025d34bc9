import { queryOptions } from '@tanstack/react-query'
import { outlast } from '../client.ts'
import { imageKeys } from './keys.ts'

/** The bytes of an uploaded image never change. */
export const imageQuery = (id: string) =>
  queryOptions({
    queryKey: imageKeys.one(id),
    queryFn: ({ signal }) => outlast.images.get(id, { signal }),
    staleTime: Number.POSITIVE_INFINITY,
  })
