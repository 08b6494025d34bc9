import { createOutlast } from '@outlast/sdk'
import { QueryClient, type QueryKey } from '@tanstack/react-query'
import { fetchSignedIn } from './login/login.ts'

/** The server that this page came from; the browser's cookies say who calls. */
export const outlast = createOutlast({ url: location.origin, fetch: fetchSignedIn })

export const queryClient = new QueryClient({
  defaultOptions: {
    // The client makes calls again by itself.
    queries: { retry: false, staleTime: 5_000 },
    // Offline they fail at once and say so, instead of waiting where a reload loses them.
    mutations: { retry: false, networkMode: 'always' },
  },
})

/** Fetches queries with these keys again: active ones now, others when they are next used. */
export const invalidate = (...keys: QueryKey[]) =>
  Promise.all(keys.map((queryKey) => queryClient.invalidateQueries({ queryKey })))
