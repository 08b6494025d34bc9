import { randomBytes } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { type Config, isLoopback } from '../config.ts'
import { ApiError } from '../errors.ts'

const prefix = randomBytes(6).toString('hex')
let count = 0

/** A client's own request id when it is a plain word, else one of ours. */
export function requestId(headers: IncomingHttpHeaders): string {
  const given = headers['x-request-id']
  if (typeof given === 'string' && /^[\w.-]{1,128}$/.test(given)) return given
  count += 1
  return `req_${prefix}${count.toString(36)}`
}

/** What no page may make of an answer of ours: another type, a frame, a part of itself. */
const headers = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'x-frame-options': 'DENY',
  'cross-origin-resource-policy': 'same-origin',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
}
const yearSeconds = 31_536_000

/**
 * Guards against what browsers can be made to do. No requests from pages of other origins; and with nothing but the
 * network between the API and its callers, only loopback names as Host (a page whose name was rebound to 127.0.0.1 has
 * another).
 */
export function guardBrowsers(app: FastifyInstance, config: Config): void {
  const anyHost = config.ALLOW_OPEN_ACCESS || config.AUTH_MODE !== 'none'
  const isHttps = config.AUTH_BASE_URL?.startsWith('https:') ?? false
  const strict = { 'strict-transport-security': `max-age=${yearSeconds}` }
  const always = { ...headers, ...(isHttps && strict) }
  const allowed = new Set(config.CORS_ALLOWED_ORIGINS)
  // Clients name one host again and again: the last good one is not looked at twice.
  let goodHost = ''
  app.addHook('onRequest', (request, reply, done) => {
    reply.headers(always)
    reply.header('x-request-id', request.id)
    if (request.url.startsWith('/v1/')) reply.header('cache-control', 'no-store')
    if (request.headers.host === undefined && request.raw.httpVersion === '1.1') {
      return done(new ApiError('invalid_request', 'it names no Host.'))
    }
    if (!anyHost && request.headers.host !== goodHost) {
      if (!isLoopback(hostNameOf(request))) return done(new ApiError('host_not_allowed'))
      goodHost = request.headers.host ?? ''
    }
    const { origin } = request.headers
    if (origin !== undefined && !allowed.has(origin) && !isSameOrigin(origin, request)) {
      return done(new ApiError('origin_not_allowed'))
    }
    done()
  })
}

/** The host that a request names, without its port. */
export function hostNameOf({ headers }: FastifyRequest): string {
  const host = headers.host ?? ''
  return host.startsWith('[') ? host.slice(1, host.indexOf(']')) : host.replace(/:\d*$/, '')
}

export const isSameOrigin = (origin: string, { headers }: FastifyRequest) =>
  origin === `http://${headers.host}` || origin === `https://${headers.host}`
