import { type Provider, stripEndpoint } from './provider.ts'

/** Any server that speaks OpenAI's Chat Completions: Ollama, vLLM, LM Studio, most vendors. */
export const openaiCompletions: Provider = {
  type: 'openai_completions',
  title: 'OpenAI-compatible (Chat Completions)',
  signatures: [],
  async model({ apiKey, baseUrl = 'https://api.openai.com/v1', fetch }, name) {
    const { createOpenAICompatible } = await import('@ai-sdk/openai-compatible')
    const vendor = createOpenAICompatible({
      name: 'openai_completions',
      baseURL: stripEndpoint(baseUrl, '/chat/completions'),
      includeUsage: true,
      ...(apiKey !== undefined && { apiKey }),
      ...(fetch && { fetch }),
    })
    return vendor.chatModel(name)
  },
}
