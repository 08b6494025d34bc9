import { readModelList } from './model-list.ts'
import { type Provider, stripEndpoint, withOneSystemMessage } from './provider.ts'
import { strictOption } from './strict-schema.ts'

const home = 'https://api.openai.com/v1'
// Without a default version: the URLs of some vendors have none, or no path at all.
const baseOf = (baseUrl = home) => stripEndpoint(baseUrl, '/chat/completions')

/** Any server with OpenAI's Chat Completions API: Ollama, vLLM, LM Studio, most vendors. */
export const openaiCompletions: Provider = {
  type: 'openai_completions',
  title: 'OpenAI-compatible (Chat Completions)',
  environmentKey: 'DEFAULT_OPENAI_API_KEY',
  // Gemini's signature. Its compatible API and gateways pass it on, and it refuses calls without
  // it.
  signatures: ['thoughtSignature'],
  // Local servers apply a response format to tool calls too.
  takesSchema: ({ profile, hasTools }) => profile?.structured_output ?? !hasTools,
  tune({ prompt, ...options }, { oneCall }) {
    const strict = strictOption(options.responseFormat)
    const own = {
      ...(strict && { openaiCompletions: strict }),
      // The SDK sends unknown options unchanged.
      ...(oneCall && { openai_completions: { parallel_tool_calls: false } }),
    }
    const providerOptions = { ...options.providerOptions, ...own }
    return { ...options, prompt: withOneSystemMessage(prompt), providerOptions }
  },
  async model({ apiKey, baseUrl, fetch }, name) {
    const { createOpenAICompatible } = await import('@ai-sdk/openai-compatible')
    const vendor = createOpenAICompatible({
      name: 'openai_completions',
      baseURL: baseOf(baseUrl),
      includeUsage: true,
      supportsStructuredOutputs: true,
      ...(apiKey !== undefined && { apiKey }),
      ...(fetch && { fetch }),
    })
    return vendor.chatModel(name)
  },
  listModels: (connection, signal) =>
    readModelList({
      connection,
      signal,
      headers: { authorization: connection.apiKey && `Bearer ${connection.apiKey}` },
      url: () => `${baseOf(connection.baseUrl)}/models`,
      pick: ({ id, name, display_name }) => ({ id, name: display_name ?? name }),
    }),
}
