import { queryOptions } from '@tanstack/react-query'
import { outlast } from '../client.ts'
import { allOf } from './all-items.ts'
import { apiKeyKeys } from './keys.ts'

export const apiKeysQuery = queryOptions({
  queryKey: apiKeyKeys.lists,
  queryFn: ({ signal }) => allOf(outlast.apiKeys.list({}, { signal })),
})
