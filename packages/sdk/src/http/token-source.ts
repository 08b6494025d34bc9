import { errorOf, isOutlastError, jsonIn, lostConnection, OutlastError } from './error.ts'
import { sharedRun } from './shared-run.ts'

/** A new token, as `createTokenHandler` sends it. */
export type IssuedToken = { token: string; expires_in: number }

/** Share of the lifetime of a token after which a new one is requested. */
const shareUsed = 0.8
const timeoutMs = 30_000

/**
 * Returns a function for `apiKey` that gets a token from your server, and a new one before it
 * expires, or after the server refused it. `source` is the path of a token handler, or a function
 * that returns a token.
 * Contract: one request at a time. Clocks of browsers that are wrong do not matter. It keeps the
 * token of the user who is signed in: create a function, and its client, for each user of a page.
 *
 * ```ts
 * import { createOutlast, tokenFrom } from '@outlast/sdk'
 *
 * const outlast = createOutlast({
 *   url: 'https://outlast.example.com',
 *   apiKey: tokenFrom('/api/outlast-token'),
 * })
 * console.log(outlast.url)
 * ```
 */
export function tokenFrom(
  source: string | (() => Promise<IssuedToken>),
): (refused?: string) => Promise<string> {
  const issue = typeof source === 'function' ? source : () => request(source)
  let current: { token: string; isFresh: () => boolean } | undefined

  const renew = sharedRun(async () => {
    const isFresh = timer()
    const { token, expires_in } = await issue()
    const limitMs = expires_in * 1000 * shareUsed
    current = { token, isFresh: () => isFresh(limitMs) }
    return token
  })

  return async (refused) => {
    if (current?.isFresh() && current.token !== refused) return current.token
    return renew()
  }
}

/** Measures with two clocks: one stops while a machine sleeps, the other can be set back. */
function timer() {
  const [wallMs, steadyMs] = [Date.now(), performance.now()]
  return (limitMs: number) =>
    Math.max(Date.now() - wallMs, performance.now() - steadyMs) < limitMs && Date.now() >= wallMs
}

async function request(path: string): Promise<IssuedToken> {
  const init = { method: 'POST', cache: 'no-store', credentials: 'same-origin' } as const
  try {
    const response = await fetch(path, { ...init, signal: AbortSignal.timeout(timeoutMs) })
    if (!response.ok) throw errorOf(response, await response.text())
    const issued = jsonIn(await response.text())
    if (typeof issued?.token === 'string' && issued.expires_in > 0) return issued
    throw new OutlastError('not_outlast', `${path} did not respond with a token.`)
  } catch (error) {
    if (isOutlastError(error)) throw error
    throw lostConnection(error, { host: path, hasBegun: false })
  }
}
