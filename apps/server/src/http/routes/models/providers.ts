import {
  ErrorResponse,
  NewProvider,
  PageQuery,
  Provider,
  ProviderChange,
  ProviderPage,
} from '@outlast/contract'
import type { Config } from '../../../config.ts'
import { ApiError, invalidAt, secretNeeded } from '../../../errors.ts'
import { newId, parseId } from '../../../ids.ts'
import { isRefused, refusalAdvice } from '../../../outbound/outbound.ts'
import { providers } from '../../../providers/index.ts'
import { environmentKey } from '../../../providers/keys.ts'
import type { Node } from '../../../runtime/node.ts'
import {
  countProviders,
  createProvider,
  deleteProvider,
  getProvider,
  keyDestination,
  keyPlace,
  listProviders,
  type ProviderAddress,
  updateProvider,
} from '../../../store/models/providers.ts'
import { chooseDefault } from '../../../store/models/seeds.ts'
import type { Api } from '../../core/api.ts'
import { withoutQuery } from '../../core/audit-entry.ts'
import { sendList } from '../../core/list.ts'
import { checkNumber } from '../../core/number-limit.ts'

type Params = { id: string }

export function providerRoutes(api: Api): void {
  providerRoutesAt(api, '/v1/llm-providers', false)
  providerRoutesAt(api, '/v1/providers', true)
}

function providerRoutesAt(api: Api, base: string, hide: boolean): void {
  listRoutes(api, base, hide)
  providerRoute(api, base, hide)
}

function listRoutes({ app, node }: Api, base: string, hide: boolean): void {
  app.route<{ Querystring: PageQuery }>({
    method: 'GET',
    url: base,
    schema: {
      operationId: 'list_providers',
      hide,
      querystring: PageQuery,
      response: { 200: ProviderPage, '4xx': ErrorResponse },
    },
    async handler({ query, principal: { orgId }, db }, reply) {
      return sendList(reply, query, {
        async *batches(range) {
          for await (const batch of listProviders(db, orgId, range)) {
            yield batch.map((provider) => shownProvider(node, orgId, provider))
          }
        },
        count: () => countProviders(db, orgId),
      })
    },
  })

  app.route<{ Body: NewProvider }>({
    method: 'POST',
    url: base,
    config: { access: 'admin' },
    schema: {
      operationId: 'create_provider',
      hide,
      body: NewProvider,
      response: { 201: Provider, '4xx': ErrorResponse },
    },
    async handler({ body, principal, db }, reply) {
      checkAddress(node.config, principal.orgId, body)
      await checkNumber({
        max: node.config.PROVIDERS_MAX,
        what: 'providers',
        count: () => countProviders(db, principal.orgId),
      })
      const place = { orgId: principal.orgId, id: newId('provider') }
      const provider = await createProvider(
        db,
        place,
        sealed(node, place, { change: body, at: body }),
      )
      return reply.code(201).send(shownProvider(node, principal.orgId, provider))
    },
  })
}

function providerRoute({ app, node }: Api, base: string, hide: boolean): void {
  app.route<{ Params: Params }>({
    method: 'GET',
    url: `${base}/:id`,
    schema: {
      operationId: 'get_provider',
      hide,
      response: { 200: Provider, '4xx': ErrorResponse },
    },
    async handler({ params, principal, db }) {
      const { orgId } = principal
      const provider = await getProvider(db, orgId, parseId('provider', params.id))
      return shownProvider(node, orgId, provider)
    },
  })

  app.route<{ Params: Params; Body: ProviderChange }>({
    method: 'PATCH',
    url: `${base}/:id`,
    config: { access: 'admin' },
    schema: {
      operationId: 'update_provider',
      hide,
      body: ProviderChange,
      response: { 200: Provider, '4xx': ErrorResponse },
    },
    async handler(request) {
      const { params, principal, body, db } = request
      const { orgId } = principal
      const place = { orgId, id: parseId('provider', params.id) }
      const stored = await getProvider(db, orgId, place.id)
      const at = addressAfter(stored, body)
      if (body.base_url != null || body.provider_type != null) {
        checkAddress(node.config, orgId, at)
        checkKeyStays(stored, at, body)
        const details = { before: addressNote(stored), after: addressNote(at) }
        request.auditNote = { target: place.id, details }
      }
      const change = sealed(node, place, { change: body, at })
      const changed = await updateProvider(db, place, change)
      if (body.api_key) await chooseDefault(db, node.config, orgId)
      return shownProvider(node, orgId, changed)
    },
  })

  app.route<{ Params: Params }>({
    method: 'DELETE',
    url: `${base}/:id`,
    config: { access: 'admin' },
    schema: {
      operationId: 'delete_provider',
      hide,
      response: { '4xx': ErrorResponse },
    },
    async handler({ params, principal, db }, reply) {
      await deleteProvider(db, principal.orgId, parseId('provider', params.id))
      return reply.code(204).send()
    },
  })
}

/** A provider as clients see it: a key from the environment counts as set. */
function shownProvider({ config }: Node, orgId: string, provider: Provider): Provider {
  const { provider_type: type, base_url: baseUrl = null, api_key_set } = provider
  const usable = api_key_set || environmentKey(config, { orgId, type, baseUrl }) !== undefined
  return { ...provider, api_key_set: usable }
}

type ProviderRef = { orgId: string; id: string }
type WithKey = { api_key?: string | null }

/** A request whose key is encrypted for its provider and the provider's address at that time. */
function sealed<T extends WithKey>(
  { secrets }: Node,
  { orgId, id }: ProviderRef,
  { change, at }: { change: T; at: ProviderAddress },
): T {
  const { api_key } = change
  if (api_key == null) return change
  checkKeyText(api_key)
  if (!secrets) throw new ApiError('encryption_not_configured', 'API key')
  return { ...change, api_key: secrets.seal(api_key, keyPlace(orgId, id), keyDestination(at)) }
}

/** Contract: throws 400 for a text that no header can carry. */
export function checkKeyText(key: string): void {
  if (/^[\x21-\x7e]+$/.test(key)) return
  throw invalidAt('api_key', 'must be visible ASCII characters without spaces')
}

const addressAfter = (stored: Provider, change: ProviderChange): ProviderAddress => ({
  provider_type: change.provider_type ?? stored.provider_type,
  base_url: change.base_url ?? stored.base_url,
})

const addressNote = ({ provider_type, base_url }: ProviderAddress) => ({
  provider_type,
  ...(base_url && { base_url: withoutQuery(base_url) }),
})

/** A key is only sent to the address it was entered for. Throws 400 `secret_needed_again`. */
function checkKeyStays(stored: Provider, at: ProviderAddress, { api_key }: ProviderChange): void {
  const isElsewhere = keyDestination(stored) !== keyDestination(at)
  if (isElsewhere && stored.api_key_set && api_key == null) throw secretNeeded(['api_key'])
}

function checkAddress(config: Config, orgId: string, { provider_type, base_url }: ProviderAddress) {
  const { needsBaseUrl, queryAllowed } = providers[provider_type]
  if (base_url != null) checkBaseUrl(base_url, { config, orgId, queryAllowed })
  else if (needsBaseUrl) throw invalidAt('base_url', `is needed: ${provider_type} has no other`)
}

type AddressRules = { config: Config; orgId: string; queryAllowed: string | undefined }

function checkBaseUrl(text: string, { config, orgId, queryAllowed }: AddressRules) {
  const url = /^https?:\/\/[^\s\\]+$/i.test(text) && URL.canParse(text) ? new URL(text) : undefined
  if (!url) throw invalidAt('base_url', 'must be a URL that begins with http:// or https://')
  if (url.username !== '' || url.password !== '') {
    throw invalidAt('base_url', 'must not contain credentials: they belong in api_key')
  }
  const query = [...url.searchParams.keys()].filter((name) => name !== queryAllowed)
  if (query.length > 0 || /#|\?$/.test(text)) {
    const but = queryAllowed === undefined ? 'a query' : `a query but ${queryAllowed},`
    throw invalidAt('base_url', `must not have ${but} or a fragment: a key belongs in api_key`)
  }
  const { AUTH_MODE: mode, PRIVATE_HOSTS_ALLOWED: allowed } = config
  const caller = { orgId, purpose: 'provider' } as const
  if (mode !== 'none' && isRefused(allowed, caller, url)) {
    throw invalidAt('base_url', refusalAdvice(caller, url))
  }
}
