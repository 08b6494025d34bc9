import { readModelList } from './model-list.ts'
import { type CallAbout, type ModelCallOptions, type Provider, versionedBase } from './provider.ts'

const home = 'https://api.openai.com/v1'
const baseOf = (baseUrl = home) => versionedBase(baseUrl, '/responses', '/v1')

/** Models that OpenAI lists beside those that one can talk with. */
const wordless =
  /embedding|moderation|whisper|transcribe|tts|audio|realtime|image|dall-e|sora|babbage|davinci/

export const isWordless = (name: unknown) => typeof name === 'string' && wordless.test(name)

/** OpenAI's Responses API. Key and address are passed: the SDK must not read the environment. */
export const openai: Provider = {
  type: 'openai',
  title: 'OpenAI',
  environmentKey: 'DEFAULT_OPENAI_API_KEY',
  signatures: ['reasoningEncryptedContent'],
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
 * What the Responses API is told: to keep nothing, so that its thinking comes along encrypted;
 * whose cache to use; to show its thinking where some is asked for. What is asked for goes out
 * whatever the model is called: the SDK knows models that think by their names, of which a
 * deployment or a gateway has its own.
 */
export function tuneResponses(
  vendor: 'openai' | 'azure',
  options: ModelCallOptions,
  { sessionId }: CallAbout,
): ModelCallOptions {
  const thinks = options.reasoning !== undefined && {
    reasoningSummary: 'auto',
    forceReasoning: true,
  }
  const own = { store: false, promptCacheKey: sessionId, ...thinks }
  return { ...options, providerOptions: { ...options.providerOptions, [vendor]: own } }
}
