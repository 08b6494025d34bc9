import { hash } from 'node:crypto'
import { ApiError } from '../../errors.ts'
import type { Log } from '../../log.ts'
import type { Secrets } from '../../secrets.ts'
import { subjectOf } from '../../store/access/access-changes.ts'
import { findOpenChannel, type OpenChannel } from '../../store/access/agent-channels.ts'
import type { Db } from '../../store/database.ts'
import type { Principal } from '../principal.ts'
import { createIntrospection } from './introspection.ts'
import { createKeySets, type ReachIssuers } from './key-sets.ts'
import { claimedIssuer, issuerOf, verifySigned } from './signed-tokens.ts'

const tokenLengthMax = 8_192
/** How long a node trusts a result before it verifies the token again. */
const trustedMs = { signed: 5 * 60_000, introspected: 30_000 }

const channelsMax = 1_000

const form = /^(appchan_[0-9a-f]{32})\n([\x21-\x7e]+)$/

/** The text by which a node caches a token of an identity provider: one channel may trust it. */
export const identityCredential = (channelId: string, token: string) => `${channelId}\n${token}`

export const isOfIdentity = (credential: string) => form.test(credential)

/** The user of an identity provider. Users of two realms are different people. */
type RealmUser = { realm: string; subject: string; expiresAt: number }

type Options = { reach: ReachIssuers; secrets: Secrets | undefined; log: Log }

export type Identities = ReturnType<typeof createIdentities>

/** Callers of channels that identity providers know. */
export function createIdentities(options: Options) {
  const keySets = createKeySets(options.reach, options.log)
  const introspection = createIntrospection(options)
  /** The latest channels: thousands of cached callers share the settings of theirs. */
  const channels = new Map<string, OpenChannel>()

  function shared(channel: OpenChannel): OpenChannel {
    const found = channels.get(channel.id)
    if (found?.updatedAt === channel.updatedAt) return found
    if (channels.size >= channelsMax) channels.delete(channels.keys().next().value!)
    channels.set(channel.id, channel)
    return channel
  }

  /** Contract: throws 503 if no method accepts the token and the keys of one cannot be read. */
  async function signedBy(channel: OpenChannel, issuer: string, token: string) {
    let failure: unknown
    for (const method of channel.settings.auth_methods) {
      if (issuerOf(method) !== issuer) continue
      const { orgId } = channel
      const keyOf = keySets.of({ orgId, issuer, jwksUrl: method.provider?.jwks_url })
      const verified = await verifySigned(token, { method, issuer, keyOf }).catch((error) => {
        failure ??= error
      })
      if (verified) return inRealm(issuer, verified, trustedMs.signed)
    }
    if (failure) throw failure
    return undefined
  }

  async function introspected(channel: OpenChannel, token: string) {
    const method = channel.settings.auth_methods.find(({ mode }) => mode === 'oauth2_introspection')
    const found = method && (await introspection.check(token, { channel, method }))
    const url = method?.provider?.introspection_url ?? ''
    return found && inRealm(url, found, trustedMs.introspected)
  }

  /** A token of an issuer that the channel trusts is sent to no other provider. */
  async function identify(channel: OpenChannel, token: string): Promise<RealmUser | undefined> {
    if (token.length > tokenLengthMax) return undefined
    const issuer = await claimedIssuer(token)
    const isSigned = channel.settings.auth_methods.some((one) => issuerOf(one) === issuer)
    return issuer !== undefined && isSigned
      ? signedBy(channel, issuer, token)
      : introspected(channel, token)
  }

  return {
    /**
     * Reads the caller of an `identityCredential`. Undefined for another credential.
     * Contract: throws 401, 403 `channel_closed`, and 503 while a provider cannot be reached.
     */
    async read(db: Db, credential: string) {
      const [, channelId, token] = form.exec(credential) ?? []
      if (channelId === undefined || token === undefined) return undefined
      const channel = await findOpenChannel(db, channelId)
      const found = channel && (await identify(channel, token))
      if (!found) throw new ApiError('invalid_token')
      return {
        subjects: [subjectOf.channel(channelId)],
        expiresAt: found.expiresAt,
        bearer: { principal: principalOf(shared(channel), found) },
      }
    },
  }
}

/** A realm is named by the settings of the channel, never by the answer of a provider. */
function inRealm(
  name: string,
  { subject, expiresAt }: Omit<RealmUser, 'realm'>,
  trusted: number,
): RealmUser {
  const realm = `idp_${hash('sha256', name).slice(0, 32)}`
  return { realm, subject, expiresAt: Math.min(expiresAt, Date.now() + trusted) }
}

function principalOf(channel: OpenChannel, { realm, subject }: RealmUser) {
  return {
    kind: 'channel',
    id: realm,
    name: subject,
    userId: realm,
    orgId: channel.orgId,
    role: 'viewer',
    level: 'read',
    channel: { channel, keyId: realm, permissions: ['sessions', 'end_user'], tokenUser: subject },
  } satisfies Principal
}
