import type { DocsTable } from '../../core/docs.ts'

const model = 'model_01933b5a000070008000000000000001'
const provider = 'provider_01933b5a000070008000000000000001'

export const modelDocs = {
  list_all_models: {
    tag: 'Models',
    summary: 'List models',
    description:
      'Returns the models that sessions can use, by provider and name: those that are active, of active providers. `profile` contains the limits, prices and features from the catalog, if it contains the model. Without `limit` it streams the whole list.',
    sample: 'const models = await outlast.models.list({ favorites_only: true })',
  },
  get_model: {
    tag: 'Models',
    summary: 'Get a model',
    description:
      'Returns a model with its provider and, if the catalog contains it, its limits, prices and features.',
    sample: `const model = await outlast.models.get('${model}')`,
  },
  update_model: {
    tag: 'Models',
    summary: 'Update a model',
    description:
      'Changes the given properties of a model; absent and null properties stay. `is_default` makes it the default model of the organization in place of the current one. The status `disabled` takes it out of use.',
    errors: ['model_exists'],
    sample: `const model = await outlast.models.update('${model}', { is_default: true })`,
  },
  delete_model: {
    tag: 'Models',
    summary: 'Delete a model',
    description:
      'Deletes a model. A model that an agent, a session or a schedule uses is not deleted; disable it instead.',
    errors: ['model_in_use'],
    sample: `await outlast.models.delete('${model}')`,
  },
  list_provider_models: {
    tag: 'Models',
    summary: 'List models of a provider',
    description:
      'Returns every model of a provider by name, including disabled and stale ones. Without `limit` it streams the whole list.',
    sample: `const models = await outlast.providers.listModels('${provider}')`,
  },
  create_model: {
    tag: 'Models',
    summary: 'Add a model to a provider',
    description:
      "Adds a model by the name that the provider uses for it. Use it for models that `sync-models` does not find. `is_default` makes it the organization's default model. A provider has at most 10,000 models.",
    errors: ['quota_exceeded', 'model_exists'],
    request: { model_id: 'qwen3:8b', display_name: 'Qwen 3 8B' },
    sample: `const model = await outlast.providers.createModel('${provider}', {\n  model_id: 'qwen3:8b',\n  display_name: 'Qwen 3 8B',\n})`,
  },
} as const satisfies DocsTable
