import { hash } from 'node:crypto'
import type { ChannelAuthMethod } from '@outlast/contract'
import type { JsonObject } from '../../json.ts'
import type { Log } from '../../log.ts'
import { SealedTextError, type Secrets } from '../../secrets.ts'
import {
  channelSecretDestination,
  channelSecretPlace,
  type OpenChannel,
} from '../../store/access/agent-channels.ts'
import { meets, tokenSubject } from './claims.ts'
import { fetchJson } from './fetch-json.ts'
import { fetchReason, type ReachIssuers, unavailable } from './key-sets.ts'

/** How long a token counts as refused, so that its repetition is no call. */
const refusedMs = 10_000
const refusedMax = 10_000
/** Calls of one endpoint at once. */
const callsMax = 20

type IntrospectionProvider = Required<
  Pick<NonNullable<ChannelAuthMethod['provider']>, 'introspection_url' | 'client_id'>
>

export type Introspection = {
  /**
   * Reads a token at the authorization server of a channel. Undefined for a token that it does not
   * accept. Contract: throws 503 while the server cannot be reached or has too many calls.
   */
  check: (
    token: string,
    about: { channel: OpenChannel; method: ChannelAuthMethod },
  ) => Promise<{ subject: string; expiresAt: number } | undefined>
}

type Options = { reach: ReachIssuers; secrets: Secrets | undefined; log: Log }

export function createIntrospection({ reach, secrets, log }: Options): Introspection {
  const refused = new Map<string, number>()
  const running = new Map<string, Map<string, Promise<JsonObject>>>()

  /** Equal tokens that arrive at once are one call. */
  function claimsOf(channel: OpenChannel, provider: IntrospectionProvider, token: string) {
    const endpoint = `${channel.orgId} ${provider.introspection_url}`
    const calls = running.get(endpoint) ?? new Map<string, Promise<JsonObject>>()
    running.set(endpoint, calls)
    const id = `${channel.id} ${token}`
    const found = calls.get(id)
    if (found) return found
    if (calls.size >= callsMax) throw unavailable()
    const call = request(channel, provider, token).finally(() => {
      calls.delete(id)
      if (calls.size === 0) running.delete(endpoint)
    })
    calls.set(id, call)
    return call
  }

  async function request(channel: OpenChannel, provider: IntrospectionProvider, token: string) {
    const { introspection_url: url, client_id } = provider
    const body = new URLSearchParams({ token, token_type_hint: 'access_token' })
    try {
      const secret = secretOf(channel, provider)
      if (secret === undefined) body.set('client_id', client_id)
      const headers = secret === undefined ? {} : { authorization: basic(client_id, secret) }
      return await fetchJson(reach(channel.orgId), url, { method: 'POST', headers, body })
    } catch (error) {
      log.warn('a token cannot be introspected', {
        channel: channel.id,
        reason: fetchReason(error),
      })
      throw unavailable()
    }
  }

  function secretOf({ orgId, id, clientSecret }: OpenChannel, provider: IntrospectionProvider) {
    if (clientSecret === null) return undefined
    if (!secrets) throw new SealedTextError('there is no master key')
    return secrets.open(
      clientSecret,
      channelSecretPlace(orgId, id),
      channelSecretDestination(provider),
    )
  }

  function refuse(print: string) {
    if (refused.size >= refusedMax) refused.delete(refused.keys().next().value!)
    refused.set(print, Date.now() + refusedMs)
  }

  return {
    async check(token, { channel, method }) {
      const provider = method.provider as IntrospectionProvider
      const print = hash('sha256', `${channel.id} ${channel.updatedAt} ${token}`, 'base64')
      if ((refused.get(print) ?? 0) > Date.now()) return undefined
      const claims = await claimsOf(channel, provider, token)
      const accepted = acceptedClaims(claims, method)
      if (!accepted) refuse(print)
      return accepted
    },
  }
}

/** RFC 6749, section 2.3.1: both parts are encoded like a form. */
function basic(clientId: string, secret: string): string {
  const part = (text: string) => new URLSearchParams({ '': text }).toString().slice(1)
  return `Basic ${Buffer.from(`${part(clientId)}:${part(secret)}`).toString('base64')}`
}

function acceptedClaims(claims: JsonObject, { requirements }: ChannelAuthMethod) {
  const subject = tokenSubject(claims)
  const { exp = Number.POSITIVE_INFINITY, nbf = 0 } = claims
  if (claims.active !== true || subject === undefined || !meets(claims, requirements)) {
    return undefined
  }
  if (typeof exp !== 'number' || typeof nbf !== 'number') return undefined
  const isValid = exp * 1000 > Date.now() && nbf * 1000 <= Date.now()
  return isValid ? { subject, expiresAt: exp * 1000 } : undefined
}
