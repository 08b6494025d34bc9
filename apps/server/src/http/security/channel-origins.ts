import type { FastifyReply, FastifyRequest } from 'fastify'
import { networkOf } from '../../access/address.ts'
import { ApiError } from '../../errors.ts'
import type { Node } from '../../runtime/node.ts'
import { findOrigins } from '../../store/access/agent-channels.ts'
import { unknownCallers } from '../../store/connection-shares.ts'
import { addressOf } from '../core/audit-entry.ts'

const path = /^\/v1\/channels\/(appchan_[0-9a-f]{32})(?:[/?]|$)/

/** The channel of a URL, without any check. */
export const channelOfUrl = (url: string) => path.exec(url)?.[1]

const preflight = {
  'access-control-allow-methods': 'GET, POST',
  'access-control-max-age': '600',
}
const exposed = 'x-request-id, retry-after, location, idempotent-replayed'

type Sent = { origin: string; channelId: string }

/**
 * Creates the check of requests that pages of other origins send to a channel. It runs before the
 * caller is known, so that pages can read why a request is refused.
 * Contract: throws 403 `origin_not_allowed`. Returns true if it has answered a preflight request.
 * Cookies are no credentials of a channel, so none are allowed.
 */
export function createChannelOrigins({ access, config, shares }: Node) {
  const db = shares(unknownCallers)

  function takeOfAddress(request: FastifyRequest) {
    const { AUTH_MODE, RATE_LIMIT_ADDRESS: capacity } = config
    if (AUTH_MODE === 'none' || capacity === 0) return
    const subject = `address:${networkOf(addressOf(request))}`
    access.limits.take([access.limits.bucket({ subject, capacity, seconds: 60 })])
  }

  return async (request: FastifyRequest, reply: FastifyReply, { origin, channelId }: Sent) => {
    const isPreflight = request.method === 'OPTIONS'
    // Other requests count when their caller is identified.
    if (isPreflight) takeOfAddress(request)
    const origins = await findOrigins(db, channelId)
    const allowed = [origin, '*'].find((one) => origins.includes(one))
    if (allowed === undefined) {
      if (!isPreflight) takeOfAddress(request)
      throw new ApiError('origin_not_allowed')
    }
    reply.headers({ 'access-control-allow-origin': allowed, vary: 'Origin' })
    if (!isPreflight) {
      reply.header('access-control-expose-headers', exposed)
      return false
    }
    const wanted = request.headers['access-control-request-headers']
    if (wanted !== undefined) reply.header('access-control-allow-headers', wanted)
    reply.headers(preflight).code(204).send()
    return true
  }
}
