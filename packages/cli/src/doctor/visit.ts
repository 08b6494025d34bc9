import { createOutlast, type Outlast } from '@outlast/sdk'
import type { Io } from '../core/io.ts'
import type { Profile } from '../core/profiles.ts'

/** Server and surroundings of the checks. */
export type Visit = {
  url: URL
  profile: Profile
  io: Io
  signal: AbortSignal
  /** Client with a timeout and without retries, so that short failures are visible. */
  outlast: Outlast
  /** The latest answer to `outlast`. */
  latest: () => Seen | undefined
  /** Shows the current step at a terminal. */
  waiting: (step: string) => void
}

/** A response, the time of its arrival, and its duration. */
export type Seen = { response: Response; at: number; tookMs: number }

const timeoutMs = 10_000

export function visitOf(profile: Profile, about: Pick<Visit, 'io' | 'signal' | 'waiting'>): Visit {
  let seen: Seen | undefined
  const watched: typeof fetch = async (input, init) => {
    const begun = performance.now()
    const response = await fetch(input, init)
    seen = { response, at: Date.now(), tookMs: performance.now() - begun }
    return response
  }
  const { url, api_key, org_id } = profile
  const outlast = createOutlast({
    url,
    fetch: watched,
    timeoutMs,
    retriesMax: 0,
    ...(api_key && { apiKey: api_key }),
    ...(org_id && { organization: org_id }),
  })
  return { url: new URL(url), profile, outlast, latest: () => seen, ...about }
}
