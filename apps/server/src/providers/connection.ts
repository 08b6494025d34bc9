import type { ProviderType } from '@outlast/contract'
import type { Config } from '../config.ts'
import { fetchAnywhere, type Outbound } from '../outbound/outbound.ts'
import type { Secrets } from '../secrets.ts'
import { KnownFailure } from './failure.ts'
import { providers } from './index.ts'
import { providerKey, type Stored } from './keys.ts'
import type { ProviderConnection } from './provider.ts'
import { providerFetch } from './provider-fetch.ts'

/**
 * Builds the connection to a provider, with its own key or the environment's, and a `fetch` limited
 * to allowed addresses.
 * Contract: throws KnownFailure for a key that cannot be decrypted.
 */
export async function connectionOf(
  node: { config: Config; secrets: Secrets | undefined; outbound: Outbound },
  provider: Stored,
): Promise<ProviderConnection> {
  const { baseUrl } = provider
  const apiKey = providerKey(node, provider)
  const { AUTH_MODE: mode } = node.config
  // Without authentication every caller is the operator, who may use any address.
  const isGuarded = baseUrl !== null && mode !== 'none'
  const caller = { orgId: provider.orgId, purpose: 'provider' as const }
  const fetch = providerFetch(isGuarded ? node.outbound.reach(caller) : fetchAnywhere)
  return { apiKey, baseUrl: baseUrl ?? undefined, fetch }
}

/**
 * Refuses a call to a vendor's own address without a key. A server of the user may need none.
 * Contract: throws KnownFailure `not_configured`.
 */
export function requireKey(type: ProviderType, { apiKey, baseUrl }: ProviderConnection): void {
  if (providers[type].local || apiKey || baseUrl) return
  const remedy = 'Set `api_key`, or a `base_url` of your own.'
  throw new KnownFailure('not_configured', `The provider has no key. ${remedy}`)
}
