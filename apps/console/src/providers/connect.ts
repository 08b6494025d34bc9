import type { Provider, ProviderTestResult } from '@outlast/sdk'
import { outlast } from '../client.ts'
import { allOf } from '../queries/all-items.ts'
import { type ProviderDraft, providerBody } from './draft.ts'
import { vendorOf } from './vendors.ts'

/** The form of the first key. `model`: only for vendors without models of their own. */
export type ConnectDraft = Omit<ProviderDraft, 'name'> & { model: string }

/**
 * Tests a key and stores it if the test succeeds. A provider of the type that has no key yet gets
 * it. Otherwise a provider is created, and deleted again after a failed test.
 */
export async function connectProvider(
  draft: ConnectDraft,
  providers: readonly Provider[],
): Promise<ProviderTestResult> {
  const keyless = vendorOf(draft.provider_type).needsAddress
    ? undefined
    : providers.find((one) => {
        return (
          one.provider_type === draft.provider_type && one.status === 'active' && !one.api_key_set
        )
      })
  const result = keyless ? await give(keyless.id, draft.api_key) : await add(draft)
  if (result.ok) await becomeDefault(result.model_id)
  return result
}

async function give(id: string, api_key: string): Promise<ProviderTestResult> {
  if (api_key === '') return outlast.providers.test(id)
  const result = await outlast.providers.test(id, { api_key })
  if (result.ok) await outlast.providers.update(id, { api_key })
  return result
}

async function add({ model, api_key, ...draft }: ConnectDraft): Promise<ProviderTestResult> {
  // A list of models needs the key.
  const stored = model === '' ? api_key : ''
  const { id } = await outlast.providers.create(
    providerBody({ ...draft, api_key: stored, name: URL.parse(draft.base_url)?.host ?? '' }),
  )
  let isTested = false
  try {
    if (model !== '') {
      await outlast.providers.createModel(id, { model_id: model, display_name: model })
    } else {
      await outlast.providers.syncModels(id)
    }
    const result = await give(id, api_key)
    isTested = result.ok
    return result
  } finally {
    if (!isTested) await outlast.providers.delete(id)
  }
}

/** Makes a model the default, unless the default is a vendor's model that can be called. */
async function becomeDefault(modelId: string): Promise<void> {
  const models = await allOf(outlast.models.list({ limit: 1_000 }))
  const isChosen = models.some(
    (one) => one.is_default && one.healthy && one.provider_type !== 'llmsim',
  )
  if (!isChosen) await outlast.models.update(modelId, { is_default: true })
}
