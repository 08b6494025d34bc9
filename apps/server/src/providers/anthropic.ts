import { type Provider, stripEndpoint } from './provider.ts'

/** Anthropic's Messages API. Key and address are always passed: the SDK must not read the environment. */
export const anthropic: Provider = {
  type: 'anthropic',
  title: 'Anthropic',
  async model({ apiKey = '', baseUrl = 'https://api.anthropic.com/v1', fetch }, name) {
    const { createAnthropic } = await import('@ai-sdk/anthropic')
    const vendor = createAnthropic({
      apiKey,
      baseURL: stripEndpoint(baseUrl, '/messages'),
      ...(fetch && { fetch }),
    })
    return vendor.messages(name)
  },
}
