import type { FastifyRequest } from 'fastify'
import { keyStart } from '../../access/credentials.ts'
import { ApiError } from '../../errors.ts'
import { readCookie } from './cookies.ts'
import { isSameOrigin } from './guard.ts'

/** The credential of a request: a header wins over a cookie. Contract: throws 401 without one. */
export function credentialOf(request: FastifyRequest): string {
  const { authorization } = request.headers
  if (authorization !== undefined && authorization !== '') return fromHeader(authorization)
  if (request.routeOptions.config.tokenInQuery) {
    const { access_token: token } = request.query as { access_token?: unknown }
    if (typeof token === 'string' && token !== '') return fromQuery(token)
  }
  const cookie = readCookie(request, 'access_token')
  if (cookie === undefined || cookie === '') throw new ApiError('unauthenticated')
  checkOriginOfCookie(request)
  return cookie
}

/** Accepts short-lived tokens in a URL, but no API keys, because proxies log URLs. */
function fromQuery(token: string): string {
  if (token.startsWith(keyStart)) throw new ApiError('key_in_query')
  return token
}

/** `<key>`, `ApiKey <key>`, `Bearer <key or token>`. */
function fromHeader(authorization: string): string {
  const [, scheme = '', rest = ''] = /^(\S+)(?: +(\S+))? *$/.exec(authorization) ?? []
  if (rest === '') {
    if (scheme.startsWith(keyStart)) return scheme
    throw new ApiError('invalid_api_key_format')
  }
  if (/^bearer$/i.test(scheme)) return rest
  if (!/^apikey$/i.test(scheme)) throw new ApiError('unauthenticated')
  if (!rest.startsWith(keyStart)) throw new ApiError('invalid_api_key_format')
  return rest
}

export const safeMethods = new Set(['GET', 'HEAD', 'OPTIONS'])

/** Refuses a request with an effect that a browser sends with a cookie from another origin. */
export function checkOriginOfCookie(request: FastifyRequest) {
  if (safeMethods.has(request.method)) return
  const { origin, 'sec-fetch-site': site } = request.headers
  if (origin === undefined ? site === 'same-origin' : isSameOrigin(origin, request)) return
  throw new ApiError('origin_not_allowed')
}
