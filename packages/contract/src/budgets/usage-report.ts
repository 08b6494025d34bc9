/** Usage of the model calls of an organization by day, agent, model, end user and key. */
import { type Static, Type } from 'typebox'
import { EndUserId } from '../access/end-user.ts'
import { AgentId } from '../core/id.ts'
import { count, described, nullable, oneOf } from '../core/shape.ts'

export const usageGroups = ['day', 'agent', 'model', 'user', 'key'] as const

const day = (description: string) =>
  Type.Optional(
    Type.String({
      pattern: '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$',
      description,
      examples: ['2026-11-01'],
    }),
  )

const keyId = Type.String({
  minLength: 1,
  maxLength: 100,
  description: 'Id of an API key or of a key of an agent channel.',
  examples: ['01933b5a-0000-7000-8000-000000000001'],
})

export const usageLimit = { default: 100, max: 1_000 }

export const UsageQuery = Type.Object({
  from: day('First day, in UTC. Default: 29 days before `to`.'),
  to: day('Last day, in UTC, at most 400 days after `from`. Default: today.'),
  group_by: Type.Optional(
    // A value may have several groups, separated by commas.
    Type.Array(Type.String({ maxLength: 100 }), {
      maxItems: 10,
      description:
        'Groups of the rows, as repeated parameters or separated by commas. `user`: end users. Default: `day`.',
      examples: [['day', 'agent']],
    }),
  ),
  agent_id: Type.Optional(described(AgentId, 'Only calls of this agent.')),
  model: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 255,
      description: "Only calls of this model, by the provider's own name.",
      examples: ['gpt-5-mini'],
    }),
  ),
  user: Type.Optional(described(EndUserId, 'Only calls in sessions of this end user.')),
  key_id: Type.Optional(described(keyId, 'Only calls in turns of this key.')),
  offset: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: 1_000_000,
      default: 0,
      description: 'Number of rows to skip, at most 1,000,000. Default: 0.',
    }),
  ),
  limit: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 2_147_483_647,
      description: 'Maximum number of rows. Values above 1,000 are treated as 1,000. Default: 100.',
    }),
  ),
})
export type UsageQuery = Static<typeof UsageQuery>

const sums = {
  model_calls: count('Number of model calls that reported tokens, summaries included.'),
  input_tokens: count('Input tokens, including those read from the cache of the provider.'),
  output_tokens: count('Output tokens, including thinking.'),
  cache_read_tokens: count('Input tokens read from the prompt cache of the provider.'),
  cache_creation_tokens: count('Input tokens written to the prompt cache of the provider.'),
  cost_usd: nullable(
    Type.Number({ minimum: 0 }),
    'Cost in US dollars at list prices, of the calls whose model has known prices. Null if none has.',
  ),
}

const sumsExample = {
  model_calls: 12,
  input_tokens: 18_400,
  output_tokens: 2_120,
  cache_read_tokens: 10_240,
  cache_creation_tokens: 0,
  cost_usd: 0.0073,
}

const UsageSums = Type.Object(sums, {
  title: 'UsageSums',
  description: 'Sums over all matching model calls.',
  examples: [sumsExample],
})

const UsageGroupRow = Type.Object(
  {
    day: Type.Optional(Type.String({ description: 'Day in UTC. Absent unless grouped by it.' })),
    agent_id: Type.Optional(
      described(AgentId, 'Agent, which may be deleted by now. Absent unless grouped by it.'),
    ),
    model: Type.Optional(
      nullable(Type.String(), "The provider's name of the model. Absent unless grouped by it."),
    ),
    user: Type.Optional(
      nullable(
        Type.String(),
        'End user of the sessions. Null: none, or deleted. Absent unless grouped by it.',
      ),
    ),
    key_id: Type.Optional(
      nullable(
        Type.String(),
        'Key that sent the message of the turn. Null: a signed-in user, a token or a schedule. Absent unless grouped by it.',
      ),
    ),
    ...sums,
  },
  {
    title: 'UsageRow',
    description: 'Sums over the model calls of one group.',
    examples: [
      { day: '2026-11-25', agent_id: 'agent_01933b5a000070008000000000000101', ...sumsExample },
    ],
  },
)

export const UsageReport = Type.Object(
  {
    from: Type.String({ description: 'First day, in UTC.', examples: ['2026-11-01'] }),
    to: Type.String({ description: 'Last day, in UTC.', examples: ['2026-11-30'] }),
    group_by: Type.Array(oneOf(...usageGroups), { description: 'Groups of the rows.' }),
    data: Type.Array(UsageGroupRow, {
      description: 'Rows by day if grouped by it, then the most expensive first.',
    }),
    sum: described(UsageSums, 'Sums over all matching calls, on this and all other pages.'),
    total: count('Number of rows, on this and all other pages.'),
    offset: count('Number of rows before the first row of `data`.'),
    limit: count('Page size that the server applied.'),
  },
  { title: 'UsageReport', description: 'Tokens and cost of model calls in a period.' },
)
export type UsageReport = Static<typeof UsageReport>
