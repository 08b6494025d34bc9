import type { ProviderType } from '@outlast/contract'
import type { Config } from '../config.ts'
import { ApiError } from '../errors.ts'
import type { Secrets } from '../secrets.ts'
import { connectionOf } from './connection.ts'
import { KnownFailure } from './failure.ts'
import { providers } from './index.ts'
import type { Stored } from './keys.ts'
import type { Outbound } from './outbound.ts'
import type { ModelList } from './provider.ts'

/** Longest that a vendor may take for its list, all pages together. */
const listMs = 30_000

type Asker = { config: Config; secrets: Secrets | undefined; outbound: Outbound }

/**
 * Asks a vendor which models it has, with the provider's key or the environment's.
 * Contract: throws 409 for what has no list or no key, 502 `provider_failed` for what goes wrong at
 * the vendor.
 */
export async function discoverModels(
  asker: Asker,
  provider: Stored,
  signal?: AbortSignal,
): Promise<ModelList> {
  const { listModels } = providers[provider.type]
  if (!listModels) throw new ApiError('models_not_listed', provider.type)
  const late = new AbortController()
  const limitMs = Math.min(listMs, asker.config.MODEL_TIMEOUT_MS)
  const failure = new KnownFailure('timeout', `It took longer than ${limitMs / 1000} s.`)
  const timer = setTimeout(() => late.abort(failure), limitMs)
  const ending = signal ? AbortSignal.any([late.signal, signal]) : late.signal
  try {
    const connection = await connectionOf(asker, provider)
    if (!connection.apiKey && !connection.baseUrl) throw new ApiError('provider_without_key')
    return await listModels(connection, ending)
  } catch (error) {
    if (error instanceof KnownFailure) throw new ApiError('provider_failed', error.message)
    throw error
  } finally {
    clearTimeout(timer)
  }
}

/** Types of which the environment has a key. */
export const typesWithKey = (config: Config): ProviderType[] =>
  Object.values(providers).flatMap(({ type, environmentKey: name }) =>
    name !== undefined && config[name] !== undefined ? [type] : [],
  )

/** Types that have a list of models. */
export const typesWithList: readonly ProviderType[] = Object.values(providers).flatMap(
  ({ type, listModels }) => (listModels ? [type] : []),
)
