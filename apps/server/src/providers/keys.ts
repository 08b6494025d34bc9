import type { ProviderType } from '@outlast/contract'
import type { Config } from '../config.ts'
import { defaultOrganization } from '../store/seeds.ts'

type Keys = Pick<Config, 'DEFAULT_OPENAI_API_KEY' | 'DEFAULT_ANTHROPIC_API_KEY'>

type Named = { orgId: string; type: ProviderType; baseUrl: string | null }

/**
 * The key that the environment has for a provider without one of its own.
 * Contract: only for the organization of whoever runs the server, who pays; and only for the vendor's own address: a key
 * is never sent to a server that somebody else named.
 */
export function environmentKey(config: Keys, { orgId, type, baseUrl }: Named) {
  if (baseUrl !== null || orgId !== defaultOrganization) return undefined
  if (type === 'openai' || type === 'openai_completions') return config.DEFAULT_OPENAI_API_KEY
  if (type === 'anthropic') return config.DEFAULT_ANTHROPIC_API_KEY
  return undefined
}
