import { queryOptions } from '@tanstack/react-query'
import { invalidate, outlast } from '../client.ts'
import { allOf } from './all-items.ts'
import { modelKeys, providerKeys } from './keys.ts'

/** All providers, newest first. */
export const providersQuery = queryOptions({
  queryKey: providerKeys.lists,
  queryFn: async ({ signal }) => ({ data: await allOf(outlast.providers.list({}, { signal })) }),
})

/** Invalidates queries after a provider changed. Its models change with it. */
export const providersChanged = () => invalidate(providerKeys.all, modelKeys.all)
