import type { LanguageModelV4 } from '@ai-sdk/provider'
import type { ProviderType } from '@outlast/contract'

/** How to reach a provider's server. `undefined`: no key is sent, the vendor's own address is used. */
export type Connection = {
  apiKey: string | undefined
  baseUrl: string | undefined
  /** Where the address is not the operator's own choice: what may be reached is checked with every connection. */
  fetch?: typeof fetch | undefined
}

/**
 * A vendor of models. `model` gives one of its models by the vendor's own name.
 * Contract: the vendor's SDK is imported by the first call of `model`, not with this module; `model` makes no
 * request; `doStream` of what it gives throws APICallError, with `statusCode` when there was an answer.
 */
export type Provider = {
  type: ProviderType
  title: string
  model: (connection: Connection, name: string) => Promise<LanguageModelV4>
}

/** The base of an API's addresses, also when it was given as the address of one endpoint. */
export function stripEndpoint(baseUrl: string, endpoint: string): string {
  const base = baseUrl.trim().replace(/\/+$/, '')
  return base.endsWith(endpoint) ? base.slice(0, -endpoint.length).replace(/\/+$/, '') : base
}
