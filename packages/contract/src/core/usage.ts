import { type Static, Type } from 'typebox'
import { count } from './shape.ts'

export const TokenUsage = Type.Object(
  {
    input_tokens: count(
      'Input tokens as counted by the model provider, including tokens read from its cache.',
    ),
    output_tokens: count('Output tokens as counted by the provider, including thinking.'),
    cache_read_tokens: Type.Optional(
      count(
        'Input tokens read from the prompt cache of the provider. Absent if none were reported.',
      ),
    ),
    cache_creation_tokens: Type.Optional(
      count(
        'Input tokens written to the prompt cache of the provider. Absent if none were reported.',
      ),
    ),
    cost_usd: Type.Optional(
      Type.Number({
        minimum: 0,
        description:
          'List price in US dollars of the calls whose model has known prices, fixed when each call ends. Absent if no price is known.',
      }),
    ),
    estimated_cost_usd: Type.Optional(
      Type.Number({ minimum: 0, description: 'The same as `cost_usd`. Absent in old events.' }),
    ),
  },
  {
    title: 'TokenUsage',
    description: 'Tokens that model calls used, and their cost at list prices.',
    examples: [
      { input_tokens: 1_840, output_tokens: 212, cache_read_tokens: 1_024, cost_usd: 0.000_73 },
    ],
  },
)
export type TokenUsage = Static<typeof TokenUsage>
