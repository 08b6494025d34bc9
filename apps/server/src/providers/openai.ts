import { type CallAbout, type CallOptions, type Provider, stripEndpoint } from './provider.ts'

/** OpenAI through its Responses API. Key and address are always passed: the SDK must not read the environment. */
export const openai: Provider = {
  type: 'openai',
  title: 'OpenAI',
  signatures: ['reasoningEncryptedContent'],
  tune: (options, about) => tuneResponses('openai', options, about),
  async model({ apiKey = '', baseUrl = 'https://api.openai.com/v1', fetch }, name) {
    const { createOpenAI } = await import('@ai-sdk/openai')
    const vendor = createOpenAI({
      apiKey,
      baseURL: stripEndpoint(baseUrl, '/responses'),
      ...(fetch && { fetch }),
    })
    return vendor.responses(name)
  },
}

/**
 * What the Responses API is told: to keep nothing, so that its thinking comes along encrypted; whose cache to use; to show
 * its thinking where some is asked for.
 */
export function tuneResponses(
  vendor: 'openai' | 'azure',
  options: CallOptions,
  { sessionId }: CallAbout,
): CallOptions {
  const summary = options.reasoning !== undefined && { reasoningSummary: 'auto' }
  const own = { store: false, promptCacheKey: sessionId, ...summary }
  return { ...options, providerOptions: { ...options.providerOptions, [vendor]: own } }
}
