import { queryOptions } from '@tanstack/react-query'
import { invalidate, outlast } from '../client.ts'
import { modelKeys, providerKeys } from './keys.ts'

/** Every provider, the newest first. */
export const providersQuery = queryOptions({
  queryKey: providerKeys.lists,
  queryFn: async ({ signal }) => await outlast.providers.list({}, { signal }),
})

/** After a change of a provider: its models change with it. */
export const providersChanged = () => invalidate(providerKeys.all, modelKeys.all)
