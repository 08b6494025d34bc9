import { queryOptions } from '@tanstack/react-query'
import { outlast } from '../client.ts'
import { apiKeyKeys } from './keys.ts'

export const apiKeysQuery = queryOptions({
  queryKey: apiKeyKeys.lists,
  queryFn: async ({ signal }) => (await outlast.apiKeys.list({}, { signal })).data,
})
