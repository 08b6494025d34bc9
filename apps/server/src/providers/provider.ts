import type {
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4Message,
  LanguageModelV4Prompt,
  SharedV4ProviderMetadata,
} from '@ai-sdk/provider'
import type { ModelProfile, ProviderType } from '@outlast/contract'

/** The connection to a provider's server. `undefined`: no key is sent, the vendor's own address. */
export type ProviderConnection = {
  apiKey: string | undefined
  baseUrl: string | undefined
  /** With limits, and with address checks for URLs that users enter. */
  fetch?: typeof fetch | undefined
}

/** Our names for types of the AI SDK. */
export type VendorModel = LanguageModelV4
export type Prompt = LanguageModelV4Prompt
export type PromptMessage<Role = LanguageModelV4Message['role']> = Extract<
  LanguageModelV4Message,
  { role: Role }
>
export type VendorMetadata = SharedV4ProviderMetadata

/** The options of a call, in the same form for every vendor. */
export type ModelCallOptions = Omit<LanguageModelV4CallOptions, 'abortSignal'>

/** Forms of a request that replace the usual one for vendors that refuse it. */
export type RequestForm =
  /** Images as bytes that the server fetched. */
  | 'fetched_images'
  /** Only the images of the newest message that has some. */
  | 'newest_images'
  | 'no_images'
  /** Signed thinking that the vendor may drop if anything before it has changed. */
  | 'dropped_thinking'
  /** The thinking of earlier replies, without a signature. */
  | 'returned_thinking'
  /** The limit of the output as `max_completion_tokens`. */
  | 'completion_tokens'
  /** Short messages between those that a strict order of roles does not allow in a row. */
  | 'alternating_roles'

export type CallAbout = {
  sessionId: string
  /** The vendor's own name of the model. */
  modelId: string
  /** Limit of output tokens with thinking: of the call, else of the profile. */
  outputTokensMax: number | undefined
  /** Forms that this model has required in this attempt at the turn. */
  forms: ReadonlySet<RequestForm>
  /** True when the reply may have one tool call. The call has tools then. */
  oneCall?: boolean
  /** True when no later call begins with the same prompt: the vendor need not cache it. */
  isOnce?: boolean
}

/** What decides on a response format: the model's profile, and whether the call has tools. */
export type SchemaSupport = { profile: ModelProfile | undefined; hasTools: boolean }

export type DiscoveredModel = {
  /** The vendor's own name of the model. */
  model_id: string
  display_name: string
}

export type ModelList = {
  models: DiscoveredModel[]
  /** True when more models exist than were read. */
  truncated: boolean
}

/**
 * Limits of the longer side of images in pixels, of all images in a request with more than `few`.
 * The vendor refuses the whole request otherwise.
 */
export type ImageSides = { max: number; few: number; maxOfMany: number }

/**
 * A type of provider. `model` returns one of its models by the vendor's own name.
 * Contract: the first call of `model` imports the vendor's SDK, not this module; `model` makes no
 * request; `doStream` of the model throws APICallError, with `statusCode` when there was a
 * response.
 */
export type Provider = {
  type: ProviderType
  title: string
  /** The setting with the key for providers without their own key. */
  environmentKey?: 'DEFAULT_OPENAI_API_KEY' | 'DEFAULT_ANTHROPIC_API_KEY' | 'DEFAULT_GOOGLE_API_KEY'
  /** The vendor has no common address for all customers. */
  needsBaseUrl?: true
  /** The query parameter that a `base_url` may have. */
  queryAllowed?: string
  /** Its models run in this process and need no circuit breaker. */
  local?: true
  /** Largest image in base64 characters. The vendor refuses the whole request for a larger one. */
  imageLengthMax?: number
  imageSides?: ImageSides
  /** Metadata fields with reasoning signatures. A reply that has one is replayed unchanged. */
  signatures: readonly string[]
  model: (connection: ProviderConnection, name: string) => Promise<VendorModel>
  /**
   * Tests whether a model takes a JSON Schema as response format, here or in its SDK, also with
   * tools. Absent: all do. Others call a tool with the answer.
   */
  takesSchema?: (about: SchemaSupport) => boolean
  /** Name of the tool that its SDK may add to a call with a response format. */
  schemaTool?: string
  /** Adds vendor-specific options, such as cache marks and reasoning summaries. */
  tune?: (options: ModelCallOptions, about: CallAbout) => ModelCallOptions
  /** Lists the vendor's models. Contract: throws KnownFailure with a sentence without secrets. */
  listModels?: (connection: ProviderConnection, signal: AbortSignal) => Promise<ModelList>
}

/** Returns the model with another `doStream`. */
export const withStream = (model: VendorModel, doStream: VendorModel['doStream']): VendorModel => ({
  specificationVersion: model.specificationVersion,
  provider: model.provider,
  modelId: model.modelId,
  supportedUrls: model.supportedUrls,
  doGenerate: model.doGenerate.bind(model),
  doStream,
})

/** Adds provider options to the messages of a prompt that `chosen` selects. */
export function withOptions(
  prompt: Prompt,
  providerOptions: ModelCallOptions['providerOptions'] & object,
  chosen: (index: number) => boolean,
): Prompt {
  return prompt.map((message, index) => (chosen(index) ? { ...message, providerOptions } : message))
}

/** Joins the system messages of a prompt, for servers that accept one only. */
export function withOneSystemMessage(prompt: Prompt): Prompt {
  const texts = prompt.flatMap((message) => (message.role === 'system' ? [message.content] : []))
  if (texts.length < 2) return prompt
  const others = prompt.filter(({ role }) => role !== 'system')
  return [{ role: 'system', content: texts.join('\n\n') }, ...others]
}

/** Returns the base URL of an API, also when given the URL of one endpoint. */
export function stripEndpoint(baseUrl: string, endpoint: string): string {
  const base = baseUrl.trim().replace(/\/+$/, '')
  return base.endsWith(endpoint) ? base.slice(0, -endpoint.length).replace(/\/+$/, '') : base
}

/** Like `stripEndpoint`, for vendors with a fixed path: the host alone is enough. */
export function versionedBase(baseUrl: string, endpoint: string, version: string): string {
  const base = stripEndpoint(baseUrl, endpoint)
  return /^https?:\/\/[^/]+\/*$/i.test(baseUrl.trim()) ? `${base}${version}` : base
}
