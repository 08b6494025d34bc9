import type { GenerationMetadata, TokenUsage } from '@outlast/contract'
import { costFields, nanosOf } from '../../store/usage.ts'

/** Adds token usage. Cache counts and costs stay absent while both sides lack them. */
export function addUsage(
  a: TokenUsage | undefined,
  b: TokenUsage | undefined,
): TokenUsage | undefined {
  if (!a || !b) return a ?? b
  const sum = (x?: number, y?: number) =>
    x === undefined && y === undefined ? undefined : (x ?? 0) + (y ?? 0)
  const read = sum(a.cache_read_tokens, b.cache_read_tokens)
  const created = sum(a.cache_creation_tokens, b.cache_creation_tokens)
  const cost = sum(nanosIn(a), nanosIn(b))
  return {
    input_tokens: a.input_tokens + b.input_tokens,
    output_tokens: a.output_tokens + b.output_tokens,
    ...(read !== undefined && { cache_read_tokens: read }),
    ...(created !== undefined && { cache_creation_tokens: created }),
    ...(cost !== undefined && costFields(cost)),
  }
}

/** The usage of a model call, with that of replies that were dropped before its own. */
export const generationUsage = ({ usage, retry }: GenerationMetadata) =>
  addUsage(retry?.usage, usage)

const nanosIn = ({ cost_usd }: TokenUsage) =>
  cost_usd === undefined ? undefined : nanosOf(cost_usd)
