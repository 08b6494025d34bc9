import type {
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4Message,
  LanguageModelV4Prompt,
  SharedV4ProviderMetadata,
} from '@ai-sdk/provider'
import type { ProviderType } from '@outlast/contract'

/** How to reach a provider's server. `undefined`: no key is sent, the vendor's own address. */
export type ProviderConnection = {
  apiKey: string | undefined
  baseUrl: string | undefined
  /** Bounded, and for an address that a user named checked with every connection. */
  fetch?: typeof fetch | undefined
}

/** The AI SDK's types, by the names that we use for them. */
export type VendorModel = LanguageModelV4
export type Prompt = LanguageModelV4Prompt
export type PromptMessage<Role = LanguageModelV4Message['role']> = Extract<
  LanguageModelV4Message,
  { role: Role }
>
export type VendorMetadata = SharedV4ProviderMetadata

/** A call as every vendor gets it. */
export type ModelCallOptions = Omit<LanguageModelV4CallOptions, 'abortSignal'>

export type CallAbout = {
  sessionId: string
  /** Most tokens that the model writes, where its profile says so. */
  outputTokensMax: number | undefined
}

export type DiscoveredModel = {
  /** The vendor's own name of it. */
  model_id: string
  display_name: string
}

export type ModelList = {
  models: DiscoveredModel[]
  /** There are more, which were not read. */
  truncated: boolean
}

/**
 * A vendor of models. `model` gives one of its models by the vendor's own name.
 * Contract: the vendor's SDK is imported by the first call of `model`, not with this module;
 * `model` makes no request; `doStream` of what it gives throws APICallError, with `statusCode` when
 * there was an answer.
 */
export type Provider = {
  type: ProviderType
  title: string
  /** The setting with the key of providers that have none of their own. */
  environmentKey?: 'DEFAULT_OPENAI_API_KEY' | 'DEFAULT_ANTHROPIC_API_KEY' | 'DEFAULT_GOOGLE_API_KEY'
  /** There is no address that is the vendor's for everybody. */
  needsBaseUrl?: true
  /** What may stand in the query of a `base_url`. */
  queryAllowed?: string
  /** Its models run in this process: there is no server that could be out of order. */
  local?: true
  /** Metadata fields that sign its thinking. A reply with one is replayed unchanged. */
  signatures: readonly string[]
  model: (connection: ProviderConnection, name: string) => Promise<VendorModel>
  /** Adds what only this vendor understands: what to cache, how to show its thinking. */
  tune?: (options: ModelCallOptions, about: CallAbout) => ModelCallOptions
  /** The vendor's own list. Contract: throws KnownFailure with a sentence without secrets. */
  listModels?: (connection: ProviderConnection, signal: AbortSignal) => Promise<ModelList>
}

/** A prompt of which the messages that `chosen` picks carry options for the vendor. */
export function withOptions(
  prompt: Prompt,
  providerOptions: ModelCallOptions['providerOptions'] & object,
  chosen: (index: number) => boolean,
): Prompt {
  return prompt.map((message, index) => (chosen(index) ? { ...message, providerOptions } : message))
}

/** The base of an API's addresses, also when it was given as the address of one endpoint. */
export function stripEndpoint(baseUrl: string, endpoint: string): string {
  const base = baseUrl.trim().replace(/\/+$/, '')
  return base.endsWith(endpoint) ? base.slice(0, -endpoint.length).replace(/\/+$/, '') : base
}

/** The same for a vendor whose addresses all begin alike: the host alone is enough. */
export function versionedBase(baseUrl: string, endpoint: string, version: string): string {
  const base = stripEndpoint(baseUrl, endpoint)
  return /^https?:\/\/[^/]+\/*$/i.test(baseUrl.trim()) ? `${base}${version}` : base
}
