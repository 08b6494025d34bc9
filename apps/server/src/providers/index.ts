import type { ProviderType } from '@outlast/contract'
import { anthropic } from './anthropic.ts'
import { azureOpenai } from './azure-openai.ts'
import { google } from './google.ts'
import { openai } from './openai.ts'
import { openaiCompletions } from './openai-completions.ts'
import type { Provider, ProviderConnection } from './provider.ts'
import { simulated } from './simulated.ts'

/** All types of provider. */
export const providers: Record<ProviderType, Provider> = {
  openai,
  openai_completions: openaiCompletions,
  anthropic,
  google,
  azure_openai: azureOpenai,
  llmsim: simulated,
}

/** Returns a callable model. Contract: makes no request; a vendor's first call loads its SDK. */
export function languageModel(type: ProviderType, connection: ProviderConnection, name: string) {
  return providers[type].model(connection, name)
}
