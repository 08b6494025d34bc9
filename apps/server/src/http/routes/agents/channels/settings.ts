import type { ChannelAuthMethod, ChannelConfig } from '@outlast/contract'
import { ApiError, invalidAt } from '../../../../errors.ts'
import { isPrivateHost } from '../../../../outbound/private-address.ts'
import type { Node } from '../../../../runtime/node.ts'
import {
  channelSecretDestination,
  channelSecretPlace,
  type StoredSettings,
  secretUseOf,
} from '../../../../store/access/agent-channels.ts'
import { checkOutboundUrl } from '../../../core/outbound-url.ts'

type With = Pick<Node, 'config' | 'secrets'>
type Ref = { orgId: string; id: string }
type MethodProvider = NonNullable<ChannelAuthMethod['provider']>
type Field = keyof MethodProvider

/** Fields of a provider by mode: required ones, and others that it may have. */
const fields: Record<ChannelAuthMethod['mode'], { required: Field[]; others: Field[] }> = {
  oidc: { required: ['issuer'], others: ['jwks_url'] },
  google_oidc: { required: [], others: [] },
  oauth2_introspection: {
    required: ['introspection_url', 'client_id'],
    others: ['client_secret', 'client_secret_configured'],
  },
}
const addresses: Field[] = ['issuer', 'jwks_url', 'introspection_url']

/** Nodes cache the settings of many channels. */
const lengthMax = 16_384

/**
 * Checks settings of a channel, and converts them to what is stored: secrets sealed and apart.
 * `before`: the stored settings, whose secret stays for the same endpoint and client.
 * Contract: throws 400.
 */
export function storedSettings(
  node: With,
  ref: Ref,
  config: ChannelConfig,
  before?: StoredSettings,
): StoredSettings {
  const { auth_methods: methods = [], allowed_origins: origins = [] } = config
  if (JSON.stringify(config).length > lengthMax) {
    throw invalidAt('channel_config', `must have at most ${lengthMax} characters as JSON`)
  }
  for (const [at, method] of methods.entries()) {
    checkMethod(node, ref, { method, path: `channel_config/auth_methods/${at}` })
  }
  if (methods.filter(({ mode }) => mode === 'oauth2_introspection').length > 1) {
    throw invalidAt('channel_config/auth_methods', 'must have at most one oauth2_introspection')
  }
  for (const [at, origin] of origins.entries()) checkOrigin(origin, at)
  return {
    config: config.auth_methods ? { ...config, auth_methods: methods.map(withoutSecret) } : config,
    client_secret: sealedSecret(node, ref, config, before),
  }
}

type Named = { method: ChannelAuthMethod; path: string }

function checkMethod(node: With, { orgId }: Ref, { method, path }: Named) {
  const { mode, provider = {}, requirements } = method
  const { required, others } = fields[mode]
  for (const field of required) {
    if (!provider[field]) throw invalidAt(`${path}/provider/${field}`, `is required for ${mode}`)
  }
  for (const field of Object.keys(provider) as Field[]) {
    if ([...required, ...others].includes(field)) continue
    throw invalidAt(`${path}/provider/${field}`, `is not used by ${mode}`)
  }
  for (const field of addresses) {
    const url = provider[field] as string | undefined
    if (url !== undefined) checkAddress(node, orgId, { url, path: `${path}/provider/${field}` })
  }
  if (mode === 'google_oidc' && !requirements?.audiences?.length) {
    throw invalidAt(`${path}/requirements/audiences`, 'must name your applications at Google')
  }
}

/** Tokens and keys cross the public internet encrypted only. */
function checkAddress(node: With, orgId: string, { url, path }: { url: string; path: string }) {
  checkOutboundUrl(node, { orgId, purpose: 'identity' }, { url, path })
  const { protocol, hostname } = new URL(url)
  if (protocol !== 'https:' && !isPrivateHost(hostname)) {
    throw invalidAt(path, 'must begin with https://')
  }
  if (path.endsWith('/issuer') && url.includes('?')) throw invalidAt(path, 'must not have a query')
}

/** Browsers send origins in this form only. */
function checkOrigin(origin: string, at: number) {
  if (origin === '*') return
  const url = URL.parse(origin)
  const isOrigin =
    /^https?:$/.test(url?.protocol ?? '') && url?.origin === origin && !origin.includes('*')
  if (!isOrigin) {
    throw invalidAt(
      `channel_config/allowed_origins/${at}`,
      'must be an origin such as https://shop.example.com, in lower case and without a path',
    )
  }
}

function withoutSecret({ provider, ...method }: ChannelAuthMethod): ChannelAuthMethod {
  if (!provider) return method
  const { client_secret: _, client_secret_configured: __, ...shown } = provider
  return { ...method, provider: shown }
}

function sealedSecret(
  { secrets }: With,
  { orgId, id }: Ref,
  config: ChannelConfig,
  before: StoredSettings | undefined,
): string | null {
  const provider: MethodProvider | undefined = secretUseOf(config)
  if (!provider) return null
  const destination = channelSecretDestination(provider)
  if (provider.client_secret === undefined) {
    const stays = channelSecretDestination(secretUseOf(before?.config ?? {}) ?? {}) === destination
    return stays ? (before?.client_secret ?? null) : null
  }
  if (!secrets) throw new ApiError('encryption_not_configured', 'client_secret')
  return secrets.seal(provider.client_secret, channelSecretPlace(orgId, id), destination)
}

export const allowsAllOrigins = ({ allowed_origins }: ChannelConfig) =>
  allowed_origins?.includes('*') ?? false
