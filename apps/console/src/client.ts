import { createHttp } from '@outlast/sdk/http'
import { nounsOf } from '@outlast/sdk/nouns'
import { QueryClient, type QueryKey } from '@tanstack/react-query'
import { fetchSignedIn } from './login/login.ts'

/** The client for the server of this page. It authenticates with the browser's cookies. */
export const outlast = nounsOf(createHttp({ url: location.origin, fetch: fetchSignedIn }))

export const queryClient = new QueryClient({
  defaultOptions: {
    // The client retries calls itself. A server on this computer responds offline, too.
    queries: {
      retry: false,
      staleTime: 5_000,
      networkMode: 'always',
      refetchOnReconnect: true,
    },
    // Offline they fail at once. A paused mutation would be lost by a reload.
    mutations: { retry: false, networkMode: 'always' },
  },
})

/** Invalidates queries: active ones refetch now, others on their next use. */
export const invalidate = (...keys: QueryKey[]) =>
  Promise.all(keys.map((queryKey) => queryClient.invalidateQueries({ queryKey })))
