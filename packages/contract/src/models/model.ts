import { type Static, Type } from 'typebox'
import { ModelId, ProviderId, Timestamp } from '../core/id.ts'
import {
  count,
  described,
  listParameters,
  oneOf,
  optional,
  pageOf,
  ShownName,
} from '../core/shape.ts'
import { ModelProfile } from './model-profile.ts'

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

const providerTypeMeaning =
  '`openai`: Responses API. `openai_completions`: Chat Completions of any compatible server. `anthropic`, `google` and `azure_openai`: those providers. `llmsim`: simulated models.'

export const Provider = Type.Object(
  {
    id: described(ProviderId, 'Id of the provider.'),
    name: Type.String({ description: 'Name for people.', examples: ['OpenAI'] }),
    provider_type: described(ProviderType, `API that the provider speaks. ${providerTypeMeaning}`),
    base_url: Type.Optional(
      Type.String({
        description: 'Address of the API. Absent: the address of the vendor.',
        examples: ['http://127.0.0.1:8000/v1'],
      }),
    ),
    api_key_set: Type.Boolean({
      description: 'True if a key is stored, or the environment has one for this provider.',
    }),
    status: described(
      ActiveStatus,
      '`active`: its active models are usable. `disabled`: none of its models are.',
    ),
    last_synced_at: Type.Optional(
      described(
        Timestamp,
        "Time at which the vendor's list of models was last read. Absent before that.",
      ),
    ),
    created_at: described(Timestamp, 'Time at which the provider was added.'),
    updated_at: described(Timestamp, 'Time of the latest change of a property.'),
  },
  {
    title: 'LlmProvider',
    description: 'A model vendor or a local model server. Its key is never returned.',
    examples: [
      {
        id: 'provider_01933b5a000070008000000000000001',
        name: 'OpenAI',
        provider_type: 'openai',
        api_key_set: true,
        status: 'active',
        last_synced_at: '2026-11-25T09:30:00.000Z',
        created_at: '2026-11-20T08:00:00.000Z',
        updated_at: '2026-11-25T09:30:00.000Z',
      },
    ],
  },
)
export type Provider = Static<typeof Provider>
export const ProviderPage = pageOf(Provider, 'LlmProviderPage')

const baseUrl = Type.String({ minLength: 1, maxLength: 2048 })
const apiKey = Type.String({ minLength: 1, maxLength: 8192 })

export const NewProvider = Type.Object(
  {
    name: described(ShownName, 'Name for people: one line of 1 to 255 characters.'),
    provider_type: described(ProviderType, `API that the provider speaks. ${providerTypeMeaning}`),
    base_url: optional(
      baseUrl,
      'Address of the API: http or https, at most 2,048 characters. `azure_openai` needs it. Default: the address of the vendor.',
    ),
    api_key: optional(
      apiKey,
      'Key of the provider: visible ASCII, at most 8,192 characters. It is stored encrypted and never returned. Default: none.',
    ),
  },
  {
    title: 'CreateLlmProviderRequest',
    description: 'Type, address and key of a provider.',
    examples: [
      {
        name: 'My vLLM',
        provider_type: 'openai_completions',
        base_url: 'http://127.0.0.1:8000/v1',
        api_key: 'secret',
      },
    ],
  },
)
export type NewProvider = Static<typeof NewProvider>

export const ProviderChange = Type.Object(
  {
    name: optional(
      ShownName,
      'New name: one line of 1 to 255 characters. Absent or null: unchanged.',
    ),
    provider_type: optional(
      ProviderType,
      `New type. ${providerTypeMeaning} Absent or null: unchanged.`,
    ),
    base_url: optional(
      baseUrl,
      'New address of the API: at most 2,048 characters. Absent or null: unchanged.',
    ),
    api_key: optional(apiKey, 'New key. It cannot be removed. Absent or null: unchanged.'),
    status: optional(
      ActiveStatus,
      '`disabled` takes all its models out of use, `active` brings them back. Absent or null: unchanged.',
    ),
  },
  {
    title: 'UpdateLlmProviderRequest',
    description: 'Properties of a provider to change. An absent or `null` property is unchanged.',
    examples: [{ status: 'disabled' }],
  },
)
export type ProviderChange = Static<typeof ProviderChange>

export const ModelSync = Type.Object(
  {
    discovered: count('Number of models that were added.'),
    total: count('Number of models that the vendor listed.'),
    stale: count('Number of earlier models that the vendor no longer lists.'),
    truncated: Type.Boolean({
      description:
        'True if the list is longer than the 5,000 models that are read, or the provider has 10,000. No model becomes stale then.',
    }),
    last_synced_at: described(Timestamp, 'Time at which the list was read.'),
  },
  {
    title: 'ModelSync',
    description: "Changes after reading the vendor's list of models.",
    examples: [
      {
        discovered: 2,
        total: 41,
        stale: 1,
        truncated: false,
        last_synced_at: '2026-11-25T09:30:00.000Z',
      },
    ],
  },
)
export type ModelSync = Static<typeof ModelSync>

export const ProviderTest = Type.Object(
  {
    model_id: optional(
      ModelId,
      'Model of the provider to call, active or not. Default: its default model, a favorite, or any active one.',
    ),
    api_key: optional(
      apiKey,
      'Key to call it with, which is not stored. Default: the stored key, or that of the environment.',
    ),
  },
  { title: 'TestLlmProviderRequest', description: 'The model and the key to call it with.' },
)
export type ProviderTest = Static<typeof ProviderTest>

const vendorName = {
  description: "The provider's own name of the model.",
  examples: ['gpt-5-mini'],
}

export const ProviderTestResult = Type.Object(
  {
    ok: Type.Boolean({ description: 'True if the model began to reply.' }),
    model_id: described(ModelId, 'Model that was called.'),
    model: Type.String(vendorName),
    latency_ms: Type.Optional(
      count('Time to the first piece of the reply in milliseconds. Absent unless `ok`.'),
    ),
    kind: Type.Optional(
      Type.String({
        description: 'Kind of failure, such as `bad_key` or `timeout`. Absent if `ok`.',
        examples: ['bad_key'],
      }),
    ),
    message: Type.Optional(
      Type.String({ description: 'The failure as a sentence for people. Absent if `ok`.' }),
    ),
    status: Type.Optional(
      Type.Integer({
        description: 'HTTP status of the response of the vendor. Absent without a failed response.',
      }),
    ),
  },
  {
    title: 'LlmProviderTestResult',
    description: 'Result of a small call of a model.',
    examples: [
      {
        ok: true,
        model_id: 'model_01933b5a00007000800000000000020a',
        model: 'gpt-5-mini',
        latency_ms: 412,
      },
    ],
  },
)
export type ProviderTestResult = Static<typeof ProviderTestResult>

export const ModelSource = oneOf('manual', 'discovered', 'predefined')
const sourceMeaning =
  '`manual`: added by a client. `discovered`: found in the list of the vendor. `predefined`: present in a new organization.'

const modelFields = {
  id: described(ModelId, 'Id of the model on this server.'),
  provider_id: described(ProviderId, 'Provider of the model.'),
  model_id: Type.String(vendorName),
  display_name: Type.String({ description: 'Name for people.', examples: ['GPT-5 mini'] }),
  capabilities: Type.Array(Type.String(), {
    description: 'Labels set by a client. They do not change how the model is called.',
  }),
  is_default: Type.Boolean({
    description: 'True for the model of turns whose message, session and agent name none.',
  }),
  is_favorite: Type.Boolean({ description: 'True for a model that a client marked as favorite.' }),
  status: described(ActiveStatus, '`active`: usable. `disabled`: passed over and refused.'),
  source: described(ModelSource, sourceMeaning),
  is_stale: Type.Boolean({
    description: 'True for a discovered model that its vendor no longer lists.',
  }),
  created_at: described(Timestamp, 'Time at which the model was added.'),
  updated_at: described(Timestamp, 'Time of the latest change of a property.'),
}

const modelExample = {
  id: 'model_01933b5a00007000800000000000020a',
  provider_id: 'provider_01933b5a000070008000000000000001',
  model_id: 'gpt-5-mini',
  display_name: 'GPT-5 mini',
  capabilities: [],
  is_default: true,
  is_favorite: false,
  status: 'active' as const,
  source: 'predefined' as const,
  is_stale: false,
  created_at: '2026-11-20T08:00:00.000Z',
  updated_at: '2026-11-20T08:00:00.000Z',
}

export const Model = Type.Object(modelFields, {
  title: 'LlmModel',
  description: 'A model of a provider.',
  examples: [modelExample],
})
export type Model = Static<typeof Model>
export const ModelPage = pageOf(Model, 'LlmModelPage')

export const ModelWithProvider = Type.Object(
  {
    ...modelFields,
    provider_name: Type.String({ description: 'Name of the provider.', examples: ['OpenAI'] }),
    provider_type: described(ProviderType, `API of the provider. ${providerTypeMeaning}`),
    enabled: Type.Boolean({ description: 'True if the `status` of the model is `active`.' }),
    healthy: Type.Boolean({
      description:
        'True if its provider is active and has a key or an address of its own. The server does not call the provider for it.',
    }),
    profile: Type.Optional(
      described(ModelProfile, 'Public facts about the model. Absent if the catalogue lacks it.'),
    ),
  },
  {
    title: 'LlmModelWithProvider',
    description: 'A model with its provider and its profile.',
    examples: [
      {
        ...modelExample,
        provider_name: 'OpenAI',
        provider_type: 'openai',
        enabled: true,
        healthy: true,
      },
    ],
  },
)
export type ModelWithProvider = Static<typeof ModelWithProvider>
export const ModelWithProviderPage = pageOf(ModelWithProvider, 'LlmModelWithProviderPage')

const modelName = Type.String({ minLength: 1, maxLength: 255 })
const modelCapabilities = Type.Array(Type.String({ maxLength: 100 }), { maxItems: 50 })

export const NewModel = Type.Object(
  {
    model_id: described(
      modelName,
      "The provider's own name of the model: 1 to 255 characters, once per provider.",
    ),
    display_name: described(modelName, 'Name for people: 1 to 255 characters.'),
    capabilities: optional(
      modelCapabilities,
      'Labels: at most 50, each of at most 100 characters. Default: none.',
    ),
    is_default: optional(
      Type.Boolean(),
      'True makes it the default model instead of the current one. Default: false.',
    ),
    is_favorite: optional(Type.Boolean(), 'True marks it as favorite. Default: false.'),
  },
  {
    title: 'CreateLlmModelRequest',
    description: 'A model of a provider.',
    examples: [{ model_id: 'gpt-5-mini', display_name: 'GPT-5 mini', is_default: true }],
  },
)
export type NewModel = Static<typeof NewModel>

export const ModelChange = Type.Object(
  {
    model_id: optional(
      modelName,
      "New provider's name of the model: 1 to 255 characters. Absent or null: unchanged.",
    ),
    display_name: optional(
      modelName,
      'New name for people: 1 to 255 characters. Absent or null: unchanged.',
    ),
    capabilities: optional(
      modelCapabilities,
      'New labels, which replace the whole list: at most 50. Absent or null: unchanged.',
    ),
    is_default: optional(
      Type.Boolean(),
      'True makes it the default model instead of the current one. Absent or null: unchanged.',
    ),
    is_favorite: optional(
      Type.Boolean(),
      'Whether the model is a favorite. Absent or null: unchanged.',
    ),
    status: optional(
      ActiveStatus,
      '`disabled` takes the model out of use, `active` brings it back. Absent or null: unchanged.',
    ),
  },
  {
    title: 'UpdateLlmModelRequest',
    description: 'Properties of a model to change. An absent or `null` property is unchanged.',
    examples: [{ is_default: true }],
  },
)
export type ModelChange = Static<typeof ModelChange>

export const ModelQuery = Type.Object({
  ...listParameters,
  source: Type.Optional(described(ModelSource, `Only models from this source. ${sourceMeaning}`)),
  include_stale: Type.Optional(
    Type.Boolean({
      description: 'False leaves out models that their vendor no longer lists. Default: true.',
    }),
  ),
  favorites_only: Type.Optional(
    Type.Boolean({ description: 'True returns favorites only. Default: false.' }),
  ),
})
export type ModelQuery = Static<typeof ModelQuery>
