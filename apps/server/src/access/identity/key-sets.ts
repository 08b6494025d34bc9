import { ApiError } from '../../errors.ts'
import type { Log } from '../../log.ts'
import { type Jose, jose } from '../tokens.ts'
import { fetchJson, providerTimeoutMs } from './fetch-json.ts'

/** After this time keys are read again, so that a key which the issuer drops ends. */
const freshMs = 10 * 60_000
/** How long keys are used while the issuer cannot be reached. */
const staleMs = 60 * 60_000
/** `pauseMs`: between two reads, for any number of tokens. */
const usual = { pauseMs: 10_000, timeoutMs: providerTimeoutMs }
const setsMax = 1_000
const keysMax = 50

/** An issuer whose keys an organization trusts. `jwksUrl`: absent if its metadata has it. */
export type KeySource = { orgId: string; issuer: string; jwksUrl: string | undefined }

/** Returns a fetch that reaches the addresses that are open to an organization. */
export type ReachIssuers = (orgId: string) => typeof fetch

type LocalKeySet = ReturnType<Jose['createLocalJWKSet']>

/** Finds the key of a token, by the header of the token. */
export type KeyFinder = (...token: Parameters<LocalKeySet>) => ReturnType<LocalKeySet>

type KeySet = {
  find?: KeyFinder
  readAt: number
  triedAt: number
  reading?: Promise<void> | undefined
}

/** The public keys of issuers. */
export type KeySets = {
  /**
   * Finds the key of a token. Contract: throws an error of jose without a matching key, 503 while
   * the issuer cannot be reached. Tokens cause at most one read of an issuer in 10 s.
   */
  of: (source: KeySource) => KeyFinder
}

export function createKeySets(reach: ReachIssuers, log: Log, limits = usual): KeySets {
  const { pauseMs, timeoutMs } = limits
  const sets = new Map<string, KeySet>()

  function setOf({ orgId, issuer, jwksUrl }: KeySource): KeySet {
    const id = JSON.stringify([orgId, issuer, jwksUrl])
    const found = sets.get(id)
    if (found) return found
    if (sets.size >= setsMax) sets.delete(sets.keys().next().value!)
    const made = { readAt: Number.NEGATIVE_INFINITY, triedAt: Number.NEGATIVE_INFINITY }
    sets.set(id, made)
    return made
  }

  async function read(set: KeySet, source: KeySource) {
    set.triedAt = performance.now()
    try {
      set.find = await readKeys({ fetching: reach(source.orgId), timeoutMs }, source)
      set.readAt = performance.now()
    } catch (error) {
      log.warn('the keys of an identity provider cannot be read', {
        issuer: source.issuer,
        reason: fetchReason(error),
      })
    }
  }

  /** Reads the keys once for all requests that wait, unless they were read a moment ago. */
  function readAgain(set: KeySet, source: KeySource): Promise<void> {
    if (!set.reading && performance.now() - set.triedAt < pauseMs) return Promise.resolve()
    set.reading ??= read(set, source).finally(() => {
      set.reading = undefined
    })
    return set.reading
  }

  return {
    of: (source) => async (header, token) => {
      const set = setOf(source)
      if (performance.now() - set.readAt > freshMs) await readAgain(set, source)
      if (!set.find || performance.now() - set.readAt > staleMs) throw unavailable()
      try {
        return await set.find(header, token)
      } catch (error) {
        const { errors } = await jose()
        if (!(error instanceof errors.JWKSNoMatchingKey)) throw error
      }
      await readAgain(set, source)
      // The key may be a new one, which the latest read would have found.
      if (set.readAt < set.triedAt) throw unavailable()
      return set.find(header, token)
    },
  }
}

export const unavailable = () => new ApiError('identity_provider_unavailable')

/** The cause of a failed fetch, for the log of the operator. */
export function fetchReason(error: unknown): string {
  const { message, cause } = error as Error
  return cause instanceof Error ? cause.message : message
}

type Fetching = { fetching: typeof fetch; timeoutMs: number }

async function readKeys(by: Fetching, { issuer, jwksUrl }: KeySource) {
  const url = jwksUrl ?? (await discoverKeys(by, issuer))
  const { keys } = await fetchJson(by.fetching, url, by)
  if (!Array.isArray(keys)) throw new Error('the response has no list of keys')
  const { createLocalJWKSet } = await jose()
  return createLocalJWKSet({ keys: keys.slice(0, keysMax) })
}

/** Reads the address of the keys from the metadata of an issuer. */
async function discoverKeys(by: Fetching, issuer: string): Promise<string> {
  const base = issuer.replace(/\/$/, '')
  const metadata = await fetchJson(by.fetching, `${base}/.well-known/openid-configuration`, by)
  if (metadata.issuer !== issuer) throw new Error('the metadata are of another issuer')
  const url = URL.parse(String(metadata.jwks_uri))
  const isSafe = url?.protocol === 'https:' || url?.origin === new URL(issuer).origin
  if (!isSafe) throw new Error('jwks_uri must begin with https://')
  return url.href
}
