import { readModelList } from './model-list.ts'
import { type CallAbout, type ModelCallOptions, type Provider, versionedBase } from './provider.ts'
import { strictOption } from './strict-schema.ts'

const home = 'https://api.openai.com/v1'
const baseOf = (baseUrl = home) => versionedBase(baseUrl, '/responses', '/v1')

/** Models that OpenAI lists besides chat models. */
const wordless =
  /embedding|moderation|whisper|transcribe|tts|audio|realtime|image|dall-e|sora|babbage|davinci/

export const isWordless = (name: unknown) => typeof name === 'string' && wordless.test(name)

/**
 * OpenAI's Responses API. Key and base URL are always passed: the SDK must not read the
 * environment.
 */
export const openai: Provider = {
  type: 'openai',
  title: 'OpenAI',
  environmentKey: 'DEFAULT_OPENAI_API_KEY',
  signatures: ['reasoningEncryptedContent'],
  takesSchema: ({ profile }) => profile?.structured_output ?? true,
  tune: (options, about) => tuneResponses('openai', options, about),
  async model({ apiKey = '', baseUrl, fetch }, name) {
    const { createOpenAI } = await import('@ai-sdk/openai')
    const vendor = createOpenAI({
      apiKey,
      baseURL: baseOf(baseUrl),
      ...(fetch && { fetch }),
    })
    return vendor.responses(name)
  },
  listModels: (connection, signal) =>
    readModelList({
      connection,
      signal,
      headers: { authorization: connection.apiKey && `Bearer ${connection.apiKey}` },
      url: () => `${baseOf(connection.baseUrl)}/models`,
      pick: ({ id }) => (isWordless(id) ? undefined : { id }),
    }),
}

/**
 * Sets options of the Responses API: store nothing, so that encrypted reasoning is returned; the
 * cache key; and reasoning summaries for a requested effort. The effort is sent for any model name:
 * the SDK recognizes reasoning models by their names, but deployments and gateways use other names.
 */
export function tuneResponses(
  vendor: 'openai' | 'azure',
  options: ModelCallOptions,
  { sessionId, oneCall }: CallAbout,
): ModelCallOptions {
  const thinks = options.reasoning !== undefined && {
    ...(options.reasoning !== 'none' && { reasoningSummary: 'auto' }),
    forceReasoning: true,
  }
  const strict = strictOption(options.responseFormat)
  const single = oneCall && { parallelToolCalls: false }
  const own = { store: false, promptCacheKey: sessionId, ...thinks, ...strict, ...single }
  return { ...options, providerOptions: { ...options.providerOptions, [vendor]: own } }
}
