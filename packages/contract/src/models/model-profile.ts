import { type Static, Type } from 'typebox'
import { count, described, oneOf } from '../core/shape.ts'

const price = (description: string) =>
  Type.Number({ description: `${description}, in US dollars per million tokens.` })

const prices = {
  input: price('Price of input tokens that are not cached'),
  output: price('Price of output tokens'),
  cache_read: Type.Optional(
    price('Price of input tokens read from the cache. Absent: the price of input'),
  ),
  cache_write: Type.Optional(
    price('Price of input tokens written to the cache. Absent: the price of input'),
  ),
}

const CostTier = Type.Object(
  { above: count('Number of input tokens above which these prices apply.'), ...prices },
  {
    title: 'LlmModelCostTier',
    description: 'Prices of calls with many input tokens. They replace all others.',
  },
)

export const ModelCost = Type.Object(
  {
    ...prices,
    tiers: Type.Optional(
      Type.Array(CostTier, {
        description: 'Prices of calls with many input tokens. Absent if there are none.',
      }),
    ),
  },
  {
    title: 'LlmModelCost',
    description: 'List prices of a model in US dollars per million tokens.',
    examples: [{ input: 0.25, output: 2, cache_read: 0.025 }],
  },
)
export type ModelCost = Static<typeof ModelCost>

const ModelLimits = Type.Object(
  {
    context: count('Tokens of a prompt and its reply together.'),
    output: count('Tokens of a reply.'),
    input: Type.Optional(count('Tokens of a prompt. Absent if `context` is the only limit.')),
  },
  {
    title: 'LlmModelLimits',
    description: 'Limits of a model in tokens.',
    examples: [{ context: 400_000, output: 128_000, input: 272_000 }],
  },
)

export const modalities = ['text', 'image', 'audio', 'video'] as const
const Modality = oneOf(...modalities)

const ModelModalities = Type.Object(
  {
    input: Type.Array(Modality, { description: 'Kinds of content that a prompt may have.' }),
    output: Type.Array(Modality, { description: 'Kinds of content that a reply may have.' }),
  },
  {
    title: 'LlmModelModalities',
    description: 'Kinds of content that a model reads and writes.',
    examples: [{ input: ['text', 'image'], output: ['text'] }],
  },
)

export const reasoningEfforts = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh'] as const
export const ReasoningEffort = oneOf(...reasoningEfforts)
export type ReasoningEffort = Static<typeof ReasoningEffort>

const EffortValue = Type.Object(
  {
    name: Type.String({ description: 'Name for people.', examples: ['High'] }),
    value: described(ReasoningEffort, 'Value for `controls.reasoning.effort`.'),
  },
  { title: 'ReasoningEffortValue', description: 'A reasoning effort of a model.' },
)

export const ReasoningEffortConfig = Type.Object(
  {
    default: described(ReasoningEffort, 'Effort of calls that select none.'),
    values: Type.Array(EffortValue, { description: 'Efforts of the model, lowest first.' }),
  },
  { title: 'ReasoningEffortConfig', description: 'Reasoning efforts that a model supports.' },
)
export type ReasoningEffortConfig = Static<typeof ReasoningEffortConfig>

const flag = (description: string) => Type.Boolean({ description })
const date = (description: string) =>
  Type.Optional(
    Type.String({ description: `${description} Absent if unknown.`, examples: ['2026-05'] }),
  )

export const ModelProfile = Type.Object(
  {
    name: Type.String({ description: "The vendor's name for people.", examples: ['GPT-5 mini'] }),
    family: Type.String({ description: 'Family of models.', examples: ['gpt-mini'] }),
    attachment: flag('True if a prompt may have files or images.'),
    reasoning: flag('True if the model thinks before it replies.'),
    temperature: flag('True if the temperature can be set.'),
    tool_call: flag('True if the model can call tools.'),
    structured_output: flag('True if replies can be bound to a JSON Schema.'),
    open_weights: flag('True if the weights are public.'),
    knowledge: date('End of the training data, as a year, month or day.'),
    release_date: date('Date of release, as a year, month or day.'),
    last_updated: date('Date of the latest update, as a year, month or day.'),
    cost: Type.Optional(described(ModelCost, 'List prices. Absent if they are unknown.')),
    limits: Type.Optional(described(ModelLimits, 'Limits in tokens. Absent if unknown.')),
    modalities: Type.Optional(
      described(ModelModalities, 'Kinds of content read and written. Absent if unknown.'),
    ),
    reasoning_effort: Type.Optional(
      described(ReasoningEffortConfig, 'Reasoning efforts. Absent if none can be selected.'),
    ),
  },
  {
    title: 'LlmModelProfile',
    description: 'Public facts about a model from the catalogue of the server.',
  },
)
export type ModelProfile = Static<typeof ModelProfile>
