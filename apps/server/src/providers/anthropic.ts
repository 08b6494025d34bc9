import { readModelList } from './model-list.ts'
import { type ModelCallOptions, type Provider, versionedBase, withOptions } from './provider.ts'

const home = 'https://api.anthropic.com/v1'
const baseOf = (baseUrl = home) => versionedBase(baseUrl, '/messages', '/v1')

/** Marks the end of a cacheable prefix of the prompt. */
const breakpoint = { anthropic: { cacheControl: { type: 'ephemeral' } } }

/** The vendor refuses a smaller budget of thinking. */
const thinkingTokensMin = 1_024

/** Shares of the output for thinking, by effort. They are those of the SDK. */
const thinkingShares: Partial<Record<NonNullable<ModelCallOptions['reasoning']>, number>> = {
  minimal: 0.02,
  low: 0.1,
  medium: 0.3,
  high: 0.6,
  xhigh: 0.9,
  max: 0.95,
}

/** Models whose thinking has a budget in tokens; the others choose how much they think. */
const olderClaude = /claude-((haiku|sonnet|opus)-4[-@](?![6-8])|[23]\b)/
const hasThinkingBudget = (modelId: string) =>
  !modelId.includes('claude-') || olderClaude.test(modelId)

type Unprompted = Omit<ModelCallOptions, 'prompt'>

/**
 * Limits the output with its thinking: the SDK adds the budget of thinking to `maxOutputTokens`.
 * The model does not think if the limit has no room for the smallest budget and as much answer.
 */
function withinLimit(options: Unprompted, modelId: string, limit: number | undefined): Unprompted {
  if (limit === undefined) return options
  const { reasoning, ...others } = options
  const share = reasoning && thinkingShares[reasoning]
  if (!share || !hasThinkingBudget(modelId)) return { ...options, maxOutputTokens: limit }
  if (limit < 2 * thinkingTokensMin) return { ...others, maxOutputTokens: limit }
  const budgetTokens = Math.max(thinkingTokensMin, Math.round(limit * share))
  const own = { anthropic: { thinking: { type: 'enabled', budgetTokens } } }
  const providerOptions = { ...options.providerOptions, ...own }
  return { ...options, maxOutputTokens: limit - budgetTokens, providerOptions }
}

/** Lets the vendor drop thinking. The SDK adds nothing for the effort to thinking that is set. */
function droppableThinking({ reasoning }: Unprompted) {
  const blockBinding = { prefixMismatchBehavior: 'drop_block' }
  const thinks = reasoning !== undefined && reasoning !== 'none'
  return { ...(thinks && { type: 'adaptive', display: 'summarized' }), blockBinding }
}

/**
 * Anthropic's Messages API. Key and base URL are always passed: the SDK must not read the
 * environment.
 */
export const anthropic: Provider = {
  type: 'anthropic',
  title: 'Anthropic',
  environmentKey: 'DEFAULT_ANTHROPIC_API_KEY',
  schemaTool: 'json',
  imageLengthMax: 5 * 1024 * 1024,
  imageSides: { max: 8_000, few: 20, maxOfMany: 2_000 },
  signatures: ['signature', 'redactedData'],
  /** Sets 3 of 4 possible cache marks: system prompt with tools, and the newest two messages. */
  tune({ prompt, ...options }, { modelId, outputTokensMax, oneCall, isOnce, forms }) {
    const newest = prompt.length - 2
    const isNewest = (at: number) => at >= newest && prompt[at]!.role !== 'system'
    const isMarked = (at: number) => !isOnce && (at === 0 || isNewest(at))
    const marked = withOptions(prompt, breakpoint, isMarked)
    const limited = withinLimit(options, modelId, outputTokensMax)
    const { providerOptions } = limited
    const own = {
      ...providerOptions?.anthropic,
      ...(forms.has('dropped_thinking') && { thinking: droppableThinking(limited) }),
      ...(oneCall && { disableParallelToolUse: true }),
    }
    return { ...limited, prompt: marked, providerOptions: { ...providerOptions, anthropic: own } }
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
