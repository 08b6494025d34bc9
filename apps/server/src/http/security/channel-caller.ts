import { endUserLengthMax, endUserPattern } from '@outlast/contract'
import type { FastifyRequest } from 'fastify'
import { networkOf } from '../../access/address.ts'
import { keyStart } from '../../access/credentials.ts'
import { identityCredential, isOfIdentity } from '../../access/identity/identities.ts'
import { unavailable } from '../../access/identity/key-sets.ts'
import { type ChannelCaller, limitedId, type Principal } from '../../access/principal.ts'
import { ApiError } from '../../errors.ts'
import type { Node } from '../../runtime/node.ts'
import { createShares } from '../../shares.ts'
import { findOpenChannel } from '../../store/access/agent-channels.ts'
import { unknownCallers } from '../../store/connection-shares.ts'
import { addressOf } from '../core/audit-entry.ts'
import { credentialOf } from './credential.ts'

/** Reads of tokens of identity providers at once for one network, and those that wait. */
const readsEach = 4
const readsWaiting = 100
const readWaitMs = 2_000

const channelId = /^appchan_[0-9a-f]{32}$/
const endUserForm = new RegExp(endUserPattern)
const minute = 60

const readLimits = {
  slots: Number.POSITIVE_INFINITY,
  slotsEach: readsEach,
  waitingMax: Number.POSITIVE_INFINITY,
  waitingEachMax: readsWaiting,
  waitMs: readWaitMs,
}

type ChannelPrincipal = Principal & { channel: ChannelCaller }

type Options = {
  /** Called once the caller is known. */
  admit: (request: FastifyRequest, principal: Principal) => void
}

/**
 * Identifies the callers of channels, in every AUTH_MODE. The order of the checks keeps a caller
 * from testing credentials on a closed channel, and strangers from filling the table of limits:
 * channel, whether it is served, credential, end user, rate limit.
 */
export function createChannelCallers({ access, shares }: Node, { admit }: Options) {
  const { credentials, limits, tokens } = access
  const reads = createShares(readLimits, unavailable)

  function knownOf(request: FastifyRequest, credential: string | ApiError, id: string) {
    if (credential instanceof ApiError) return undefined
    const bearer = credentials.known(credential, request.raw.socket)
    return bearer && 'principal' in bearer && isOf(bearer.principal, id)
      ? bearer.principal
      : undefined
  }

  /**
   * Strangers with many tokens of one network leave calls of the identity provider to others.
   * Requests in this process have no address: all users may be behind them.
   */
  function read(credential: string, address: string | null) {
    const isLimited = isOfIdentity(credential) && address !== null
    const work = () => credentials.find(credential)
    return isLimited ? reads.run(networkOf(address), work) : work()
  }

  async function find(
    request: FastifyRequest,
    credential: string | ApiError,
    id: string,
  ): Promise<ChannelPrincipal> {
    if (!(await findOpenChannel(shares(unknownCallers), id))) throw unknown()
    if (credential instanceof ApiError) throw credential
    const bearer = await read(credential, addressOf(request)).catch((error) => {
      // The channel of the credential may be a closed one, which is not the one of the path.
      throw error instanceof ApiError && error.status < 500 ? new ApiError('invalid_token') : error
    })
    if ('principal' in bearer && isOf(bearer.principal, id)) return bearer.principal
    throw new ApiError('invalid_token')
  }

  function takeOf(request: FastifyRequest, principal: ChannelPrincipal) {
    const { channel } = principal.channel
    const capacity = channel.settings.rate_limit_per_minute
    if (capacity === 0) return
    const network = networkOf(addressOf(request))
    const subject = `channel:${channel.id}:${limitedId(principal)}:${network}`
    limits.take([limits.bucket({ subject, capacity, seconds: minute })])
  }

  /** Tokens of others are those of identity providers, whose meaning depends on the channel. */
  function credentialFor(id: string, credential: string | ApiError) {
    if (credential instanceof ApiError) return credential
    const isOurs = credential.startsWith(keyStart) || tokens?.isOwn(credential)
    return isOurs ? credential : identityCredential(id, credential)
  }

  return async (request: FastifyRequest): Promise<void> => {
    const { channel_id: id = '' } = request.params as { channel_id?: string }
    if (!channelId.test(id)) throw unknown()
    const credential = credentialFor(id, credentialIn(request))
    const key = knownOf(request, credential, id) ?? (await find(request, credential, id))
    const principal = withUser(key, request)
    request.credential = credential as string
    takeOf(request, principal)
    admit(request, principal)
    request.principal = principal
  }
}

const unknown = () => new ApiError('not_found', 'Channel')

const isOf = (principal: Principal, id: string): principal is ChannelPrincipal =>
  principal.channel?.channel.id === id

/** Cookies are no credentials of a channel. */
function credentialIn(request: FastifyRequest): string | ApiError {
  const { authorization } = request.headers
  const { access_token: inQuery } = (request.query ?? {}) as { access_token?: unknown }
  const isGiven = authorization || (request.routeOptions.config.tokenInQuery && inQuery)
  if (!isGiven) return new ApiError('unauthenticated')
  try {
    return credentialOf(request)
  } catch (error) {
    if (error instanceof ApiError) return error
    throw error
  }
}

/** The caller: the key itself, or the end user that the token or the request names. */
function withUser(key: ChannelPrincipal, request: FastifyRequest): ChannelPrincipal {
  const { channel, keyId, permissions, tokenUser } = key.channel
  const named = endUserOf(request)
  if (tokenUser !== undefined && named !== undefined && named !== tokenUser) throw notAllowed()
  const user = tokenUser ?? named
  if (user === undefined) return key
  if (!permissions.includes('end_user')) throw notAllowed()
  const endUser = { user, channelId: channel.id, channelKeyId: keyId }
  // Limits count each user, not the key.
  return { ...key, id: `${keyId}:${user}`, name: user, endUser, counted: undefined }
}

const notAllowed = () => new ApiError('end_user_not_allowed')

/** Headers arrive as bytes, which are UTF-8. Contract: throws 403 for an unusable id. */
function endUserOf({ headers }: FastifyRequest): string | undefined {
  const given = headers['end-user']
  if (given === undefined) return undefined
  const user = decoded(String(given))
  const isUsable = user !== undefined && user.length <= endUserLengthMax && endUserForm.test(user)
  if (!isUsable) throw notAllowed()
  return user
}

/** Keeps a byte order mark, without which another id would be this one. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function decoded(header: string): string | undefined {
  try {
    return utf8.decode(Buffer.from(header, 'latin1'))
  } catch {
    return undefined
  }
}
