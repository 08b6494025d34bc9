import { createHttp } from '@outlast/sdk/http'
import { nounsOf } from '@outlast/sdk/nouns'

/** Creates a client with the token of a link. It sends no cookies. */
export const linkClient = (token: string) =>
  nounsOf(
    createHttp({
      url: location.origin,
      apiKey: token,
      fetch: (input, init) => fetch(input, { ...init, credentials: 'omit' }),
    }),
  )
