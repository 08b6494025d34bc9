import type { ProviderType } from '@outlast/contract'
import type { Config } from '../config.ts'

type Keys = Pick<Config, 'DEFAULT_OPENAI_API_KEY' | 'DEFAULT_ANTHROPIC_API_KEY'>

/**
 * The key that the environment has for a provider without one of its own.
 * Contract: only for the vendor's own address; a key is never sent to a server that somebody else named.
 */
export function environmentKey(config: Keys, type: ProviderType, baseUrl: string | null) {
  if (baseUrl !== null) return undefined
  if (type === 'openai' || type === 'openai_completions') return config.DEFAULT_OPENAI_API_KEY
  if (type === 'anthropic') return config.DEFAULT_ANTHROPIC_API_KEY
  return undefined
}
