import { readModelList } from './model-list.ts'
import { type Provider, versionedBase, withOptions } from './provider.ts'

const home = 'https://api.anthropic.com/v1'
const baseOf = (baseUrl = home) => versionedBase(baseUrl, '/messages', '/v1')

/** Marks the end of a cacheable prefix of the prompt. */
const breakpoint = { anthropic: { cacheControl: { type: 'ephemeral' } } }

/**
 * Anthropic's Messages API. Key and base URL are always passed: the SDK must not read the
 * environment.
 */
export const anthropic: Provider = {
  type: 'anthropic',
  title: 'Anthropic',
  environmentKey: 'DEFAULT_ANTHROPIC_API_KEY',
  imageLengthMax: 5 * 1024 * 1024,
  signatures: ['signature', 'redactedData'],
  /** Sets 3 of 4 possible cache marks: system prompt with tools, and the newest two messages. */
  tune({ prompt, ...options }, { outputTokensMax, oneCall }) {
    const newest = prompt.length - 2
    const isNewest = (at: number) => at >= newest && prompt[at]!.role !== 'system'
    const marked = withOptions(prompt, breakpoint, (at) => at === 0 || isNewest(at))
    const most = outputTokensMax !== undefined && { maxOutputTokens: outputTokensMax }
    if (!oneCall) return { ...most, ...options, prompt: marked }
    const own = { anthropic: { disableParallelToolUse: true } }
    const providerOptions = { ...options.providerOptions, ...own }
    return { ...most, ...options, prompt: marked, providerOptions }
  },
  async model({ apiKey = '', baseUrl, fetch }, name) {
    const { createAnthropic } = await import('@ai-sdk/anthropic')
    const vendor = createAnthropic({
      apiKey,
      baseURL: baseOf(baseUrl),
      ...(fetch && { fetch }),
    })
    return vendor.messages(name)
  },
  listModels: (connection, signal) =>
    readModelList({
      connection,
      signal,
      headers: { 'x-api-key': connection.apiKey, 'anthropic-version': '2023-06-01' },
      url(after) {
        const from = after === undefined ? '' : `&after_id=${encodeURIComponent(after)}`
        return `${baseOf(connection.baseUrl)}/models?limit=1000${from}`
      },
      next: ({ has_more, last_id }) => (has_more === true ? last_id : undefined),
      pick: ({ id, display_name }) => ({ id, name: display_name }),
    }),
}
