import type { DocsTable } from '../../core/docs.ts'

const provider = 'provider_01933b5a000070008000000000000001'

export const providerDocs = {
  list_providers: {
    tag: 'Providers',
    summary: 'List providers',
    description:
      'Returns the model providers of the organization, newest first. API keys are never returned; `api_key_set` is true if one is stored or set in the environment.',
    sample: 'const providers = await outlast.providers.list()',
  },
  create_provider: {
    tag: 'Providers',
    summary: 'Create a provider',
    description:
      'Adds a vendor of models, or a model server of your own by its `base_url`. The API key is encrypted and bound to the address of the provider. Call `sync-models` next to add its models. With authentication, `base_url` must be a public address unless `PRIVATE_HOSTS_ALLOWED` names it.',
    errors: ['encryption_not_configured', 'quota_exceeded'],
    request: {
      name: 'Ollama',
      provider_type: 'openai_completions',
      base_url: 'http://127.0.0.1:11434/v1',
    },
    sample:
      "const provider = await outlast.providers.create({\n  name: 'Ollama',\n  provider_type: 'openai_completions',\n  base_url: 'http://127.0.0.1:11434/v1',\n})",
  },
  get_provider: {
    tag: 'Providers',
    summary: 'Get a provider',
    description: 'Returns a provider. Its API key is never returned.',
    sample: `const provider = await outlast.providers.get('${provider}')`,
  },
  update_provider: {
    tag: 'Providers',
    summary: 'Update a provider',
    description:
      'Changes the given properties of a provider; absent and null properties stay. The status `disabled` takes its models out of use. A new address needs the API key again in the same request, so that a key is never sent to another host.',
    errors: ['secret_needed_again', 'encryption_not_configured'],
    request: { status: 'disabled' },
    sample: `const provider = await outlast.providers.update('${provider}', { status: 'disabled' })`,
  },
  delete_provider: {
    tag: 'Providers',
    summary: 'Delete a provider',
    description:
      'Deletes a provider with its models and its API key. A provider with a model in use is not deleted; disable it instead.',
    errors: ['model_in_use'],
    sample: `await outlast.providers.delete('${provider}')`,
  },
  sync_models: {
    tag: 'Providers',
    summary: 'Sync models of a provider',
    description:
      'Asks the provider for its list of models and adds the new ones. Models that it no longer lists become stale and stay usable. Providers of type `azure_openai` do not list models.',
    errors: ['models_not_listed', 'provider_without_key', 'provider_failed'],
    sample: `const sync = await outlast.providers.syncModels('${provider}')`,
  },
  test_provider: {
    tag: 'Providers',
    summary: 'Test a provider',
    description:
      'Makes one small model call and reports the latency, or the kind of failure. The vendor bills it as any call. A failed call is a 200 with `ok: false`. Without `model_id` it uses the default model, a favorite or any active model of the provider.',
    errors: ['provider_without_models', 'model_unavailable'],
    request: {},
    sample: `const result = await outlast.providers.test('${provider}')`,
  },
} as const satisfies DocsTable
