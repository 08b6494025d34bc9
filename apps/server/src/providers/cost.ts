import type { ModelCost, ModelProfile, TokenUsage } from '@outlast/contract'
import { costFields } from '../store/usage.ts'

/** Picodollars per token at a price of one dollar per million tokens. */
const picosPerPrice = 1_000_000

/**
 * Computes the cost of a call in billionths of a US dollar; undefined without a price.
 * Contract: whole numbers. Prices have at most six decimals, so that a token costs a whole number
 * of picodollars; only the sum is rounded.
 */
export function costOf(profile: ModelProfile | undefined, usage: TokenUsage): number | undefined {
  if (!profile?.cost) return undefined
  const { input_tokens, output_tokens, cache_read_tokens = 0, cache_creation_tokens = 0 } = usage
  const { input, output, cache_read, cache_write } = pricesFor(profile.cost, input_tokens)
  const picos = (tokens: number, price: number) => tokens * Math.round(price * picosPerPrice)
  const plain = Math.max(0, input_tokens - cache_read_tokens - cache_creation_tokens)
  const sum =
    picos(plain, input) +
    picos(cache_read_tokens, cache_read) +
    picos(cache_creation_tokens, cache_write) +
    picos(output_tokens, output)
  const nanos = Math.round(sum / 1000)
  return Number.isSafeInteger(nanos) && nanos >= 0 ? nanos : undefined
}

/** The prices of a prompt of this size, in dollars per million tokens. */
function pricesFor({ tiers = [], ...base }: ModelCost, inputTokens: number) {
  const tier = tiers
    .toSorted((a, b) => a.above - b.above)
    .findLast(({ above }) => inputTokens > above)
  const { input, output, cache_read = input, cache_write = input } = tier ?? base
  return { input, output, cache_read, cache_write }
}

const tokensPerPrice = 1_000_000

/**
 * Returns the most that a prompt of this size and a token of output may cost, in dollars; undefined
 * without a price.
 */
export function worstPrices(profile: ModelProfile | undefined, inputTokens: number) {
  if (!profile?.cost) return undefined
  const { input, output, cache_read, cache_write } = pricesFor(profile.cost, inputTokens)
  const dollars = (inputTokens * Math.max(input, cache_read, cache_write)) / tokensPerPrice
  return { input: dollars, perOutputToken: output / tokensPerPrice }
}

/** Adds the cost to a call's usage, if the price is known. */
export function withCost<U extends TokenUsage | undefined>(
  profile: ModelProfile | undefined,
  usage: U,
): U {
  const nanos = usage && costOf(profile, usage)
  return nanos === undefined ? usage : { ...usage, ...costFields(nanos) }
}
