import type { ProviderType } from '@outlast/contract'
import type { Config } from '../config.ts'
import { SealedTextError, type Secrets } from '../secrets.ts'
import type { ModelScope } from '../store/models/model-scope.ts'
import { keyDestination, keyPlace } from '../store/models/providers.ts'
import { defaultOrganization } from '../store/models/seeds.ts'
import { KnownFailure } from './failure.ts'
import { providers } from './index.ts'

type Keys = Pick<Config, NonNullable<(typeof providers)[ProviderType]['environmentKey']>>

type Named = { orgId: string; type: ProviderType; baseUrl: string | null }

/**
 * Returns the environment's key for a provider without its own key.
 * Contract: only for the default organization, whose operator pays, and only for the vendor's own
 * address: the key is never sent to a server that a user entered.
 */
export function environmentKey(config: Keys, { orgId, type, baseUrl }: Named) {
  const name = providers[type].environmentKey
  if (name === undefined || baseUrl !== null || orgId !== defaultOrganization) return undefined
  return config[name]
}

/** The models that an organization may use, see `SIMULATED_MODELS`. */
export function modelScope(
  config: Keys & Pick<Config, 'SIMULATED_MODELS'>,
  orgId: string,
): ModelScope {
  if (config.SIMULATED_MODELS === 'always') return { orgId, keyedTypes: null }
  const keyed = Object.values(providers).filter(
    ({ type }) => environmentKey(config, { orgId, type, baseUrl: null }) !== undefined,
  )
  return { orgId, keyedTypes: keyed.map(({ type }) => type) }
}

/** A provider with its encrypted key from the database. */
export type Stored = Named & { id: string; sealed: string | null }

/**
 * Returns the key for a provider: its own, else the environment's.
 * Contract: throws KnownFailure `key_unreadable` when its own key cannot be decrypted; the
 * environment's key never replaces it.
 */
export function providerKey(
  { config, secrets }: { config: Keys; secrets: Secrets | undefined },
  provider: Stored,
): string | undefined {
  const { orgId, id, type, baseUrl, sealed } = provider
  if (sealed === null) return environmentKey(config, provider)
  if (!secrets) throw unreadableKey('no master key is configured')
  try {
    const destination = keyDestination({ provider_type: type, base_url: baseUrl })
    return secrets.open(sealed, keyPlace(orgId, id), destination)
  } catch (error) {
    if (error instanceof SealedTextError) throw unreadableKey(error.message)
    throw error
  }
}

const unreadableKey = (why: string) =>
  new KnownFailure('key_unreadable', `The provider's key cannot be decrypted: ${why}.`)
