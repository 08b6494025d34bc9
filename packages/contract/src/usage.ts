import { type Static, Type } from 'typebox'
import { count } from './shape.ts'

/**
 * Tokens that models counted, and US dollars for those whose price is known. A cache count that is
 * absent was not reported; a cost that is absent is unknown.
 */
export const TokenUsage = Type.Object(
  {
    input_tokens: count(),
    output_tokens: count(),
    cache_read_tokens: Type.Optional(count()),
    cache_creation_tokens: Type.Optional(count()),
    cost_usd: Type.Optional(Type.Number({ minimum: 0 })),
  },
  { title: 'TokenUsage' },
)
export type TokenUsage = Static<typeof TokenUsage>
