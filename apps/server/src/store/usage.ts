import type { TokenUsage } from '@outlast/contract'

/** Costs are stored and summed as whole billionths of a dollar: sums of fractions would drift. */
const nanosPerDollar = 1_000_000_000

export const dollarsOf = (nanos: number) => nanos / nanosPerDollar
export const nanosOf = (dollars: number) => Math.round(dollars * nanosPerDollar)

/** The columns of token usage and cost. */
export type UsageRow = {
  input_tokens: number
  output_tokens: number
  cache_read_tokens: number | null
  cache_creation_tokens: number | null
  cost_nanos: number | null
}

/** Returns the usage so far; undefined while there is none. */
export function usageOf(row: UsageRow): TokenUsage | undefined {
  const { input_tokens, output_tokens, cache_read_tokens, cache_creation_tokens, cost_nanos } = row
  if (input_tokens + output_tokens === 0) return undefined
  return {
    input_tokens,
    output_tokens,
    ...(cache_read_tokens !== null && { cache_read_tokens }),
    ...(cache_creation_tokens !== null && { cache_creation_tokens }),
    ...(cost_nanos !== null && { cost_usd: dollarsOf(cost_nanos) }),
  }
}
