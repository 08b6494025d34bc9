import type { NewProvider, Provider, ProviderType } from '@outlast/sdk'
import { vendorOf } from './vendors.ts'

/** A provider in its form. */
export type ProviderDraft = {
  name: string
  provider_type: ProviderType
  base_url: string
  /** Write-only. */
  api_key: string
}

export const providerDraft = (stored: Provider | undefined): ProviderDraft => ({
  name: stored?.name ?? '',
  provider_type: stored?.provider_type ?? 'openai',
  base_url: stored?.base_url ?? '',
  api_key: '',
})

/** Returns the request body without empty fields. */
export function providerBody({
  name,
  provider_type,
  base_url,
  api_key,
}: ProviderDraft): NewProvider {
  return {
    name: name.trim() || vendorOf(provider_type).label,
    provider_type,
    ...(base_url.trim() !== '' && { base_url: base_url.trim() }),
    ...(api_key !== '' && { api_key }),
  }
}

/** Returns whether a draft has another address. The stored key may not be sent there. */
export function movesFrom(
  stored: Provider,
  draft: Pick<ProviderDraft, 'provider_type' | 'base_url'>,
) {
  const next = draft.base_url.trim() || stored.base_url
  if (!next) return draft.provider_type !== stored.provider_type
  return URL.parse(next)?.origin !== URL.parse(stored.base_url ?? '')?.origin
}
