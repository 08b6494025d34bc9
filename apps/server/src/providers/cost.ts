import type { ModelProfile, TokenUsage } from '@outlast/contract'
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
  const { tiers = [], ...base } = profile.cost
  const { input_tokens, output_tokens, cache_read_tokens = 0, cache_creation_tokens = 0 } = usage
  const tier = tiers
    .toSorted((a, b) => a.above - b.above)
    .findLast(({ above }) => input_tokens > above)
  const { input, output, cache_read = input, cache_write = input } = tier ?? base
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

/** Adds the cost to a call's usage, if the price is known. */
export function withCost<U extends TokenUsage | undefined>(
  profile: ModelProfile | undefined,
  usage: U,
): U {
  const nanos = usage && costOf(profile, usage)
  return nanos === undefined ? usage : { ...usage, ...costFields(nanos) }
}
