import type { TokenUsage } from '@outlast/contract'

/** Costs are stored and summed as whole billionths of a dollar: sums of fractions would drift. */
const nanosPerDollar = 1_000_000_000

export const dollarsOf = (nanos: number) => nanos / nanosPerDollar
export const nanosOf = (dollars: number) => Math.round(dollars * nanosPerDollar)

/** A cost under its two names. */
export function costFields(nanos: number): Pick<TokenUsage, 'cost_usd' | 'estimated_cost_usd'> {
  const cost = dollarsOf(nanos)
  return { cost_usd: cost, estimated_cost_usd: cost }
}

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
    ...(cost_nanos !== null && costFields(cost_nanos)),
  }
}
