import { type Provider, stripEndpoint, withOptions } from './provider.ts'

/** Where a prompt may be cached up to. */
const breakpoint = { anthropic: { cacheControl: { type: 'ephemeral' } } }

/** Anthropic's Messages API. Key and address are always passed: the SDK must not read the environment. */
export const anthropic: Provider = {
  type: 'anthropic',
  title: 'Anthropic',
  signatures: ['signature', 'redactedData'],
  /** Of the four places that may be marked: the system prompt, with the tools before it, and the newest two messages. */
  tune({ prompt, ...options }, { outputTokensMax }) {
    const newest = prompt.length - 2
    const marked = withOptions(prompt, breakpoint, (at) => at === 0 || at >= newest)
    const most = outputTokensMax !== undefined && { maxOutputTokens: outputTokensMax }
    return { ...most, ...options, prompt: marked }
  },
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
