import { createOutlast, OutlastError } from '@outlast/sdk'
import { QueryClient } from '@tanstack/react-query'
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

/** What a person reads about a failure. */
export const sentenceOf = (error: unknown): string =>
  error instanceof OutlastError || error instanceof Error ? error.message : String(error)

/** The same of a decision or an answer, which may have arrived although no answer came back. */
export const sendFailureOf = (error: unknown): string =>
  error instanceof OutlastError && error.status === 0
    ? `The server did not confirm this, so try again. ${error.message}`
    : `Not sent. ${sentenceOf(error)}`
