import type { Config } from '../config.ts'
import type { Secrets } from '../secrets.ts'
import { keyOf, type Stored } from './keys.ts'
import { publicFetch } from './outbound.ts'
import type { Connection } from './provider.ts'

/**
 * How to reach a provider, for whatever is asked of it: with its own key or the environment's, and only where it may be.
 * Contract: throws KnownFailure for a key that cannot be opened.
 */
export async function connectionOf(
  node: { config: Config; secrets: Secrets | undefined },
  provider: Stored,
): Promise<Connection> {
  const { baseUrl } = provider
  const apiKey = keyOf(node, provider)
  const { AUTH_MODE: mode, PRIVATE_HOSTS_ALLOWED: allowed } = node.config
  // Without authentication whoever may name an address is whoever runs the server.
  const isGuarded = baseUrl !== null && mode !== 'none'
  const fetch = isGuarded ? await publicFetch(allowed) : undefined
  return { apiKey, baseUrl: baseUrl ?? undefined, fetch }
}
