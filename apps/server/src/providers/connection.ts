import type { Config } from '../config.ts'
import type { Secrets } from '../secrets.ts'
import { providerKey, type Stored } from './keys.ts'
import type { Outbound } from './outbound.ts'
import type { ProviderConnection } from './provider.ts'
import { providerFetch } from './provider-fetch.ts'

/**
 * How to reach a provider, for whatever is asked of it: with its own key or the environment's, and
 * only where it may be.
 * Contract: throws KnownFailure for a key that cannot be opened.
 */
export async function connectionOf(
  node: { config: Config; secrets: Secrets | undefined; outbound: Outbound },
  provider: Stored,
): Promise<ProviderConnection> {
  const { baseUrl } = provider
  const apiKey = providerKey(node, provider)
  const { AUTH_MODE: mode } = node.config
  // Without authentication whoever may name an address is whoever runs the server.
  const isGuarded = baseUrl !== null && mode !== 'none'
  const caller = { orgId: provider.orgId, purpose: 'provider' as const }
  const fetch = providerFetch(isGuarded ? node.outbound.reach(caller) : globalThis.fetch)
  return { apiKey, baseUrl: baseUrl ?? undefined, fetch }
}
