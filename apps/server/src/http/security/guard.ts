import { randomBytes } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { type Host, isLoopback, listsHost, parseHost } from '../../config/host.ts'
import type { Config } from '../../config.ts'
import { ApiError } from '../../errors.ts'
import type { Node } from '../../runtime/node.ts'
import { parametersMax, tooManyParameters } from '../core/query.ts'
import { channelOfUrl, createChannelOrigins } from './channel-origins.ts'

const prefix = randomBytes(6).toString('hex')
let count = 0

/** The request id that the client sent, if it is a plain word, else a new one. */
export function requestId(headers: IncomingHttpHeaders): string {
  const given = headers['x-request-id']
  if (typeof given === 'string' && /^[\w.-]{1,128}$/.test(given)) return given
  count += 1
  return `req_${prefix}${count.toString(36)}`
}

/** Headers that keep pages from framing, embedding or reinterpreting a response. */
export const browserHeaders = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'x-frame-options': 'DENY',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
}

const isOfApi = (url: string) => url.startsWith('/v1/') || url.startsWith('/openai/v1/')
const yearSeconds = 31_536_000

/**
 * Guards against requests that browsers can be made to send: none from pages of other origins, and
 * none for a Host that is not allowed. A page whose name was rebound to 127.0.0.1 sends its own
 * name as Host.
 */
export function guardBrowsers(app: FastifyInstance, node: Node): void {
  const { config } = node
  const admitToChannel = createChannelOrigins(node)
  const isAllowed = allowedHosts(config)
  const isHttps = config.AUTH_BASE_URL?.startsWith('https:') ?? false
  const strict = { 'strict-transport-security': `max-age=${yearSeconds}` }
  const always = { ...browserHeaders, ...(isHttps && strict) }
  const allowed = new Set(config.CORS_ALLOWED_ORIGINS)
  // Clients send the same Host again and again: the last allowed one is not parsed twice. Null
  // equals no header.
  let goodHost: string | undefined | null = null
  app.addHook('onRequest', (request, reply, done) => {
    reply.headers(always)
    reply.header('x-request-id', request.id)
    if (isOfApi(request.url)) reply.header('cache-control', 'no-store')
    if (request.headers.host === undefined && request.raw.httpVersion === '1.1') {
      return done(new ApiError('invalid_request', 'the Host header is missing.'))
    }
    if (isAllowed !== undefined && request.headers.host !== goodHost) {
      if (!isAllowed(hostOf(request))) return done(new ApiError('host_not_allowed'))
      goodHost = request.headers.host
    }
    if (request.query === tooManyParameters) {
      return done(new ApiError('too_many_parameters', String(parametersMax)))
    }
    const { origin } = request.headers
    if (origin !== undefined && !allowed.has(origin) && !isSameOrigin(origin, request)) {
      const channelId = channelOfUrl(request.url)
      if (channelId === undefined) return done(new ApiError('origin_not_allowed'))
      const admitted = admitToChannel(request, reply, { origin, channelId })
      return void admitted.then((isAnswered) => isAnswered || done(), done)
    }
    done()
  })
}

/** Returns the check of a request's host; undefined where every host is allowed. */
function allowedHosts(config: Config): ((host: Host | undefined) => boolean) | undefined {
  const list = config.ALLOWED_HOSTS
  const isOpen = config.ALLOW_OPEN_ACCESS || config.AUTH_MODE !== 'none'
  if (isOpen && list.length === 0) return undefined
  return (host) => host !== undefined && (isLoopback(host.name) || listsHost(list, host))
}

const hostOf = ({ headers }: FastifyRequest) => parseHost(headers.host ?? '')

/** True for a request whose Host header is a loopback name. */
export function namesLoopback(request: FastifyRequest): boolean {
  const host = hostOf(request)
  return host !== undefined && isLoopback(host.name)
}

export const isSameOrigin = (origin: string, { headers }: FastifyRequest) =>
  origin === `http://${headers.host}` || origin === `https://${headers.host}`
