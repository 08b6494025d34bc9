import { type Static, Type } from 'typebox'
import { ModelId, ProviderId, Timestamp } from './id.ts'
import { count, oneOf, optional, PageQuery, pageOf } from './shape.ts'

export const ProviderType = oneOf(
  'openai',
  'openai_completions',
  'anthropic',
  'google',
  'azure_openai',
  'llmsim',
)
export type ProviderType = Static<typeof ProviderType>
const ActiveStatus = oneOf('active', 'disabled')

/** A model vendor or a local model server. Its key goes in and never comes out. */
export const Provider = Type.Object(
  {
    id: ProviderId,
    name: Type.String(),
    provider_type: ProviderType,
    base_url: Type.Optional(Type.String()),
    api_key_set: Type.Boolean(),
    status: ActiveStatus,
    last_synced_at: Type.Optional(Timestamp),
    created_at: Timestamp,
    updated_at: Timestamp,
  },
  { title: 'LlmProvider' },
)
export type Provider = Static<typeof Provider>
export const ProviderPage = pageOf(Provider, 'LlmProviderPage')

const name = Type.String({ minLength: 1, maxLength: 255 })
const baseUrl = Type.String({ minLength: 1, maxLength: 2048 })
const apiKey = Type.String({ minLength: 1, maxLength: 8192 })

export const NewProvider = Type.Object(
  {
    name,
    provider_type: ProviderType,
    base_url: optional(baseUrl),
    api_key: optional(apiKey),
  },
  { title: 'CreateLlmProviderRequest' },
)
export type NewProvider = Static<typeof NewProvider>

/** Absent or `null`: unchanged. */
export const ProviderChange = Type.Object(
  {
    name: optional(name),
    provider_type: optional(ProviderType),
    base_url: optional(baseUrl),
    api_key: optional(apiKey),
    status: optional(ActiveStatus),
  },
  { title: 'UpdateLlmProviderRequest' },
)
export type ProviderChange = Static<typeof ProviderChange>

/** What a look at the vendor's list of models changed. */
export const ModelSync = Type.Object(
  {
    discovered: count({ description: 'Models that are new here.' }),
    total: count({ description: 'Models that the vendor listed.' }),
    stale: count({ description: 'Models found earlier that it no longer lists.' }),
    truncated: Type.Boolean({ description: 'It lists more than are kept; none became stale.' }),
    last_synced_at: Timestamp,
  },
  { title: 'ModelSync' },
)
export type ModelSync = Static<typeof ModelSync>

/** Without a model: the default, a favourite, or any that is active. */
export const ProviderTest = Type.Object(
  { model_id: optional(ModelId) },
  { title: 'TestLlmProviderRequest' },
)
export type ProviderTest = Static<typeof ProviderTest>

/** How one tiny call of a model went. */
export const ProviderTestResult = Type.Object(
  {
    ok: Type.Boolean(),
    model_id: ModelId,
    model: Type.String({ description: "The provider's own name of the model." }),
    latency_ms: Type.Optional(count({ description: 'Until the first piece of the reply.' })),
    kind: Type.Optional(Type.String({ description: 'What kind of failure it was.' })),
    message: Type.Optional(Type.String({ description: 'What is wrong, for a person.' })),
    status: Type.Optional(
      Type.Integer({ description: 'The HTTP status that the vendor answered.' }),
    ),
  },
  { title: 'LlmProviderTestResult' },
)
export type ProviderTestResult = Static<typeof ProviderTestResult>

export const ModelSource = oneOf('manual', 'discovered', 'predefined')

const modelFields = {
  id: ModelId,
  provider_id: ProviderId,
  model_id: Type.String({ description: "The provider's own name of the model." }),
  display_name: Type.String(),
  capabilities: Type.Array(Type.String()),
  is_default: Type.Boolean(),
  is_favorite: Type.Boolean(),
  status: ActiveStatus,
  source: ModelSource,
  is_stale: Type.Boolean({
    description: 'Discovered once, and no longer listed by its vendor.',
  }),
  created_at: Timestamp,
  updated_at: Timestamp,
}

export const Model = Type.Object(modelFields, { title: 'LlmModel' })
export type Model = Static<typeof Model>
export const ModelPage = pageOf(Model, 'LlmModelPage')

const prices = {
  input: Type.Number(),
  output: Type.Number(),
  cache_read: Type.Optional(Type.Number()),
  cache_write: Type.Optional(Type.Number()),
}

/** US dollars per million tokens. `tiers` replace all prices of calls with more input. */
export const ModelCost = Type.Object(
  {
    ...prices,
    tiers: Type.Optional(
      Type.Array(Type.Object({ above: count(), ...prices }, { title: 'LlmModelCostTier' })),
    ),
  },
  { title: 'LlmModelCost' },
)
export type ModelCost = Static<typeof ModelCost>

/** Tokens. `context` is all that fits, `input` what of it a request may take where that is less. */
const ModelLimits = Type.Object(
  { context: count(), output: count(), input: Type.Optional(count()) },
  { title: 'LlmModelLimits' },
)

export const modalities = ['text', 'image', 'audio', 'video'] as const
const Modality = oneOf(...modalities)

const ModelModalities = Type.Object(
  { input: Type.Array(Modality), output: Type.Array(Modality) },
  { title: 'LlmModelModalities' },
)

export const reasoningEfforts = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh'] as const
export const ReasoningEffort = oneOf(...reasoningEfforts)
export type ReasoningEffort = Static<typeof ReasoningEffort>

export const ReasoningEffortConfig = Type.Object(
  {
    default: ReasoningEffort,
    values: Type.Array(
      Type.Object(
        { name: Type.String(), value: ReasoningEffort },
        { title: 'ReasoningEffortValue' },
      ),
    ),
  },
  { title: 'ReasoningEffortConfig' },
)
export type ReasoningEffortConfig = Static<typeof ReasoningEffortConfig>

/** What the catalogue knows of a model: what it takes and gives, how much fits, what it costs. */
export const ModelProfile = Type.Object(
  {
    name: Type.String(),
    family: Type.String(),
    attachment: Type.Boolean(),
    reasoning: Type.Boolean(),
    temperature: Type.Boolean(),
    tool_call: Type.Boolean(),
    structured_output: Type.Boolean(),
    open_weights: Type.Boolean(),
    knowledge: Type.Optional(Type.String()),
    release_date: Type.Optional(Type.String()),
    last_updated: Type.Optional(Type.String()),
    cost: Type.Optional(ModelCost),
    limits: Type.Optional(ModelLimits),
    modalities: Type.Optional(ModelModalities),
    reasoning_effort: Type.Optional(ReasoningEffortConfig),
  },
  { title: 'LlmModelProfile' },
)
export type ModelProfile = Static<typeof ModelProfile>

/** `profile` is absent for a model that the catalogue does not know. */
export const ModelWithProvider = Type.Object(
  {
    ...modelFields,
    provider_name: Type.String(),
    provider_type: ProviderType,
    profile: Type.Optional(ModelProfile),
  },
  { title: 'LlmModelWithProvider' },
)
export type ModelWithProvider = Static<typeof ModelWithProvider>
export const ModelWithProviderPage = pageOf(ModelWithProvider, 'LlmModelWithProviderPage')

const modelName = Type.String({ minLength: 1, maxLength: 255 })
const modelCapabilities = Type.Array(Type.String({ maxLength: 100 }), { maxItems: 50 })

export const NewModel = Type.Object(
  {
    model_id: modelName,
    display_name: modelName,
    capabilities: optional(modelCapabilities),
    is_default: optional(Type.Boolean()),
    is_favorite: optional(Type.Boolean()),
  },
  { title: 'CreateLlmModelRequest' },
)
export type NewModel = Static<typeof NewModel>

/** Absent or `null`: unchanged. */
export const ModelChange = Type.Object(
  {
    model_id: optional(modelName),
    display_name: optional(modelName),
    capabilities: optional(modelCapabilities),
    is_default: optional(Type.Boolean()),
    is_favorite: optional(Type.Boolean()),
    status: optional(ActiveStatus),
  },
  { title: 'UpdateLlmModelRequest' },
)
export type ModelChange = Static<typeof ModelChange>

export const ModelQuery = Type.Object({
  ...PageQuery.properties,
  source: Type.Optional(ModelSource),
  include_stale: Type.Optional(Type.Boolean()),
  favorites_only: Type.Optional(Type.Boolean()),
})
export type ModelQuery = Static<typeof ModelQuery>
