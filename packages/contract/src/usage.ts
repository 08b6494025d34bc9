import { type Static, Type } from 'typebox'
import { count } from './shape.ts'

/** Tokens that models counted. A cache count that is absent was not reported. */
export const TokenUsage = Type.Object(
  {
    input_tokens: count(),
    output_tokens: count(),
    cache_read_tokens: Type.Optional(count()),
    cache_creation_tokens: Type.Optional(count()),
  },
  { title: 'TokenUsage' },
)
export type TokenUsage = Static<typeof TokenUsage>
