import { readModelList } from './model-list.ts'
import { type Provider, stripEndpoint } from './provider.ts'

const home = 'https://api.openai.com/v1'
// Some vendors have no version in their addresses: a host alone may be all there is.
const baseOf = (baseUrl = home) => stripEndpoint(baseUrl, '/chat/completions')

/** Any server that speaks OpenAI's Chat Completions: Ollama, vLLM, LM Studio, most vendors. */
export const openaiCompletions: Provider = {
  type: 'openai_completions',
  title: 'OpenAI-compatible (Chat Completions)',
  environmentKey: 'DEFAULT_OPENAI_API_KEY',
  // Gemini's, which its own compatible server and gateways hand on: it refuses its calls without
  // them.
  signatures: ['thoughtSignature'],
  async model({ apiKey, baseUrl, fetch }, name) {
    const { createOpenAICompatible } = await import('@ai-sdk/openai-compatible')
    const vendor = createOpenAICompatible({
      name: 'openai_completions',
      baseURL: baseOf(baseUrl),
      includeUsage: true,
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
