import { type Provider, stripEndpoint } from './provider.ts'

/** OpenAI through its Responses API. Key and address are always passed: the SDK must not read the environment. */
export const openai: Provider = {
  type: 'openai',
  title: 'OpenAI',
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
