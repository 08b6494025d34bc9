import type { TokenUsage } from '@outlast/sdk'

/** Formats tokens and their cost, if it is known. */
export function usageText(usage: TokenUsage | null | undefined): string | undefined {
  if (!usage) return undefined
  const { input_tokens, output_tokens, cost_usd } = usage
  const cost = typeof cost_usd === 'number' ? `, $${cost_usd.toFixed(cost_usd < 1 ? 4 : 2)}` : ''
  return `${input_tokens ?? '-'} tokens in, ${output_tokens ?? '-'} out${cost}`
}
