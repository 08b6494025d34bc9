import type { ProviderType } from '@outlast/contract'
import type { Config } from '../config.ts'
import { ApiError } from '../errors.ts'
import type { Outbound } from '../outbound/outbound.ts'
import type { Secrets } from '../secrets.ts'
import { connectionOf } from './connection.ts'
import { KnownFailure } from './failure.ts'
import { providers } from './index.ts'
import type { Stored } from './keys.ts'
import type { ModelList } from './provider.ts'

/** Time limit of a vendor's list with all its pages, in ms. */
const listMs = 30_000

type Asker = { config: Config; secrets: Secrets | undefined; outbound: Outbound }

/**
 * Requests the list of models from a vendor, with the provider's key or the environment's.
 * Contract: throws 409 without a list or a key, and 502 `provider_failed` for errors of the vendor.
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
  const failure = new KnownFailure('timeout', `The list took longer than ${limitMs / 1000} s.`)
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

/** Types of provider with a key in the environment. */
export const typesWithKey = (config: Config): ProviderType[] =>
  Object.values(providers).flatMap(({ type, environmentKey: name }) =>
    name !== undefined && config[name] !== undefined ? [type] : [],
  )

/** Types of provider with a list of models. */
export const typesWithList: readonly ProviderType[] = Object.values(providers).flatMap(
  ({ type, listModels }) => (listModels ? [type] : []),
)
