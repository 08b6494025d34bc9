import { discoverModels, typesWithKey, typesWithList } from '../../providers/discovery.ts'
import {
  claimDueProviders,
  type ProviderPlace,
  saveDiscovered,
} from '../../store/models/discovery.ts'
import type { Node } from '../node.ts'

/** Providers queried at once. */
const concurrencyMax = 4
/** Providers that a node claims at once. The others are due again an hour later. */
const claimMax = 20

/**
 * Updates the model lists of all due providers, until none is left or `signal` aborts.
 * Contract: throws only for database errors; each provider is queried by one node.
 */
export async function discoverDue(node: Node, signal: AbortSignal): Promise<void> {
  const { config } = node
  const due = {
    intervalHours: config.MODEL_SYNC_INTERVAL_HOURS,
    listed: typesWithList,
    keyed: typesWithKey(config),
    limit: claimMax,
  }
  while (!signal.aborted) {
    const claimed = await claimDueProviders(node.db, due)
    if (claimed.length === 0) return
    const queue = claimed.values()
    const work = async () => {
      for (const provider of queue) if (!signal.aborted) await discover(node, provider, signal)
    }
    await Promise.all(Array.from({ length: concurrencyMax }, work))
  }
}

async function discover(node: Node, provider: ProviderPlace, signal: AbortSignal) {
  const { org_id: orgId, id: providerId, provider_type: type, base_url, api_key } = provider
  try {
    const place = { orgId, id: providerId, type, baseUrl: base_url, sealed: api_key }
    const list = await discoverModels(node, place, signal)
    const { discovered, stale } = await saveDiscovered(node.db, { orgId, providerId }, list)
    node.bus.changed(orgId, { noun: 'provider', id: providerId })
    node.bus.changed(orgId, { noun: 'model', id: null })
    node.log.info('models synced', { provider: providerId, discovered, stale })
  } catch (error) {
    node.log.warn('could not update the models of a provider', {
      provider: providerId,
      error: (error as Error).message,
    })
  }
}
